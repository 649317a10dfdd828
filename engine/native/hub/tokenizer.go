package hub

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"agora/engine/native/token"
)

// tokenizerFile is tokenizer.json as far as it is read.
type tokenizerFile struct {
	Model struct {
		Type     string           `json:"type"`
		Vocab    map[string]int32 `json:"vocab"`
		Merges   json.RawMessage  `json:"merges"`
		Fallback bool             `json:"byte_fallback"`
		Unknown  string           `json:"unk_token"`
	} `json:"model"`
	Added []struct {
		ID      int32  `json:"id"`
		Content string `json:"content"`
		Special bool   `json:"special"`
	} `json:"added_tokens"`
	Cut    stage `json:"pre_tokenizer"`
	Change stage `json:"normalizer"`
}

// stage is a step of cutting text into words.
type stage struct {
	Type    string  `json:"type"`
	Stages  []stage `json:"pretokenizers"`
	Single  bool    `json:"individual_digits"`
	Regex   *bool   `json:"use_regex"`
	Pattern struct {
		Regex string `json:"Regex"`
		Text  string `json:"String"`
	} `json:"pattern"`

	// Of changes before that, and of marks for blanks.
	Changes []stage `json:"normalizers"`
	Prepend string  `json:"prepend"`
	Content string  `json:"content"`
	Blank   string  `json:"replacement"`
	Scheme  string  `json:"prepend_scheme"`
	Apart   *bool   `json:"split"`
}

// cuts are the expressions that are known, by the names that GGUF gives them.
var cuts = map[string]string{
	`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`: "llama-bpe",
	`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`:      "qwen2",
}

// name is the way of cutting, or an error that shows the expression.
func (s *stage) name() (string, error) {
	stages := s.Stages
	if s.Type != "Sequence" {
		stages = []stage{*s}
	}
	digits, expression, bytes := false, "", false
	for _, x := range stages {
		switch x.Type {
		case "Digits":
			digits = x.Single
		case "Split":
			expression = x.Pattern.Regex
		case "ByteLevel":
			bytes = x.Regex == nil || *x.Regex
		default:
			return "", fmt.Errorf("%w: text cut by %q", token.ErrUnsupported, x.Type)
		}
	}
	if known, ok := cuts[expression]; ok && !digits && !bytes {
		return known, nil
	}
	switch {
	case expression != "" || !bytes:
		return "", fmt.Errorf("%w: text cut by %q", token.ErrUnsupported, expression)
	case digits:
		return "smollm", nil
	}
	return "gpt-2", nil
}

func readTokenizer(path string, c *config) (*token.Tokenizer, error) {
	var f tokenizerFile
	if err := readJSON(path, maxTokenizer, &f); err != nil {
		return nil, err
	}
	if f.Model.Type != "BPE" {
		return nil, fmt.Errorf("%w: %s; BPE is", token.ErrUnsupported, f.Model.Type)
	}
	t, err := f.table(c)
	if err != nil {
		return nil, err
	}
	if f.Model.Fallback {
		return f.pieces(t)
	}
	t.Model = "gpt2"
	if t.Cut, err = f.Cut.name(); err != nil {
		return nil, err
	}
	return token.New(t)
}

// table is the vocabulary and the merges.
func (f *tokenizerFile) table(c *config) (token.Table, error) {
	t := token.Table{BOS: number(c.BOS), EOS: number(c.EOS), Unk: -1}
	size := int32(0)
	for _, id := range f.Model.Vocab {
		size = max(size, id+1)
	}
	for _, a := range f.Added {
		size = max(size, a.ID+1)
	}
	if int(size) > len(f.Model.Vocab)+len(f.Added)+1<<10 {
		return t, fmt.Errorf("%w: %d tokens, numbered up to %d", token.ErrDamaged, len(f.Model.Vocab)+len(f.Added), size)
	}
	t.Tokens, t.Kinds = make([]string, size), slices.Repeat([]token.Kind{token.Unused}, int(size))
	put := func(id int32, s string, kind token.Kind) {
		if id >= 0 {
			t.Tokens[id], t.Kinds[id] = s, kind
		}
	}
	for s, id := range f.Model.Vocab {
		put(id, s, token.Normal)
	}
	for _, a := range f.Added {
		kind := token.UserDefined
		if a.Special {
			kind = token.Control
		}
		put(a.ID, a.Content, kind)
	}
	var err error
	t.Merges, err = merges(f.Model.Merges)
	return t, err
}

// merges reads both spellings: "left right" and ["left", "right"].
func merges(raw json.RawMessage) ([]string, error) {
	var lines []string
	if json.Unmarshal(raw, &lines) == nil {
		return lines, nil
	}
	var pairs [][2]string
	if err := json.Unmarshal(raw, &pairs); err != nil {
		return nil, fmt.Errorf("%w: merges: %w", token.ErrDamaged, err)
	}
	lines = nil // what the first attempt left
	for _, p := range pairs {
		lines = append(lines, strings.Join(p[:], " "))
	}
	return lines, nil
}

// number is a token id that files give as a number or a list of them.
func number(v any) int32 {
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	if x, ok := v.(float64); ok && x >= 0 && x < 1<<31 {
		return int32(x)
	}
	return -1
}
