package openai

import "encoding/json"

// ChatRequest is the body of POST /v1/chat/completions. Absent optional numbers are nil.
type ChatRequest struct {
	Model         string         `json:"model"`
	Messages      []Message      `json:"messages"`
	MaxTokens     *int           `json:"max_tokens,omitempty"`
	MaxCompletion *int           `json:"max_completion_tokens,omitempty"`
	Temperature   *float64       `json:"temperature,omitempty"` // 0 to 2; 0 is greedy
	TopP          *float64       `json:"top_p,omitempty"`
	Seed          *int64         `json:"seed,omitempty"`
	Stop          Stop           `json:"stop,omitempty"`
	N             *int           `json:"n,omitempty"`
	Stream        bool           `json:"stream,omitempty"`
	StreamOptions *StreamOptions `json:"stream_options,omitempty"`
	Logprobs      bool           `json:"logprobs,omitempty"`
	TopLogprobs   *int           `json:"top_logprobs,omitempty"` // 0 to 256 on this network
	User          string         `json:"user,omitempty"`

	TopK           *int              `json:"top_k,omitempty"` // not OpenAI's, but what many servers take
	MinP           *float64          `json:"min_p,omitempty"` // likewise
	Tools          []json.RawMessage `json:"tools,omitempty"`
	ToolChoice     json.RawMessage   `json:"tool_choice,omitempty"`
	ResponseFormat *ResponseFormat   `json:"response_format,omitempty"`
}

// Message is one turn of a chat. Content is a string or a list of text parts; Text joins them.
type Message struct {
	Role       string     `json:"role"`
	Content    Content    `json:"content"`
	ToolCalls  []ToolCall `json:"tool_calls,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
}

// ToolCall is a function that a model wants called. Index stands in streams only.
type ToolCall struct {
	Index    *int         `json:"index,omitempty"`
	ID       string       `json:"id"`
	Type     string       `json:"type"` // "function"
	Function FunctionCall `json:"function"`
}

// FunctionCall names a function and its arguments, which are JSON in a string.
type FunctionCall struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// ResponseFormat is the form of an answer: "text", "json_object" or "json_schema".
type ResponseFormat struct {
	Type       string      `json:"type"`
	JSONSchema *JSONSchema `json:"json_schema,omitempty"`
}

// JSONSchema is the schema of a response format.
type JSONSchema struct {
	Name   string          `json:"name,omitempty"`
	Schema json.RawMessage `json:"schema,omitempty"`
}

// Content is the text of a message; it decodes from a string or from [{"type":"text","text":"..."}].
type Content string

// StreamOptions asks for a last chunk that carries the usage.
type StreamOptions struct {
	IncludeUsage bool `json:"include_usage,omitempty"`
}

// Stop is a list of stop strings; it decodes from one string or a list.
type Stop []string

// Usage counts tokens.
type Usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`

	PromptDetails     *PromptDetails     `json:"prompt_tokens_details,omitempty"`
	CompletionDetails *CompletionDetails `json:"completion_tokens_details,omitempty"`
}

// Cached is how many tokens of the prompt were known from before, at most all of them.
func (u Usage) Cached() int {
	if u.PromptDetails == nil {
		return 0
	}
	return min(max(0, u.PromptDetails.CachedTokens), max(0, u.PromptTokens))
}

// Reasoning is how many tokens of the answer were spent on thinking.
func (u Usage) Reasoning() int {
	if u.CompletionDetails == nil {
		return 0
	}
	return max(0, u.CompletionDetails.ReasoningTokens)
}

// CompletionDetails says how much of an answer was thinking.
type CompletionDetails struct {
	ReasoningTokens int `json:"reasoning_tokens"`
}

// PromptDetails says how much of a prompt was known from before.
type PromptDetails struct {
	CachedTokens int `json:"cached_tokens"`
}

// ChatResponse is the answer to a ChatRequest that did not ask for a stream.
type ChatResponse struct {
	ID      string       `json:"id"`
	Object  string       `json:"object"` // "chat.completion"
	Created int64        `json:"created"`
	Model   string       `json:"model"`
	Choices []ChatChoice `json:"choices"`
	Usage   *Usage       `json:"usage,omitempty"`
}

