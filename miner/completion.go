package miner

import (
	"unicode/utf8"

	"agora/engine"
	"agora/wire/openai"
	"agora/wire/receipt"
)

// completionAnswer builds one continuation from tokens, whole or in chunks.
type completionAnswer struct {
	req *openai.CompletionRequest
	stamp
	content stitch
	probs   *openai.CompletionLogprobs // of all tokens so far; nil where not asked for
	offset  int                        // characters of the answer before the next token
}

func newCompletionAnswer(req *openai.CompletionRequest, s stamp) *completionAnswer {
	a := &completionAnswer{req: req, stamp: s}
	if req.Logprobs != nil {
		a.probs = emptyLogprobs()
	}
	return a
}

func emptyLogprobs() *openai.CompletionLogprobs {
	return &openai.CompletionLogprobs{
		Tokens: []string{}, TokenLogprobs: []float64{}, TopLogprobs: []map[string]float64{}, TextOffset: []int{},
	}
}

func (a *completionAnswer) add(t engine.Token) error {
	if t.End != nil { // the engine says of the whole why it ended
		return nil
	}
	a.content.Write(t.Bytes)
	if a.probs != nil {
		a.note(a.probs, t)
	}
	return nil
}

// note appends a token's entry to each list.
func (a *completionAnswer) note(p *openai.CompletionLogprobs, t engine.Token) {
	top := alternatives(t, deref(a.req.Logprobs))
	byText := make(map[string]float64, len(top))
	for _, alt := range top {
		byText[alt.Token] = alt.Logprob
	}
	p.Tokens = append(p.Tokens, spell(t.Bytes))
	p.TokenLogprobs = append(p.TokenLogprobs, finite(t.Logprob))
	p.TopLogprobs = append(p.TopLogprobs, byText)
	p.TextOffset = append(p.TextOffset, a.offset)
	if len(top) > 0 {
		p.TopBytes = append(p.TopBytes, top)
	}
	a.offset += utf8.RuneCount(t.Bytes)
}

func (a *completionAnswer) whole(usage openai.Usage, finish engine.Finish) openai.CompletionResponse {
	why := string(finish)
	r := a.response(openai.CompletionChoice{Text: a.content.String(), Logprobs: a.probs, FinishReason: &why})
	r.Usage = &usage
	return r
}

// chunks are the events of one token; an end has none.
func (a *completionAnswer) chunks(t engine.Token) []openai.CompletionResponse {
	if t.End != nil {
		return nil
	}
	choice := openai.CompletionChoice{Text: a.content.push(t.Bytes)}
	if a.req.Logprobs != nil {
		choice.Logprobs = emptyLogprobs()
		a.note(choice.Logprobs, t)
	}
	return []openai.CompletionResponse{a.response(choice)}
}

// last are the events after the last token: the reason of the end with bytes still held back, and the usage if wanted.
func (a *completionAnswer) last(usage openai.Usage, finish engine.Finish) []openai.CompletionResponse {
	why := string(finish)
	events := []openai.CompletionResponse{a.response(openai.CompletionChoice{Text: a.content.rest(), FinishReason: &why})}
	if a.req.StreamOptions.WantsUsage() {
		end := a.response()
		end.Usage = &usage
		events = append(events, end)
	}
	return events
}

// said is what the answer's chunks say.
func (a *completionAnswer) said(finish engine.Finish) []receipt.Choice {
	return []receipt.Choice{{Content: a.content.String(), Finish: string(finish)}}
}

func (a *completionAnswer) response(choices ...openai.CompletionChoice) openai.CompletionResponse {
	return openai.CompletionResponse{
		ID: a.id, Object: "text_completion", Created: a.created, Model: a.model, Choices: orEmpty(choices),
	}
}
