package llm

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"agora/engine"
	"agora/engine/native/batch"
	"agora/engine/native/grammar"
	"agora/engine/native/sample"
	"agora/engine/native/stop"
	"agora/wire/openai"
)

// Chat answers a conversation. Without a temperature it is greedy. Several answers come in turn, each token with its
// choice; the last of each says how it ended. Errors of requests are *openai.Error: 400 for what cannot be answered as it
// is, 429 where all places are taken.
func (e *Engine) Chat(ctx context.Context, r *openai.ChatRequest, emit func(engine.Token) error) (openai.Usage, engine.Finish, error) {
	a, err := e.chatAsk(ctx, r)
	if err != nil {
		return openai.Usage{}, "", err
	}
	return e.answer(ctx, a, emit)
}

// Complete continues a text, by the same rules.
func (e *Engine) Complete(ctx context.Context, r *openai.CompletionRequest, emit func(engine.Token) error) (openai.Usage, engine.Finish, error) {
	a, err := e.completionAsk(r)
	if err != nil {
		return openai.Usage{}, "", err
	}
	return e.answer(ctx, a, emit)
}

// answer writes all choices. The second and later begin when the first has its first token: then the prompt is read and
// kept, and they take it over.
func (e *Engine) answer(ctx context.Context, a *ask, emit func(engine.Token) error) (openai.Usage, engine.Finish, error) {
	used := openai.Usage{PromptTokens: len(a.prompt)}
	writers := make([]*writer, 0, len(a.seeds))
	defer func() {
		for _, w := range writers {
			w.job.Cancel()
		}
	}()
	begin := func() error {
		w, err := e.begin(a, len(writers))
		if err == nil {
			writers = append(writers, w)
		}
		return err
	}
	if err := begin(); err != nil {
		return used, "", err
	}
	rest := func() error {
		for len(writers) < len(a.seeds) {
			if err := begin(); err != nil {
				return err
			}
		}
		return nil
	}
	for i := 0; i < len(a.seeds); i++ {
		if err := writers[i].deliver(ctx, rest, emit); err != nil {
			return used, "", err
		}
		w := writers[i]
		used.CompletionTokens += w.made
		if i == 0 && w.job.Cached() > 0 {
			used.PromptDetails = &openai.PromptDetails{CachedTokens: w.job.Cached()}
		}
	}
	used.TotalTokens = used.PromptTokens + used.CompletionTokens
	return used, writers[0].finish, nil
}

// writer writes one answer. Choose and what it calls belong to the batcher's goroutine until the job is done; the rest to
// the one that delivers.
type writer struct {
	engine  *Engine
	ask     *ask
	choice  int
	job     *batch.Job
	sampler *sample.Sampler
	matcher *grammar.Matcher // nil for free text
	mask    sample.Mask
	cutter  *stop.Cutter
	tokens  chan engine.Token // has room for all
	finish  engine.Finish
	made    int // tokens chosen, the end not counted
	ids     []int32
	err     error
}

func (e *Engine) newWriter(a *ask, choice int) *writer {
	w := &writer{
		engine: e, ask: a, choice: choice, sampler: sample.New(a.options, a.seeds[choice]),
		tokens: make(chan engine.Token, a.limit), finish: engine.FinishLength,
	}
	if a.form != nil {
		w.matcher = grammar.NewMatcher(a.form, e.vocab())
		w.mask = make(sample.Mask, (e.model.Vocab+63)/64)
	}
	w.cutter = stop.New(a.stops, func(t engine.Token) error {
		w.tokens <- t // at most one per token chosen
		return nil
	})
	return w
}

func (e *Engine) begin(a *ask, choice int) (*writer, error) {
	w := e.newWriter(a, choice)
	var err error
	w.job, err = e.batcher.Start(a.prompt, a.limit, w)
	switch {
	case errors.Is(err, batch.ErrBusy):
		return nil, openai.Errorf(429, "this model is answering as many requests as it can; try again soon")
	case errors.Is(err, batch.ErrTooLarge):
		return nil, openai.Invalid("max_tokens", "%v; ask for a shorter answer or a shorter prompt", err).WithCode(openai.CodeContext)
	case err != nil:
		return nil, err
	}
	return w, nil
}

