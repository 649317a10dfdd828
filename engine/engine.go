// Package engine says what can answer a request. A backend implements the small interfaces it can serve:
// Chatter for chat turns, Completer for text to continue.
package engine

import (
	"context"

	"agora/wire/openai"
)

// Info describes the model behind an engine, as its card on the chain does.
type Info struct {
	Model     string // name, e.g. "chat-s"
	Digest    string // "sha256:<hex>" of the weights; empty where unknown
	Engine    string // "native", "openai", ...
	Version   string // of the engine
	Licence   string // SPDX identifier
	Context   int    // tokens
	Precision string // e.g. "f16", "f32", "count"
}

// Token is one generated token. Logprob is a natural logarithm, at most 0; Top lists alternatives, best first.
type Token struct {
	Bytes   []byte
	Logprob float64
	Top     []Alternative
}

// Alternative is a token that could have stood in a place, with the natural log of its probability.
type Alternative struct {
	Bytes   []byte
	Logprob float64
}

// Finish says why an answer ended.
type Finish string

// Reasons for an answer's end, as OpenAI spells them.
const (
	FinishStop   Finish = "stop"
	FinishLength Finish = "length"
)

// Chatter answers a chat turn. It calls emit once per token, in order, and stops at emit's error or when ctx ends.
type Chatter interface {
	Chat(ctx context.Context, req *openai.ChatRequest, emit func(Token) error) (openai.Usage, Finish, error)
}

// Completer continues a text. It calls emit once per token, in order, and stops at emit's error or when ctx ends.
type Completer interface {
	Complete(ctx context.Context, req *openai.CompletionRequest, emit func(Token) error) (openai.Usage, Finish, error)
}

// Engine is a model that can be served: it describes itself and implements Chatter, Completer or both.
type Engine interface {
	Info() Info
}
