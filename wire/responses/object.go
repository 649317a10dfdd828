package responses

import (
	"encoding/json"

	"agora/wire/openai"
)

// response is the object that answers a request, and that events carry while it grows. What clients look for without
// asking whether it is there is always written.
type response struct {
	ID           string          `json:"id"`
	Object       string          `json:"object"` // "response"
	CreatedAt    int64           `json:"created_at"`
	CompletedAt  *int64          `json:"completed_at"`
	Status       string          `json:"status"` // "in_progress", "completed", "incomplete" or "failed"
	Background   bool            `json:"background"`
	Error        *fault          `json:"error"`
	Incomplete   *incomplete     `json:"incomplete_details"`
	Instructions *string         `json:"instructions"`
	MaxOutput    *int            `json:"max_output_tokens"`
	Model        string          `json:"model"`
	Output       []any           `json:"output"` // *message, *call or *thought
	Parallel     bool            `json:"parallel_tool_calls"`
	Previous     *string         `json:"previous_response_id"`
	Reasoning    reasoning       `json:"reasoning"`
	Store        bool            `json:"store"`
	Temperature  float64         `json:"temperature"`
	TopLogprobs  int             `json:"top_logprobs"`
	Text         text            `json:"text"`
	ToolChoice   json.RawMessage `json:"tool_choice"`
	Tools        []tool          `json:"tools"`
	TopP         float64         `json:"top_p"`
	Truncation   string          `json:"truncation"`
	Usage        *usage          `json:"usage"`
	User         *string         `json:"user"`
	Metadata     json.RawMessage `json:"metadata"`
}

type fault struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type incomplete struct {
	Reason string `json:"reason"`
}

type usage struct {
	Input        int `json:"input_tokens"`
	InputDetails struct {
		Cached int `json:"cached_tokens"`
	} `json:"input_tokens_details"`
	Output        int `json:"output_tokens"`
	OutputDetails struct {
		Reasoning int `json:"reasoning_tokens"`
	} `json:"output_tokens_details"`
	Total int `json:"total_tokens"`
	openai.Cost
}

// message is an item of the output that is text.
type message struct {
	ID      string `json:"id"`
	Type    string `json:"type"` // "message"
	Status  string `json:"status"`
	Role    string `json:"role"`
	Content []any  `json:"content"` // *outputText or *refusal
}

type outputText struct {
	Type        string            `json:"type"` // "output_text"
	Text        string            `json:"text"`
	Annotations []any             `json:"annotations"`
	Logprobs    []json.RawMessage `json:"logprobs"`
}

type refusal struct {
	Type    string `json:"type"` // "refusal"
	Refusal string `json:"refusal"`
}

// call is an item of the output that calls a function.
type call struct {
	ID        string `json:"id"`
	Type      string `json:"type"` // "function_call"
	Status    string `json:"status"`
	CallID    string `json:"call_id"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// thought is an item of the output that is the model's thinking.
type thought struct {
	ID      string  `json:"id"`
	Type    string  `json:"type"` // "reasoning"
	Summary []any   `json:"summary"`
	Content []*muse `json:"content"`
}

type muse struct {
	Type string `json:"type"` // "reasoning_text"
	Text string `json:"text"`
}

// newResponse is the answer to r before anything of it is known.
func newResponse(r *Request, id string, now int64) response {
	out := response{
		ID: "resp_" + id, Object: "response", CreatedAt: now, Status: "in_progress", Model: r.Model, MaxOutput: r.MaxOutputTokens,
		Output: []any{}, Parallel: r.Parallel == nil || *r.Parallel, Temperature: 1, TopP: 1, ToolChoice: r.ToolChoice,
		Tools: r.Tools, Truncation: "disabled", Metadata: r.Metadata, Text: text{Format: &format{Type: "text"}},
	}
	if r.Instructions != "" {
		out.Instructions = &r.Instructions
	}
	if r.User != "" {
		out.User = &r.User
	}
	if r.Reasoning != nil {
		out.Reasoning = *r.Reasoning
	}
	if r.Text != nil {
		out.Text.Verbosity = r.Text.Verbosity
		if r.Text.Format != nil {
			out.Text.Format = r.Text.Format
		}
	}
	if r.TopLogprobs != nil {
		out.TopLogprobs = *r.TopLogprobs
	}
	if r.Temperature != nil {
		out.Temperature = *r.Temperature
	}
	if r.TopP != nil {
		out.TopP = *r.TopP
	}
	if !given(out.ToolChoice) {
		out.ToolChoice = json.RawMessage(`"auto"`)
	}
	if !given(out.Metadata) {
		out.Metadata = json.RawMessage(`{}`)
	}
	if out.Tools == nil {
		out.Tools = []tool{}
	}
	return out
}

func usageOf(u *openai.Usage, c openai.Cost) *usage {
	out := &usage{Input: u.PromptTokens, Output: u.CompletionTokens, Total: u.PromptTokens + u.CompletionTokens, Cost: c}
	out.InputDetails.Cached = u.Cached()
	out.OutputDetails.Reasoning = u.Reasoning()
	return out
}
