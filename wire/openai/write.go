package openai

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
)

// Wish is a chat as a door of another shape writes it for miners.
type Wish struct {
	Model             string   `json:"model"`
	Messages          []Turn   `json:"messages"`
	Tools             []Tool   `json:"tools,omitempty"`
	ToolChoice        any      `json:"tool_choice,omitempty"`
	ParallelToolCalls *bool    `json:"parallel_tool_calls,omitempty"`
	MaxTokens         *int     `json:"max_tokens,omitempty"`
	Temperature       *float64 `json:"temperature,omitempty"`
	TopP              *float64 `json:"top_p,omitempty"`
	TopK              *int     `json:"top_k,omitempty"`
	Seed              *int64   `json:"seed,omitempty"`
	Stop              []string `json:"stop,omitempty"`
	ResponseFormat    any      `json:"response_format,omitempty"`
	ReasoningEffort   string   `json:"reasoning_effort,omitempty"`
	Verbosity         string   `json:"verbosity,omitempty"`
	Logprobs          bool     `json:"logprobs,omitempty"`
	TopLogprobs       *int     `json:"top_logprobs,omitempty"`
	Choosing                   // for the gateway; miners never see it
}

// Choosing are the fields of a request that say who shall answer it.
type Choosing struct {
	Provider json.RawMessage `json:"provider,omitempty"`
	Models   json.RawMessage `json:"models,omitempty"`
	Session  string          `json:"session_id,omitempty"`
}

// First is the first of the models that a request would be content with; empty where there is none.
func (c *Choosing) First() string {
	var list []string
	if !given(c.Models) || json.Unmarshal(c.Models, &list) != nil || len(list) == 0 {
		return ""
	}
	return list[0]
}

// Stick lets requests that share a key of whatever length go to one miner, unless a session says so already.
func (c *Choosing) Stick(key string) {
	if c.Session != "" {
		return
	}
	if c.Session = key; len(key) > maxID {
		sum := sha256.Sum256([]byte(key))
		c.Session = hex.EncodeToString(sum[:])
	}
}

// Turn is a message of a Wish. Content is a string, a list of Part, or nil.
type Turn struct {
	Role       string     `json:"role"`
	Content    any        `json:"content"`
	ToolCalls  []ToolCall `json:"tool_calls,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
}

// Part is a part of a message's content.
type Part struct {
	Type  string          `json:"type"` // "text", "image_url", "input_audio" or "file"
	Text  string          `json:"text,omitempty"`
	Image *ImageURL       `json:"image_url,omitempty"`
	Audio json.RawMessage `json:"input_audio,omitempty"`
	File  any             `json:"file,omitempty"`
}

// ImageURL is where an image is: an address, or the image itself as "data:…;base64,…".
type ImageURL struct {
	URL    string `json:"url"`
	Detail string `json:"detail,omitempty"`
}

// TextPart is a part that is text.
func TextPart(text string) Part { return Part{Type: "text", Text: text} }

// ImagePart is a part that is an image.
func ImagePart(url, detail string) Part {
	return Part{Type: "image_url", Image: &ImageURL{URL: url, Detail: detail}}
}

// Tool is a function that a model may call. Parameters is its JSON schema.
type Tool struct {
	Type     string   `json:"type"` // "function"
	Function Function `json:"function"`
}

// Function describes a tool.
type Function struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters,omitempty"`
	Strict      *bool           `json:"strict,omitempty"`
}

// Offer adds a tool. A schema that is null is none.
func (w *Wish) Offer(f Function) {
	if string(f.Parameters) == "null" {
		f.Parameters = nil
	}
	w.Tools = append(w.Tools, Tool{Type: "function", Function: f})
}

// Demand lets the answer be a call of one function. The error is an *Error where that was not offered.
func (w *Wish) Demand(name string) error {
	if !slices.ContainsFunc(w.Tools, func(t Tool) bool { return t.Function.Name == name }) {
		return Invalid("tool_choice", "tool_choice: there is no function %.80q in tools", name)
	}
	w.ToolChoice = map[string]any{"type": "function", "function": map[string]string{"name": name}}
	return nil
}

// Schema is the JSON schema that an answer shall follow, under a name.
type Schema struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Schema      json.RawMessage `json:"schema"`
	Strict      *bool           `json:"strict,omitempty"`
}

// Follow lets the answer be JSON of a schema, whose place in the request is at. The error is an *Error where there is none.
func (w *Wish) Follow(s Schema, at string) error {
	if !given(s.Schema) && string(s.Schema) != "{}" {
		return Invalid(at, "%s: a JSON schema is wanted", at)
	}
	if s.Name == "" {
		s.Name = "answer"
	}
	w.ResponseFormat = map[string]any{"type": "json_schema", "json_schema": s}
	return nil
}

// Say adds a message. System messages at the front become one, since many models' templates know only one, and only there.
func (w *Wish) Say(role string, parts []Part) {
	if len(parts) == 0 {
		return
	}
	if role == "system" && len(w.Messages) > 0 {
		if last := &w.Messages[len(w.Messages)-1]; last.Role == "system" {
			last.Content = last.Content.(string) + "\n\n" + textOf(parts)
			return
		}
	}
	w.Messages = append(w.Messages, Turn{Role: role, Content: content(role, parts)})
}

// Call adds a call that the model made: to its message before, or as a message of its own.
func (w *Wish) Call(id, name, arguments string) {
	call := ToolCall{ID: id, Type: "function", Function: FunctionCall{Name: name, Arguments: arguments}}
	if n := len(w.Messages); n > 0 && w.Messages[n-1].Role == "assistant" {
		w.Messages[n-1].ToolCalls = append(w.Messages[n-1].ToolCalls, call)
		return
	}
	w.Messages = append(w.Messages, Turn{Role: "assistant", ToolCalls: []ToolCall{call}})
}

// Result adds what a call gave, as far as it is text: tools speak nothing else. The caller says other parts as the user.
func (w *Wish) Result(id string, parts []Part) {
	w.Messages = append(w.Messages, Turn{Role: "tool", ToolCallID: id, Content: textOf(parts)})
}

// content is a string where all is text, which every server reads, and always for the roles that speak only text.
func content(role string, parts []Part) any {
	for _, p := range parts {
		if p.Type != "text" && role == "user" {
			return parts
		}
	}
	return textOf(parts)
}

func textOf(parts []Part) string {
	texts := make([]string, 0, len(parts))
	for _, p := range parts {
		if p.Type == "text" {
			texts = append(texts, p.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// Others are the parts that are no text.
func Others(parts []Part) []Part {
	var list []Part
	for _, p := range parts {
		if p.Type != "text" {
			list = append(list, p)
		}
	}
	return list
}

// JSON is the request's body.
func (w *Wish) JSON() ([]byte, error) {
	if len(w.Tools) == 0 {
		w.ToolChoice, w.ParallelToolCalls = nil, nil
	}
	body, err := json.Marshal(w)
	if err != nil { // a part that was passed on is no JSON
		return nil, Errorf(400, "the body is not a valid request: %v", err)
	}
	return body, nil
}
