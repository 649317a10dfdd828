package miner

import (
	"agora/engine"
	"agora/wire/openai"
)

// chatAnswer builds one chat answer from tokens, whole or in chunks.
type chatAnswer struct {
	req *openai.ChatRequest
	stamp
	text    stitch
	content []byte
	tokens  []openai.TokenLogprob
	begun   bool
}

func newChatAnswer(req *openai.ChatRequest, s stamp) *chatAnswer {
	return &chatAnswer{req: req, stamp: s}
}

func (a *chatAnswer) add(t engine.Token) error {
	a.content = append(a.content, t.Bytes...)
	if a.req.Logprobs {
		a.tokens = append(a.tokens, tokenLogprob(t, deref(a.req.TopLogprobs)))
	}
	return nil
}

func (a *chatAnswer) whole(usage openai.Usage, finish engine.Finish) openai.ChatResponse {
	choice := openai.ChatChoice{
		Message:      openai.Message{Role: "assistant", Content: openai.Content(a.content)},
		FinishReason: string(finish),
	}
	if a.req.Logprobs {
		choice.Logprobs = &openai.ChatLogprobs{Content: orEmpty(a.tokens)}
	}
	return openai.ChatResponse{
		ID: a.id, Object: "chat.completion", Created: a.created, Model: a.model,
		Choices: []openai.ChatChoice{choice}, Usage: &usage,
	}
}

// chunks are the events of one token; the first token brings the role along.
func (a *chatAnswer) chunks(t engine.Token) []openai.ChatChunk {
	choice := openai.ChatChunkChoice{Delta: openai.Delta{Content: a.text.push(t.Bytes)}}
	if a.req.Logprobs {
		choice.Logprobs = &openai.ChatLogprobs{Content: []openai.TokenLogprob{tokenLogprob(t, deref(a.req.TopLogprobs))}}
	}
	return append(a.opening(), a.chunk(choice))
}

func (a *chatAnswer) opening() []openai.ChatChunk {
	if a.begun {
		return nil
	}
	a.begun = true
	return []openai.ChatChunk{a.chunk(openai.ChatChunkChoice{Delta: openai.Delta{Role: "assistant"}})}
}

// last are the events after the last token: bytes still held back, the reason of the end, and the usage if wanted.
func (a *chatAnswer) last(usage openai.Usage, finish engine.Finish) []openai.ChatChunk {
	chunks := a.opening()
	if rest := a.text.rest(); rest != "" {
		chunks = append(chunks, a.chunk(openai.ChatChunkChoice{Delta: openai.Delta{Content: rest}}))
	}
	why := string(finish)
	chunks = append(chunks, a.chunk(openai.ChatChunkChoice{FinishReason: &why}))
	if a.req.StreamOptions.WantsUsage() {
		end := a.chunk()
		end.Usage = &usage
		chunks = append(chunks, end)
	}
	return chunks
}

func (a *chatAnswer) chunk(choices ...openai.ChatChunkChoice) openai.ChatChunk {
	return openai.ChatChunk{
		ID: a.id, Object: "chat.completion.chunk", Created: a.created, Model: a.model, Choices: orEmpty(choices),
	}
}
