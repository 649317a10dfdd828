package ngram

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"

	"agora/engine"
	"agora/task/continuation"
	"agora/wire/openai"
)

const (
	maxPrompt  = 1 << 16 // bytes of a prompt
	maxTokens  = 4096    // bytes of an answer
	defaultMax = 16      // where max_tokens is absent, as OpenAI has it
	maxStops   = 4
	maxTop     = 256
	namePrefix = "ngram-"
)

// ErrRequest says that a request asks for what the model cannot do; the text says what.
var ErrRequest = errors.New("bad request")

// Engine serves a Model. It implements engine.Engine and engine.Completer; one token is one byte.
type Engine struct {
	model *Model
	name  string
}

// Serve wraps a model under a name.
func Serve(name string, m *Model) *Engine { return &Engine{model: m, name: name} }

// Open returns the engine "ngram-1" to "ngram-8", trained on the public sample of the continuation source. The counts
// are made at first use, shared by all orders, and kept: at most 3 MB.
func Open(name string) (*Engine, error) {
	order, err := strconv.Atoi(strings.TrimPrefix(name, namePrefix))
	if err != nil || !strings.HasPrefix(name, namePrefix) || order < 1 || order > MaxOrder {
		return nil, fmt.Errorf("no model %q: n-gram models are %s1 to %s%d", name, namePrefix, namePrefix, MaxOrder)
	}
	levels := make([]level, order)
	for i := range levels {
		levels[i] = public[i]()
	}
	return Serve(name, newModel(levels)), nil
}

// public counts the n-grams of the public sample, each length at first use.
var public = func() (levels [MaxOrder]func() level) {
	for i := range levels {
		levels[i] = sync.OnceValue(func() level { return countLevel(continuation.PublicSample(), i+1) })
	}
	return levels
}()

// Model is the model that the engine serves.
func (e *Engine) Model() *Model { return e.model }

// Info describes the engine as its card does.
func (e *Engine) Info() engine.Info {
	return engine.Info{
		Model: e.name, Digest: e.model.digest, Engine: "native", Version: "1", Licence: "Apache-2.0",
		Context: maxPrompt, Precision: "count",
		Can: openai.CanComplete | openai.CanLogprobs,
	}
}

// Complete continues the prompt byte by byte. With logprobs, each token lists the most probable bytes that the training
// text had at all; the rest of the probability is spread evenly over the bytes that it never had.
func (e *Engine) Complete(
	ctx context.Context, req *openai.CompletionRequest, emit func(engine.Token) error,
) (openai.Usage, engine.Finish, error) {
	if err := check(req); err != nil {
		return openai.Usage{}, "", err
	}
	w := writer{
		model: e.model, text: []byte(req.Prompt), choose: newSampler(req), stops: req.Stop, emit: emit,
		top: or(req.Logprobs, 0), max: or(req.MaxTokens, defaultMax),
	}
	finish, err := w.run(ctx)
	n := len(req.Prompt)
	return openai.Usage{PromptTokens: n, CompletionTokens: w.written, TotalTokens: n + w.written}, finish, err
}

// check refuses what cannot be served.
func check(req *openai.CompletionRequest) error {
	t, p := or(req.Temperature, 1), or(req.TopP, 1)
	switch {
	case len(req.Prompt) > maxPrompt:
		return fmt.Errorf("%w: the prompt has %d bytes, at most %d", ErrRequest, len(req.Prompt), maxPrompt)
	case or(req.MaxTokens, 1) < 0 || or(req.MaxTokens, 1) > maxTokens:
		return fmt.Errorf("%w: max_tokens is %d, want 0 to %d", ErrRequest, *req.MaxTokens, maxTokens)
	case !(t >= 0 && t <= 2):
		return fmt.Errorf("%w: temperature is %v, want 0 to 2", ErrRequest, t)
	case !(p > 0 && p <= 1):
		return fmt.Errorf("%w: top_p is %v, want above 0, at most 1", ErrRequest, p)
	case or(req.Logprobs, 0) < 0 || or(req.Logprobs, 0) > maxTop:
		return fmt.Errorf("%w: logprobs is %d, want 0 to %d", ErrRequest, *req.Logprobs, maxTop)
	case or(req.N, 1) != 1:
		return fmt.Errorf("%w: n is %d, this engine writes one answer", ErrRequest, *req.N)
	case len(req.Stop) > maxStops:
		return fmt.Errorf("%w: %d stop strings, at most %d", ErrRequest, len(req.Stop), maxStops)
	}
	return nil
}

