package chat

import (
	"context"
	"strings"
	"sync"

	"agora/engine"
	"agora/engine/native/stop"
	"agora/wire/openai"
)

// Version is this engine's; it changes when the same request may be answered by other tokens.
const Version = "2"

// Engine answers chat turns with one model. It is safe for concurrent use.
type Engine struct {
	shape Shape
	info  engine.Info
	vocab *Vocabulary
	idle  sync.Pool // of *decoder
}

func newEngine(name, digest string, w *Weights, v *Vocabulary) (*Engine, error) {
	m, err := load(w)
	if err != nil {
		return nil, err
	}
	return &Engine{
		shape: w.Shape,
		info: engine.Info{
			Model: name, Digest: digest, Engine: "native", Version: Version,
			Licence: "Apache-2.0", Context: w.Context, Precision: "f16",
			Can: openai.CanChat | openai.CanLogprobs,
		},
		vocab: v,
		idle:  sync.Pool{New: func() any { return newDecoder(m) }},
	}, nil
}

// Info describes the model.
func (e *Engine) Info() engine.Info { return e.info }

// Shape is the size of the model.
func (e *Engine) Shape() Shape { return e.shape }

// Chat answers the one user message. It reads no earlier turns, and follows no system message. Without a temperature it is
// greedy. Log-probabilities are those of the model itself, before temperature and top_p, and are always given; the
// alternatives only when top_logprobs asks. The error is an *openai.Error of status 400 for a
// request that cannot be answered as it is.
func (e *Engine) Chat(ctx context.Context, req *openai.ChatRequest, emit func(engine.Token) error) (openai.Usage, engine.Finish, error) {
	o, err := optionsOf(req)
	if err != nil {
		return openai.Usage{}, "", err
	}
	prompt, err := e.prompt(req.Messages)
	if err != nil {
		return openai.Usage{}, "", err
	}
	d := e.idle.Get().(*decoder)
	defer e.idle.Put(d)
	d.text.Truncate(0)
	g := &generation{engine: e, decoder: d, options: o, out: stop.New(o.stop, emit)}
	finish, err := g.run(ctx, prompt)
	used := openai.Usage{PromptTokens: len(prompt), CompletionTokens: g.made, TotalTokens: len(prompt) + g.made}
	return used, finish, err
}

// prompt is the last user message between its marks. At least one token of the context is left for the answer.
func (e *Engine) prompt(messages []openai.Message) ([]int32, error) {
	for _, m := range messages {
		if m.Role == "system" || m.Role == "developer" {
			return nil, openai.Invalid("messages", "this model follows no system prompt").WithCode(openai.CodeUnsupported)
		}
	}
	for i := len(messages) - 1; i >= 0; i-- {
		if messages[i].Role != "user" {
			continue
		}
		text := string(messages[i].Content)
		if limit := 64 * e.info.Context; len(text) > limit {
			return nil, openai.Invalid("messages", "the question has %d bytes; this model reads one of at most %d tokens", len(text), e.info.Context-3).WithCode(openai.CodeContext)
		}
		ids := append([]int32{User}, e.vocab.Encode(text)...)
		ids = append(ids, Assistant)
		if len(ids) >= e.info.Context {
			return nil, openai.Invalid("messages", "the question has %d tokens; this model reads at most %d", len(ids)-2, e.info.Context-3).WithCode(openai.CodeContext)
		}
		return ids, nil
	}
	return nil, openai.Invalid("messages", "messages hold no turn of the user")
}

// generation is one answer in the making.
type generation struct {
	engine  *Engine
	decoder *decoder
	options options
	out     *stop.Cutter
	made    int // tokens chosen, the end not counted
}

func (g *generation) run(ctx context.Context, prompt []int32) (engine.Finish, error) {
	next := prompt
	for pos := len(prompt); ; pos++ {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		logits, err := g.decoder.read(next...)
		if err != nil {
			return "", err
		}
		id := g.options.choose(logits)
		if id == End {
			return engine.FinishStop, g.out.Flush()
		}
		stopped, err := g.emit(id, logits)
		if err != nil {
			return "", err
		}
		if stopped {
			return engine.FinishStop, nil
		}
		if g.made == g.options.limit || pos == g.engine.info.Context {
			return engine.FinishLength, g.out.Flush()
		}
		next = []int32{id}
	}
}

// emit hands the token on.
func (g *generation) emit(id int32, logits []float32) (stopped bool, err error) {
	norm := normaliser(logits)
	t := engine.Token{Bytes: []byte(g.text(id)), Logprob: logprob(logits[id], norm)}
	if g.options.top > 0 {
		t.Top = g.top(logits, norm, g.options.top)
	}
	g.made++
	return g.out.Add(t)
}

// text is what the token writes here. The answer's first space only marks the beginning of a word: it is dropped.
func (g *generation) text(id int32) string {
	text := g.engine.vocab.Text(id)
	if g.made == 0 {
		text = strings.TrimPrefix(text, " ")
	}
	return text
}