// ChatChoice is one answer.
type ChatChoice struct {
	Index        int           `json:"index"`
	Message      Message       `json:"message"`
	Logprobs     *ChatLogprobs `json:"logprobs,omitempty"`
	FinishReason string        `json:"finish_reason"`         // "stop", "length" or "tool_calls"
	StopReason   string        `json:"stop_reason,omitempty"` // the stop string that ended it, as vLLM tells
}

// ChatLogprobs lists every token of an answer with its log-probability.
type ChatLogprobs struct {
	Content []TokenLogprob `json:"content"`
}

// TokenLogprob is a token, its natural-log probability and the most probable alternatives.
type TokenLogprob struct {
	Token       string       `json:"token"`
	Logprob     float64      `json:"logprob"`
	Bytes       []int        `json:"bytes"` // the token's bytes, exact also where Token is not valid UTF-8
	TopLogprobs []TopLogprob `json:"top_logprobs"`
}

// TopLogprob is one alternative of a token position.
type TopLogprob struct {
	Token   string  `json:"token"`
	Logprob float64 `json:"logprob"`
	Bytes   []int   `json:"bytes"`
}

// ChatChunk is one server-sent event of a streamed chat answer.
type ChatChunk struct {
	ID      string            `json:"id"`
	Object  string            `json:"object"` // "chat.completion.chunk"
	Created int64             `json:"created"`
	Model   string            `json:"model"`
	Choices []ChatChunkChoice `json:"choices"`
	Usage   *Usage            `json:"usage,omitempty"`
}

// ChatChunkChoice is the part of one choice that a chunk adds.
type ChatChunkChoice struct {
	Index        int           `json:"index"`
	Delta        Delta         `json:"delta"`
	Logprobs     *ChatLogprobs `json:"logprobs,omitempty"`
	FinishReason *string       `json:"finish_reason"`
	StopReason   string        `json:"stop_reason,omitempty"` // the stop string that ended it, as vLLM tells
}

// Delta is what a chunk adds to the message.
type Delta struct {
	Role      string     `json:"role,omitempty"`
	Content   string     `json:"content,omitempty"`
	ToolCalls []ToolCall `json:"tool_calls,omitempty"`
}

// CompletionRequest is the body of POST /v1/completions.
type CompletionRequest struct {
	Model         string         `json:"model"`
	Prompt        Prompt         `json:"prompt"`
	MaxTokens     *int           `json:"max_tokens,omitempty"`
	Temperature   *float64       `json:"temperature,omitempty"`
	TopP          *float64       `json:"top_p,omitempty"`
	Seed          *int64         `json:"seed,omitempty"`
	Stop          Stop           `json:"stop,omitempty"`
	N             *int           `json:"n,omitempty"`
	Stream        bool           `json:"stream,omitempty"`
	StreamOptions *StreamOptions `json:"stream_options,omitempty"`
	Logprobs      *int           `json:"logprobs,omitempty"` // how many alternatives per token, 0 to 256 on this network
	User          string         `json:"user,omitempty"`
}

// Prompt is the text to continue; it decodes from a string or a list of one string.
type Prompt string

// CompletionResponse is the answer to a CompletionRequest, and one event of its stream.
type CompletionResponse struct {
	ID      string             `json:"id"`
	Object  string             `json:"object"` // "text_completion"
	Created int64              `json:"created"`
	Model   string             `json:"model"`
	Choices []CompletionChoice `json:"choices"`
	Usage   *Usage             `json:"usage,omitempty"`
}

// CompletionChoice is one continuation. FinishReason is nil until the last event of a stream.
type CompletionChoice struct {
	Text         string              `json:"text"`
	Index        int                 `json:"index"`
	Logprobs     *CompletionLogprobs `json:"logprobs"`
	FinishReason *string             `json:"finish_reason"`
}

// CompletionLogprobs holds one entry per token in each of its lists. TopBytes is this network's addition:
// the bytes of each alternative beside its probability, exact also where a token is not valid UTF-8.
type CompletionLogprobs struct {
	Tokens        []string             `json:"tokens"`
	TokenLogprobs []float64            `json:"token_logprobs"`
	TopLogprobs   []map[string]float64 `json:"top_logprobs"`
	TextOffset    []int                `json:"text_offset"`
	TopBytes      [][]TopLogprob       `json:"top_bytes,omitempty"`
}
