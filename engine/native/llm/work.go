package llm

import (
	"context"

	"agora/wire/openai"
)

// Work is how many multiplications of weights take as long as it takes at most to read so many tokens, from the first of a text on.
func (e *Engine) Work(tokens int) uint64 { return e.model.Work(min(tokens, e.context)) }

// Memory is how many bytes it takes to read so many tokens, beside the model itself.
func (e *Engine) Memory(tokens int) uint64 { return e.model.Memory(min(tokens, e.context)) }

// ChatWork is how many multiplications a request takes at most: of its prompt and of its longest answers. Errors are those of Chat.
func (e *Engine) ChatWork(r *openai.ChatRequest) (uint64, error) {
	a, err := e.chatAsk(context.Background(), r)
	if err != nil {
		return 0, err
	}
	return uint64(len(a.seeds)) * e.Work(len(a.prompt)+a.limit), nil
}
