package localnet

import (
	"context"

	"agora/engine"
	"agora/wire/openai"
)

// canned is a miner that does no work: it says the same to everything. It is there to come last.
type canned string

// Info implements engine.Engine.
func (canned) Info() engine.Info {
	return engine.Info{
		Model: "canned", Engine: "canned", Version: "1", Licence: "Apache-2.0", Context: 4096, Precision: "none",
		Can: openai.CanChat,
	}
}

// Chat implements engine.Chatter.
func (c canned) Chat(_ context.Context, _ *openai.ChatRequest, emit func(engine.Token) error) (openai.Usage, engine.Finish, error) {
	err := emit(engine.Token{Bytes: []byte(c)})
	return openai.Usage{PromptTokens: 1, CompletionTokens: 1, TotalTokens: 2}, engine.FinishStop, err
}