// Choose implements batch.Chooser.
func (w *writer) Choose(position int, logits []float32) (id int32, done bool) {
	id = w.sampler.Choose(logits, position, w.allowed())
	if id < 0 {
		w.err = ErrNoToken
		return 0, true
	}
	w.ids = append(w.ids, id)
	if w.engine.tokens.End(id) {
		w.finish = engine.FinishStop
		return id, true
	}
	w.made++
	if w.matcher != nil {
		if w.err = w.matcher.Accept(id); w.err != nil {
			return 0, true
		}
	}
	stopped, _ := w.cutter.Add(w.token(id, logits))
	if stopped || (w.matcher != nil && w.matcher.Finished()) {
		w.finish = engine.FinishStop
		return id, true
	}
	return id, false
}

// allowed is the mask of the tokens that may come next: nil for any.
func (w *writer) allowed() sample.Mask {
	if w.matcher == nil {
		return nil
	}
	copy(w.mask, w.matcher.Mask())
	if w.matcher.Complete() {
		for _, id := range w.engine.ends {
			w.mask[id/64] |= 1 << (id % 64)
		}
	}
	return w.mask
}

func (w *writer) token(id int32, logits []float32) engine.Token {
	t := engine.Token{Bytes: w.engine.tokens.Bytes(id), Choice: w.choice}
	if w.ask.blank && w.made == 1 {
		t.Bytes = bytes.TrimPrefix(t.Bytes, []byte(" "))
	}
	if !w.ask.logprob {
		return t
	}
	norm := sample.Normaliser(logits)
	t.Logprob = min(0, float64(logits[id])-norm)
	if w.ask.top > 0 {
		for _, other := range sample.Top(logits, w.ask.top) {
			t.Top = append(t.Top, engine.Alternative{Bytes: w.engine.tokens.Bytes(other), Logprob: min(0, float64(logits[other])-norm)})
		}
	}
	return t
}

// deliver emits the answer's tokens as they come, and then how it ended. begun is called with the first of them.
func (w *writer) deliver(ctx context.Context, begun func() error, emit func(engine.Token) error) error {
	out := &outlet{emit: emit, calls: w.ask.tools, choice: w.choice}
	for {
		select {
		case t := <-w.tokens:
			if err := errors.Join(begun(), out.add(t)); err != nil {
				return err
			}
		case <-w.job.Done():
			return w.end(ctx, begun, out)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// end emits what is left when the job is done, while there is a reader: a whole answer may have waited for a slow one.
func (w *writer) end(ctx context.Context, begun func() error, out *outlet) error {
	if err := errors.Join(w.job.Err(), w.err); err != nil {
		return err
	}
	if w.finish == engine.FinishLength {
		w.cutter.Flush()
	}
	for len(w.tokens) > 0 && ctx.Err() == nil {
		if err := out.add(<-w.tokens); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := begun(); err != nil { // an answer without a token
		return err
	}
	return out.end(&w.finish, w.cutter.At(), w.ids)
}

// outlet emits an answer's tokens, but holds back what may be a call of a function.
type outlet struct {
	emit   func(engine.Token) error
	calls  bool
	choice int
	held   []engine.Token
	text   strings.Builder
}

const callMark = "<tool_call>"

func (o *outlet) add(t engine.Token) error {
	if !o.calls {
		return o.emit(t)
	}
	o.held = append(o.held, t)
	o.text.Write(t.Bytes)
	if mayCall(o.text.String()) {
		return nil
	}
	return o.release()
}

// mayCall says whether a text holds a call's mark, or ends with its beginning.
func mayCall(text string) bool {
	if strings.Contains(text, callMark) {
		return true
	}
	for n := min(len(callMark), len(text)); n > 0; n-- {
		if strings.HasSuffix(text, callMark[:n]) {
			return true
		}
	}
	return false
}

func (o *outlet) release() error {
	for _, t := range o.held {
		if err := o.emit(t); err != nil {
			return err
		}
	}
	o.held = o.held[:0]
	o.text.Reset()
	return nil
}

func (o *outlet) end(finish *engine.Finish, stopped string, ids []int32) error {
	end := engine.End{Finish: *finish, Stopped: stopped, IDs: ids}
	if text, calls := callsOf(o.text.String(), o.choice); len(calls) > 0 {
		o.held, end.Calls = nil, calls
		*finish, end.Finish, end.Stopped = engine.FinishCalls, engine.FinishCalls, ""
		if text = strings.TrimSpace(text); text != "" {
			o.held = []engine.Token{{Bytes: []byte(text), Choice: o.choice}}
		}
	}
	if err := o.release(); err != nil {
		return err
	}
	return o.emit(engine.Token{Choice: o.choice, End: &end})
}
