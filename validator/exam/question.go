package exam

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"agora/engine"
	"agora/engine/native/batch"
	form "agora/engine/native/grammar"
	"agora/engine/native/llm"
	"agora/engine/native/model"
	"agora/mechanism/frontier"
	"agora/task"
	"agora/task/exact"
	"agora/task/grammar"
	"agora/wire/openai"
)

// Subject is a model in this process, as an examiner sees it.
type Subject interface {
	engine.Chatter
	task.Reader
	Info() engine.Info
	// Work is how many multiplications reading so many tokens takes at most, or takes as long as, and Memory the bytes of keys and values:
	// the same on every machine.
	Work(tokens int) uint64
	Memory(tokens int) uint64
	// ChatWork is that of a request with its longest answer. Errors are those of Chat.
	ChatWork(r *openai.ChatRequest) (uint64, error)
}

// Bounds of an answer, in tokens: of a family that is built in, and of a task that somebody wrote, which may ask for less.
const (
	MaxTokens     = 64
	MaxTaskTokens = 256
)

// Question is one family's part of an item.
type Question struct {
	Family string
	ID     [32]byte // of the family's item
	Text   string   // what is asked
	ask    func(context.Context, Subject) (Result, error)
}

// Result is what a model got for a question. It has the same bits on every machine.
type Result struct {
	Score  frontier.Score `json:"s"`
	Answer string         `json:"a,omitempty"` // what it said, or measured
	Reason string         `json:"r,omitempty"` // why it has nothing; empty for an answer that was judged
	Asked  string         `json:"q,omitempty"` // the question's text where a task drew it, which is not run again to tell it
}

// Ask puts the question to a model. An error is the machine's or of ctx; what the model cannot do is a Result with a score of 0.
func (q Question) Ask(ctx context.Context, s Subject) (Result, error) {
	r, err := q.ask(ctx, s)
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	return r, err
}

// millionths rounds a score in [0, 1] down.
func millionths(score float64) frontier.Score {
	if !(score > 0) {
		return 0
	}
	return frontier.Score(min(score, 1) * float64(frontier.Whole))
}

// ownErrors are what follows from a model and a question alone.
var ownErrors = []error{
	grammar.ErrText, grammar.ErrToken, grammar.ErrBits, model.ErrNotFinite, model.ErrToken, model.ErrContext,
	batch.ErrEmpty, batch.ErrTooLong, batch.ErrTooLarge, llm.ErrNoToken, form.ErrToken, ErrWork, ErrMemory,
}

// own says that an engine's error is the model's own, the same on every machine: a request that it refuses, or one of the list. What is
// not known to be so, as a model that is closed or busy, says nothing of the model.
func own(err error) bool {
	var refused *openai.Error
	if errors.As(err, &refused) {
		return refused.Status == http.StatusBadRequest
	}
	return slices.ContainsFunc(ownErrors, func(one error) bool { return errors.Is(err, one) })
}

func drawPassage(seed task.Seed, index uint64) Question {
	p := grammar.At(seed, index)
	return Question{Family: grammar.Name, ID: p.ID, Text: string(p.Text), ask: func(ctx context.Context, s Subject) (Result, error) {
		score, bits, err := p.Score(ctx, s)
		if own(err) {
			return Result{Reason: err.Error()}, nil
		}
		if err != nil {
			return Result{}, err
		}
		return Result{Score: millionths(score), Answer: fmt.Sprintf("%.4f bits per byte", bits)}, nil
	}}
}

func drawExact(seed task.Seed, index uint64) Question {
	item := exact.Family{}.Item(seed, index)
	return Question{Family: exact.Family{}.Name(), ID: item.ID, Text: exact.At(seed, index).Text, ask: func(ctx context.Context, s Subject) (Result, error) {
		return askItem(ctx, s, item, MaxTokens)
	}}
}

// askItem asks an item of a family that judges answers, greedily, for one answer of at most limit tokens.
func askItem(ctx context.Context, s Subject, item task.Item, limit int) (Result, error) {
	r, err := openai.DecodeChat(item.Body)
	if err != nil {
		return Result{}, fmt.Errorf("exam: an item that is no request: %w", err)
	}
	zero := 0.0
	r.MaxTokens, r.MaxCompletion, r.Temperature, r.Model, r.N = &limit, nil, &zero, s.Info().Model, nil
	var text strings.Builder
	_, finish, err := s.Chat(ctx, r, func(t engine.Token) error {
		text.Write(t.Bytes)
		return nil
	})
	if own(err) {
		return Result{Reason: err.Error()}, nil
	}
	if err != nil {
		return Result{}, err
	}
	body, err := json.Marshal(openai.ChatResponse{Object: "chat.completion", Choices: []openai.ChatChoice{{
		Message: openai.Message{Role: "assistant", Content: openai.Content(text.String())}, FinishReason: string(finish),
	}}})
	if err != nil {
		return Result{}, err
	}
	score, err := item.Score(body)
	if errors.Is(err, task.ErrNoScore) {
		return Result{}, err
	}
	if err != nil {
		return Result{Answer: text.String(), Reason: err.Error()}, nil
	}
	return Result{Score: millionths(score), Answer: text.String()}, nil
}
