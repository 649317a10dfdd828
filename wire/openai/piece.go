package openai

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Piece is what one chunk of a chat adds to its first choice, as doors of other shapes tell it.
type Piece struct {
	Model     string
	Text      string
	Reasoning string
	Refusal   string
	Calls     []CallPiece
	Logprobs  []json.RawMessage // of the text's tokens
	Finish    string            // why the answer ended, in OpenAI's words; empty before its end
	Stopped   string            // the stop string at which it did, where the server tells
	Usage     *Usage
	Cost
}

// Cost is what an answer costs, as its usage tells it in every door: TAO, and the parts of it in rao.
type Cost struct {
	TAO   json.Number     `json:"cost,omitempty"`
	Parts json.RawMessage `json:"cost_details,omitempty"`
}

// CallPiece is a part of a call of a tool. Calls are numbered from 0 in the order in which they begin.
type CallPiece struct {
	Number    int
	Begins    bool   // the first part; only it has ID and Name
	ID        string // never empty then
	Name      string // likewise
	Arguments string // what is added to them
}

// Pieces reads the chunks of one chat, or its plain answer as the only one. ID makes the ids of calls that have none.
type Pieces struct {
	ID    string
	calls []*callState
	begun int // calls that were told
}

// callState is a call of which parts have come. What comes before its name is held back.
type callState struct {
	index    int
	id, name string
	held     string
	number   int // -1 while it is held back
}

// choicePiece is what is read of a chunk's or an answer's choice.
type choicePiece struct {
	Index        int             `json:"index"`
	Delta        *delta          `json:"delta"`
	Message      *delta          `json:"message"`
	FinishReason *string         `json:"finish_reason"`
	StopReason   any             `json:"stop_reason"`  // vLLM: the stop string, or a token's number
	MatchedStop  any             `json:"matched_stop"` // SGLang: likewise
	Logprobs     json.RawMessage `json:"logprobs"`
}

// tokens are the entries of a choice's log-probabilities; none where they have another form.
func (c *choicePiece) tokens() []json.RawMessage {
	var of struct {
		Content []json.RawMessage `json:"content"`
	}
	if !given(c.Logprobs) || json.Unmarshal(c.Logprobs, &of) != nil {
		return nil
	}
	return of.Content
}

type delta struct {
	Content          lenient `json:"content"`
	ReasoningContent lenient `json:"reasoning_content"` // llama.cpp, vLLM, DeepSeek
	Reasoning        lenient `json:"reasoning"`         // newer vLLM, Ollama, OpenRouter
	Refusal          lenient `json:"refusal"`
	ToolCalls        []struct {
		Index    int    `json:"index"`
		ID       string `json:"id"`
		Function struct {
			Name      string  `json:"name"`
			Arguments lenient `json:"arguments"`
		} `json:"function"`
	} `json:"tool_calls"`
}

// lenient is a string, or that of a list of parts of text; of anything else but null it is the JSON text.
type lenient string

// UnmarshalJSON reads any value.
func (l *lenient) UnmarshalJSON(data []byte) error {
	var text *string
	if json.Unmarshal(data, &text) == nil {
		*l = ""
		if text != nil {
			*l = lenient(*text)
		}
		return nil
	}
	var parts []struct{ Type, Text string }
	if json.Unmarshal(data, &parts) != nil {
		*l = lenient(data)
		return nil
	}
	*l = ""
	for _, p := range parts {
		*l += lenient(p.Text)
	}
	return nil
}

// Read reads the next chunk. The error is ErrChunk.
func (p *Pieces) Read(data []byte) (Piece, error) {
	var chunk struct {
		Model   string          `json:"model"`
		Choices []choicePiece   `json:"choices"`
		Usage   json.RawMessage `json:"usage"`
	}
	if err := json.Unmarshal(data, &chunk); err != nil {
		return Piece{}, fmt.Errorf("%w: %w", ErrChunk, err)
	}
	out := Piece{Model: chunk.Model, Usage: usageOf(chunk.Usage)}
	if out.Usage != nil && json.Unmarshal(chunk.Usage, &out.Cost) != nil {
		out.Cost = Cost{} // a server's own, in another form
	}
	for _, c := range chunk.Choices {
		if c.Index != 0 {
			continue
		}
		if c.FinishReason != nil {
			out.Finish = finishOf(*c.FinishReason)
		}
		for _, at := range []any{c.StopReason, c.MatchedStop} {
			if text, ok := at.(string); ok {
				out.Stopped = text
			}
		}
		out.Logprobs = append(out.Logprobs, c.tokens()...)
		for _, d := range []*delta{c.Delta, c.Message} {
			if err := p.add(&out, d); err != nil {
				return Piece{}, err
			}
		}
	}
	return out, nil
}

// finishOf is a reason as OpenAI names it: an answer that other servers' words say is cut must not look whole.
func finishOf(reason string) string {
	switch strings.ToLower(reason) {
	case "length", "max_tokens", "model_length", "max_output_tokens":
		return "length"
	case "content_filter", "safety", "refusal":
		return "content_filter"
	}
	return reason
}

func (p *Pieces) add(out *Piece, d *delta) error {
	if d == nil {
		return nil
	}
	out.Text += string(d.Content)
	out.Refusal += string(d.Refusal)
	if d.ReasoningContent != "" {
		out.Reasoning += string(d.ReasoningContent)
	} else {
		out.Reasoning += string(d.Reasoning)
	}
	for i, t := range d.ToolCalls {
		index := t.Index
		if len(d.ToolCalls) > 1 && index == 0 && t.ID == "" { // a plain answer numbers nothing
			index = i
		}
		c := p.call(index, t.ID)
		if c == nil {
			if len(p.calls) == maxJoined {
				return fmt.Errorf("%w: more than %d calls", ErrChunk, maxJoined)
			}
			c = &callState{index: index, number: -1}
			p.calls = append(p.calls, c)
		}
		if c.id == "" {
			c.id = t.ID
		}
		if piece, ok := p.tell(c, t.Function.Name, string(t.Function.Arguments)); ok {
			out.Calls = append(out.Calls, piece)
		}
	}
	return nil
}

// call is the call that a part belongs to, by the rule of Join: by its index, and another id at that index begins another.
func (p *Pieces) call(index int, id string) *callState {
	for i := len(p.calls) - 1; i >= 0; i-- {
		if c := p.calls[i]; c.index == index && (id == "" || c.id == "" || c.id == id) {
			return c
		}
	}
	return nil
}

func (p *Pieces) tell(c *callState, name, arguments string) (CallPiece, bool) {
	if c.number >= 0 {
		return CallPiece{Number: c.number, Arguments: arguments}, arguments != ""
	}
	c.held += arguments
	if c.name = c.name + name; c.name == "" {
		return CallPiece{}, false
	}
	c.number = p.begun
	p.begun++
	if c.id == "" {
		c.id = fmt.Sprintf("call_%s_%d", p.ID, c.number)
	}
	held := c.held
	c.held = ""
	return CallPiece{Number: c.number, Begins: true, ID: c.id, Name: c.name, Arguments: held}, true
}
