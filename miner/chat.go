package miner

import (
	"agora/engine"
	"agora/wire/openai"
	"agora/wire/receipt"
)

// chatAnswer builds the answers to one request from tokens, whole or in chunks.
type chatAnswer struct {
	req *openai.ChatRequest
	stamp
	choices []chatChoice
	short   bool // its reader knows of no stop_reason

	out   []openai.ChatChunk       // what chunks and last have returned, until they are called again
	parts []openai.ChatChunkChoice // in out
}

// chatChoice is one of them.
type chatChoice struct {
	content stitch
	tokens  []openai.TokenLogprob
	begun   bool
	end     engine.End
}

func newChatAnswer(req *openai.ChatRequest, s stamp) *chatAnswer {
	return &chatAnswer{req: req, stamp: s, choices: make([]chatChoice, max(1, deref(req.N)))}
}

// end takes the end of a choice.
func (a *chatAnswer) end(c *chatChoice, e *engine.End) {
	if c.end = *e; a.short {
		c.end.Stopped = ""
	}
}

// at is the choice of that index; an engine that gives more than were asked for is at fault, and they are left out.
func (a *chatAnswer) at(i int) *chatChoice {
	if i < 0 || i >= len(a.choices) {
		return &chatChoice{}
	}
	return &a.choices[i]
}

func (a *chatAnswer) add(t engine.Token) error {
	c := a.at(t.Choice)
	if t.End != nil {
		a.end(c, t.End)
		return nil
	}
	c.content.Write(t.Bytes)
	if a.req.Logprobs {
		c.tokens = append(c.tokens, tokenLogprob(t, deref(a.req.TopLogprobs)))
	}
	return nil
}

func (a *chatAnswer) whole(usage openai.Usage, finish engine.Finish) openai.ChatResponse {
	r := openai.ChatResponse{ID: a.id, Object: "chat.completion", Created: a.created, Model: a.model, Usage: &usage}
	for i := range a.choices {
		c := &a.choices[i]
		choice := openai.ChatChoice{
			Index:        i,
			Message:      openai.Message{Role: "assistant", Content: openai.Content(c.content.String()), ToolCalls: c.end.Calls},
			FinishReason: c.reason(finish),
			StopReason:   c.end.Stopped,
		}
		if a.req.Logprobs {
			choice.Logprobs = &openai.ChatLogprobs{Content: orEmpty(c.tokens)}
		}
		r.Choices = append(r.Choices, choice)
	}
	return r
}

// said is what the answer's chunks say.
func (a *chatAnswer) said(finish engine.Finish) []receipt.Choice {
	list := make([]receipt.Choice, len(a.choices))
	for i := range a.choices {
		c := &a.choices[i]
		list[i] = receipt.Choice{Content: c.content.String(), Finish: c.reason(finish)}
		for _, call := range c.end.Calls {
			list[i].Calls = append(list[i].Calls, receipt.Call{ID: call.ID, Name: call.Function.Name, Arguments: call.Function.Arguments})
		}
	}
	return list
}

// reason is why this choice ended: what its own end says, else what the engine said of the whole.
func (c *chatChoice) reason(finish engine.Finish) string {
	if c.end.Finish != "" {
		return string(c.end.Finish)
	}
	return string(finish)
}

// chunks are the events of one token, valid until more are asked for; the first token brings the role along.
func (a *chatAnswer) chunks(t engine.Token) []openai.ChatChunk {
	a.out, a.parts = a.out[:0], a.parts[:0]
	if t.Choice < 0 || t.Choice >= len(a.choices) {
		return nil
	}
	c := a.at(t.Choice)
	if t.End != nil {
		a.end(c, t.End)
		return nil
	}
	choice := openai.ChatChunkChoice{Index: t.Choice, Delta: openai.Delta{Content: c.content.push(t.Bytes)}}
	if a.req.Logprobs {
		choice.Logprobs = &openai.ChatLogprobs{Content: []openai.TokenLogprob{tokenLogprob(t, deref(a.req.TopLogprobs))}}
	}
	if !c.begun {
		c.begun, choice.Delta.Role = true, "assistant"
	}
	a.put(choice)
	return a.out
}

// open puts the role of a choice that has not begun.
func (a *chatAnswer) open(i int) {
	if c := a.at(i); !c.begun {
		c.begun = true
		a.put(openai.ChatChunkChoice{Index: i, Delta: openai.Delta{Role: "assistant"}})
	}
}

// put adds a chunk of one choice to what is returned next.
func (a *chatAnswer) put(choice openai.ChatChunkChoice) {
	a.parts = append(a.parts, choice)
	n := len(a.parts)
	a.out = append(a.out, a.chunk(a.parts[n-1:n:n]))
}

// last are the events after the last token, as chunks are: bytes still held back, calls, the reasons of the ends, and the
// usage if wanted.
func (a *chatAnswer) last(usage openai.Usage, finish engine.Finish) []openai.ChatChunk {
	a.out, a.parts = a.out[:0], a.parts[:0]
	for i := range a.choices {
		c := &a.choices[i]
		a.open(i)
		if rest := c.content.rest(); rest != "" {
			a.put(openai.ChatChunkChoice{Index: i, Delta: openai.Delta{Content: rest}})
		}
		for n, call := range c.end.Calls {
			call.Index = &n
			a.put(openai.ChatChunkChoice{Index: i, Delta: openai.Delta{ToolCalls: []openai.ToolCall{call}}})
		}
		why := c.reason(finish)
		a.put(openai.ChatChunkChoice{Index: i, FinishReason: &why, StopReason: c.end.Stopped})
	}
	if a.req.StreamOptions.WantsUsage() {
		end := a.chunk([]openai.ChatChunkChoice{})
		end.Usage = &usage
		a.out = append(a.out, end)
	}
	return a.out
}

func (a *chatAnswer) chunk(choices []openai.ChatChunkChoice) openai.ChatChunk {
	return openai.ChatChunk{ID: a.id, Object: "chat.completion.chunk", Created: a.created, Model: a.model, Choices: choices}
}