// or is the value behind an optional number.
func or[T any](value *T, absent T) T {
	if value == nil {
		return absent
	}
	return *value
}

// writer is one answer in the making.
type writer struct {
	model   *Model
	text    []byte // the prompt and what was written
	choose  *sampler
	stops   []string
	emit    func(engine.Token) error
	top     int
	max     int
	held    []engine.Token // written, but perhaps the beginning of a stop string
	written int            // tokens emitted
}

// run writes until the limit, a stop string, emit's error or the end of ctx.
func (w *writer) run(ctx context.Context) (engine.Finish, error) {
	start := len(w.text)
	for len(w.text)-start < w.max {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		p := w.model.Next(w.text[max(0, len(w.text)-MaxOrder):])
		b := w.choose.from(&p)
		w.text = append(w.text, b)
		w.held = append(w.held, token(&p, b, w.model, w.top))
		stop, keep := w.match(w.text[start:])
		if stop {
			return engine.FinishStop, w.release(keep)
		}
		if err := w.release(keep); err != nil {
			return "", err
		}
	}
	return engine.FinishLength, w.release(0)
}

// match reports whether the answer ends with a stop string, and how many of its last bytes are part of one or may become it.
func (w *writer) match(answer []byte) (stop bool, keep int) {
	for _, s := range w.stops {
		if s == "" {
			continue
		}
		if bytes.HasSuffix(answer, []byte(s)) {
			return true, len(s)
		}
		for n := min(len(s)-1, len(answer)); n > keep; n-- {
			if bytes.HasSuffix(answer, []byte(s[:n])) {
				keep = n
			}
		}
	}
	return false, keep
}

// release emits the held tokens but the last keep.
func (w *writer) release(keep int) error {
	for len(w.held) > keep {
		if err := w.emit(w.held[0]); err != nil {
			return err
		}
		w.held = w.held[1:]
		w.written++
	}
	return nil
}

// token describes a written byte, with the n most probable bytes that the training text had, best first.
func token(p *[256]float64, b byte, m *Model, n int) engine.Token {
	t := engine.Token{Bytes: []byte{b}, Logprob: logprob(p[b])}
	if n == 0 {
		return t
	}
	order := ranked(p, m.levels[0].keys)
	for _, k := range order[:min(n, len(order))] {
		t.Top = append(t.Top, engine.Alternative{Bytes: []byte{k}, Logprob: logprob(p[k])})
	}
	return t
}

// logprob is ln p, at most 0 also where rounding put a probability a hair above 1.
func logprob(p float64) float64 { return min(0, ln(p)) }

// ranked sorts bytes by probability, the greatest first, equal ones by value.
func ranked(p *[256]float64, keys []uint64) []byte {
	order := make([]byte, len(keys))
	for i, k := range keys {
		order[i] = byte(k)
	}
	slices.SortStableFunc(order, func(x, y byte) int {
		switch {
		case p[x] > p[y]:
			return -1
		case p[x] < p[y]:
			return 1
		}
		return 0
	})
	return order
}

// sampler chooses bytes as a request asks.
type sampler struct {
	temperature float64
	nucleus     float64
	random      *rand.ChaCha8
}

// newSampler reads temperature, top_p and seed. Without a seed the answer differs from call to call.
func newSampler(req *openai.CompletionRequest) *sampler {
	var key [32]byte
	for i, x := 0, uint64(or(req.Seed, int64(rand.Uint64()))); i < 8; i++ {
		key[i] = byte(x >> (8 * i))
	}
	return &sampler{or(req.Temperature, 1), or(req.TopP, 1), rand.NewChaCha8(key)}
}

// from chooses a byte: the most probable at temperature 0, else in proportion to p^(1/temperature) among the fewest bytes
// that hold top_p of the probability.
func (s *sampler) from(p *[256]float64) byte {
	order := ranked(p, allBytes)
	if s.temperature == 0 {
		return order[0]
	}
	var weight [256]float64
	covered, total, last := 0.0, 0.0, 0
	for i, b := range order {
		weight[i] = exp(ln(p[b]/p[order[0]]) / s.temperature)
		covered += p[b]
		total += weight[i]
		if last = i; covered >= s.nucleus {
			break
		}
	}
	x := float64(s.random.Uint64()>>11) / (1 << 53) * total
	for i := range last {
		if x < weight[i] {
			return order[i]
		}
		x -= weight[i]
	}
	return order[last]
}

// allBytes are the keys of an alphabet without gaps.
var allBytes = func() (keys []uint64) {
	for b := range uint64(256) {
		keys = append(keys, b)
	}
	return keys
}()
