package llm

// Tokens implements task.Reader.
func (e *Engine) Tokens(text string) (ids []int32, begin int) {
	if e.tokens.AddBOS && e.tokens.BOS >= 0 {
		ids, begin = append(ids, e.tokens.BOS), 1
	}
	return append(ids, e.tokens.Encode(text)...), begin
}

// Written implements task.Reader. The space that some tokenizers put before a text is left out.
func (e *Engine) Written(ids []int32) [][]byte {
	words := make([][]byte, len(ids))
	for i, id := range ids {
		words[i] = e.tokens.Bytes(id)
	}
	if e.tokens.Prefix && len(words) > 0 && len(words[0]) > 0 && words[0][0] == ' ' {
		words[0] = words[0][1:]
	}
	return words
}

// Window implements task.Reader.
func (e *Engine) Window() int { return e.context }
