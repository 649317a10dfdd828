package audit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"agora/engine"
	"agora/engine/native/model"
	"agora/engine/native/sample"
	"agora/wire/openai"
	"agora/wire/receipt"
)

// ErrVoid says that a request cannot be audited, by what it asks: its answer counts for nothing and against nobody.
var ErrVoid = errors.New("audit: the request cannot be audited")

// ErrFalse says that an answer is not what the model gives to the request.
var ErrFalse = errors.New("audit: not the model's answer")

// errShort says that an answer was cut. Whether it was, others cannot tell who do not know its server's context.
var errShort = errors.New("it ends too early")

// MaxTokens bounds an answer that is audited, over all its choices.
const MaxTokens = 4096

// Replay runs the model on an answer whose receipt was checked, and holds it to what its consumer got: every token must be
// the one that the sampler chooses, the end must be right, the tokens must say what the answer says, and the prompt must have
// the tokens that were counted. context is how many tokens the server reads, as its card tells it; where that is not known (0) an
// answer that ended for its length is not held to its end. Errors are ErrFalse, ErrVoid, and what kept this machine from
// finding out.
func Replay(ctx context.Context, m engine.Replayer, context int, body []byte, a *receipt.Answer) error {
	req, err := openai.DecodeChat(body)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrVoid, err)
	}
	if a.Tokens == nil {
		return fmt.Errorf("%w: its tokens are not told", ErrFalse)
	}
	if total(a.Tokens) > MaxTokens {
		return fmt.Errorf("%w: its answer has more than %d tokens", ErrVoid, MaxTokens)
	}
	if n := asked(req); n != len(a.Tokens) {
		return fmt.Errorf("%w: %d choices, %d were asked for", ErrFalse, len(a.Tokens), n)
	}
	limit := req.Limit(0)
	bound(req, context-int(a.Receipt.Prompt)+1)
	for i, ids := range a.Tokens {
		if limit > 0 && len(ids) > limit {
			return fmt.Errorf("%w: choice %d has %d tokens, %d were allowed", ErrFalse, i, len(ids), limit)
		}
		v, err := m.Replay(ctx, req, ids, seedOf(req, i, &a.Receipt))
		if err != nil {
			return cannot(i, err)
		}
		if err := hold(v, i, context, a); err != nil {
			return err
		}
	}
	return nil
}

// bound keeps an answer within the room that a server's context leaves, where that is known.
func bound(r *openai.ChatRequest, room int) {
	if room < 1 {
		return
	}
	if limit := r.Limit(0); limit > 0 {
		room = min(room, limit)
	}
	r.MaxCompletion = &room
}

// cannot says what it means that a model cannot read an answer.
func cannot(choice int, err error) error {
	var refused *openai.Error
	switch {
	case errors.As(err, &refused):
		return fmt.Errorf("%w: %w", ErrVoid, err)
	case errors.Is(err, model.ErrToken):
		return fmt.Errorf("%w: choice %d: %w", ErrFalse, choice, err)
	}
	return err
}

// hold compares what a replay found with what a consumer got.
func hold(v engine.Verdict, i, context int, a *receipt.Answer) error {
	c := a.Choices[i]
	switch {
	case v.Prompt != int(a.Receipt.Prompt):
		return fmt.Errorf("%w: it counts %d tokens of the prompt, which has %d", ErrFalse, a.Receipt.Prompt, v.Prompt)
	case v.Over:
		return fmt.Errorf("%w: its answer is longer than this machine's context", ErrVoid)
	case v.Differs >= 0:
		return fmt.Errorf("%w: token %d of choice %d is another", ErrFalse, v.Differs, i)
	case !v.Ends && context == 0 && c.Finish == string(engine.FinishLength):
		return fmt.Errorf("%w: it ended for its length, and the server's context is not known", ErrVoid)
	case !v.Ends:
		return fmt.Errorf("%w: %w: choice %d", ErrFalse, errShort, i)
	case said(v) != shown(c):
		return fmt.Errorf("%w: choice %d says something else than its tokens", ErrFalse, i)
	}
	return nil
}

func total(choices [][]int32) (n int) {
	for _, ids := range choices {
		n += len(ids)
	}
	return n
}

func asked(r *openai.ChatRequest) int {
	if r.N == nil {
		return 1
	}
	return *r.N
}

// seedOf is what the answer was drawn from.
func seedOf(r *openai.ChatRequest, choice int, of *receipt.Receipt) [32]byte {
	if r.Seed != nil {
		return sample.SeedOf(choice, *r.Seed)
	}
	return sample.SeedFor(choice, of.Nonce, of.Request)
}

// said is a hash of what a replay gives, shown one of what a consumer got. Names of calls are the server's own.
func said(v engine.Verdict) [sha256.Size]byte {
	c := receipt.Choice{Content: string(v.Content), Finish: string(v.Finish)}
	for _, call := range v.Calls {
		c.Calls = append(c.Calls, receipt.Call{Name: call.Function.Name, Arguments: call.Function.Arguments})
	}
	return receipt.AnswerHash([]receipt.Choice{c})
}

func shown(c receipt.Choice) [sha256.Size]byte {
	plain := receipt.Choice{Content: c.Content, Reasoning: c.Reasoning, Finish: c.Finish}
	for _, call := range c.Calls {
		plain.Calls = append(plain.Calls, receipt.Call{Name: call.Name, Arguments: call.Arguments})
	}
	return receipt.AnswerHash([]receipt.Choice{plain})
}
