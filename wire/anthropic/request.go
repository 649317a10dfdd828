package anthropic

import (
	"encoding/json"
	"slices"

	"agora/wire/openai"
)

// Request is the body of POST /v1/messages, as far as it is understood; the rest is ignored.
type Request struct {
	Model        string          `json:"model"`
	Messages     []message       `json:"messages"`
	System       json.RawMessage `json:"system"`
	MaxTokens    *int            `json:"max_tokens"`
	Stream       bool            `json:"stream"`
	Stops        []string        `json:"stop_sequences"`
	Temperature  *float64        `json:"temperature"`
	TopP         *float64        `json:"top_p"`
	TopK         *int            `json:"top_k"`
	Tools        []tool          `json:"tools"`
	ToolChoice   *toolChoice     `json:"tool_choice"`
	Thinking     *thinking       `json:"thinking"`
	OutputConfig *outputConfig   `json:"output_config"`
	OutputFormat *outputFormat   `json:"output_format"` // the older place of output_config.format
	Metadata     *metadata       `json:"metadata"`
	openai.Choosing
}

type message struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
}

type tool struct {
	Type        string          `json:"type"` // empty or "custom"; anything else runs on Anthropic's servers
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Schema      json.RawMessage `json:"input_schema"`
	Strict      *bool           `json:"strict"`
}

// hosted says that only Anthropic's servers run the tool, or that its shape is in no request.
func (t tool) hosted() bool { return t.Type != "" && t.Type != "custom" || t.Name == "" }

type toolChoice struct {
	Type     string `json:"type"` // "auto", "any", "tool" or "none"
	Name     string `json:"name"`
	Disabled bool   `json:"disable_parallel_tool_use"`
}

type thinking struct {
	Type    string `json:"type"`    // "enabled", "adaptive" or "disabled"
	Display string `json:"display"` // "omitted" keeps it from the answer
}

type outputConfig struct {
	Effort string        `json:"effort"`
	Format *outputFormat `json:"format"`
}

type outputFormat struct {
	Type   string          `json:"type"` // "json_schema"
	Schema json.RawMessage `json:"schema"`
}

type metadata struct {
	UserID string `json:"user_id"`
}

// Decode reads and validates a request. Every error is an *openai.Error.
func Decode(body []byte) (*Request, error) {
	r := new(Request)
	if err := openai.Decode(body, r); err != nil {
		return nil, err
	}
	if r.Model == "" {
		r.Model = r.First()
	}
	switch {
	case r.Model == "":
		return nil, openai.Invalid("model", "model: name a subnet or a model, GET /v1/models lists them")
	case len(r.Messages) == 0:
		return nil, openai.Invalid("messages", "messages: at least one message is required")
	}
	return r, nil
}

// thinks says whether the answer shall show what the model thought.
func (r *Request) thinks() bool {
	t := r.Thinking
	return t != nil && (t.Type == "enabled" || t.Type == "adaptive") && t.Display != "omitted"
}

// Chat is the body of the chat that asks the same, not streamed. Every error is an *openai.Error.
func (r *Request) Chat() ([]byte, error) { return r.chat(r.MaxTokens) }

// Count is the body of the chat that tells how many tokens the request has: the same, for an answer of one token.
func (r *Request) Count() ([]byte, error) {
	one := 1
	return r.chat(&one)
}

func (r *Request) chat(tokens *int) ([]byte, error) {
	w := &openai.Wish{
		Model: r.Model, MaxTokens: tokens, Temperature: r.Temperature, TopP: r.TopP, TopK: r.TopK, Stop: r.Stops, Choosing: r.Choosing,
	}
	if r.Metadata != nil {
		w.Stick(r.Metadata.UserID)
	}
	for _, t := range r.Tools {
		if !t.hosted() {
			w.Offer(openai.Function{Name: t.Name, Description: t.Description, Parameters: t.Schema, Strict: t.Strict})
		}
	}
	if err := r.choose(w); err != nil {
		return nil, err
	}
	if err := r.form(w); err != nil {
		return nil, err
	}
	system, err := readBlocks(r.System, "system")
	if err != nil {
		return nil, err
	}
	w.Say("system", partsOf(system))
	for i, m := range r.Messages {
		if err := m.add(w, "messages."+itoa(i)+".content"); err != nil {
			return nil, err
		}
	}
	return w.JSON()
}

func (r *Request) choose(w *openai.Wish) error {
	c := r.ToolChoice
	if c == nil {
		return nil
	}
	switch c.Type {
	case "auto", "none":
		w.ToolChoice = c.Type
	case "any":
		w.ToolChoice = "required"
	case "tool":
		if slices.ContainsFunc(r.Tools, func(t tool) bool { return t.hosted() && t.Name == c.Name }) {
			break // it is left out, and leaves the model free
		}
		if err := w.Demand(c.Name); err != nil {
			return err
		}
	default:
		return openai.Invalid("tool_choice", "tool_choice: the type must be auto, any, tool or none, not %.40q", c.Type)
	}
	if c.Disabled {
		w.ParallelToolCalls = new(bool)
	}
	return nil
}

// form says in which form the answer shall be, and with how much thinking.
func (r *Request) form(w *openai.Wish) error {
	f, at := r.OutputFormat, "output_format"
	if r.OutputConfig != nil {
		w.ReasoningEffort = r.OutputConfig.Effort
		if r.OutputConfig.Format != nil {
			f, at = r.OutputConfig.Format, "output_config.format"
		}
	}
	if w.ReasoningEffort == "max" || w.ReasoningEffort == "xhigh" { // words that chats do not have
		w.ReasoningEffort = "high"
	}
	switch {
	case f == nil:
		return nil
	case f.Type != "json_schema":
		return openai.Invalid(at, "%s: the type must be json_schema, not %.40q", at, f.Type)
	}
	return w.Follow(openai.Schema{Schema: f.Schema}, at+".schema")
}
