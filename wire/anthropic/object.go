package anthropic

import (
	"encoding/json"
	"net/http"

	"agora/wire/openai"
)

// answer is the object that answers a request, and that the stream begins with.
type answer struct {
	ID           string  `json:"id"`
	Type         string  `json:"type"` // "message"
	Role         string  `json:"role"` // "assistant"
	Model        string  `json:"model"`
	Content      []any   `json:"content"` // *textBlock, *toolBlock or *thinkingBlock
	StopReason   *string `json:"stop_reason"`
	StopSequence *string `json:"stop_sequence"`
	Usage        usage   `json:"usage"`
}

type usage struct {
	Input        int `json:"input_tokens"` // without those read from a cache
	CacheWritten int `json:"cache_creation_input_tokens"`
	CacheRead    int `json:"cache_read_input_tokens"`
	Output       int `json:"output_tokens"`
	openai.Cost
}

type textBlock struct {
	Type string `json:"type"` // "text"
	Text string `json:"text"`
}

type thinkingBlock struct {
	Type      string `json:"type"` // "thinking"
	Thinking  string `json:"thinking"`
	Signature string `json:"signature"` // none: only Anthropic signs
}

type toolBlock struct {
	Type  string          `json:"type"` // "tool_use"
	ID    string          `json:"id"`
	Name  string          `json:"name"`
	Input json.RawMessage `json:"input"`
}

func usageOf(u *openai.Usage, c openai.Cost) usage {
	return usage{Input: u.PromptTokens - u.Cached(), CacheRead: u.Cached(), Output: u.CompletionTokens, Cost: c}
}

// stopReason is why an answer ended, in Anthropic's words.
func stopReason(finish string) string {
	switch finish {
	case "length":
		return "max_tokens"
	case "tool_calls", "function_call":
		return "tool_use"
	case "content_filter":
		return "refusal"
	}
	return "end_turn"
}

// Refuse is the body of an error in Anthropic's shape.
func Refuse(e *openai.Error) []byte {
	body, err := json.Marshal(map[string]any{
		"type": "error", "error": map[string]any{"type": errorType(e.Status), "message": e.Message},
	})
	if err != nil { // strings always marshal
		panic(err)
	}
	return body
}

func errorType(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusPaymentRequired:
		return "billing_error"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusNotFound:
		return "not_found_error"
	case http.StatusRequestEntityTooLarge:
		return "request_too_large"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	case http.StatusServiceUnavailable:
		return "overloaded_error"
	case http.StatusGatewayTimeout:
		return "timeout_error"
	}
	if status >= 500 {
		return "api_error"
	}
	return "invalid_request_error"
}

// Counted is the answer to POST /v1/messages/count_tokens, for the plain answer of the chat that Count asked. The error
// is that the server did not count.
func Counted(chat []byte) ([]byte, error) {
	u := openai.UsageOf(chat)
	if u == nil || u.PromptTokens <= 0 {
		return nil, openai.Errorf(http.StatusBadGateway, "the model's server does not count tokens; try another model")
	}
	return json.Marshal(map[string]int{"input_tokens": u.PromptTokens})
}
