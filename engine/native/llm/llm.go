// Package llm serves a language model from its file: tokenizer, chat template, exact engine, sampler and batcher put
// together as an engine of the market.
package llm

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"agora/engine"
	"agora/engine/native/batch"
	"agora/engine/native/gguf"
	"agora/engine/native/grammar"
	"agora/engine/native/model"
	"agora/engine/native/template"
	"agora/engine/native/tensor"
	"agora/engine/native/token"
	"agora/wire/openai"
)

// Version is this engine's. It changes when the same request may be answered by other tokens.
const Version = "1"

// Options describe and bound an engine. Zero values take what stands beside them.
type Options struct {
	Name     string // what requests call the model; the file's name without its ending
	Licence  string // SPDX identifier
	Template string // of the list in package template; the one that says what the file's own says
	Context  int    // tokens of prompt and answer; what the file says, at most MaxContext
	Batch    batch.Options
}

// MaxContext is how much of a long context is served unless Options ask for more: its keys and values take memory.
const MaxContext = 8192

// Engine is a model in memory. It is safe for concurrent use.
type Engine struct {
	model    *model.Model
	tokens   *token.Tokenizer
	template *template.Template         // nil for a base model
	vocab    func() *grammar.Vocabulary // put in order when the first answer has a form to follow
	batcher  *batch.Batcher
	info     engine.Info
	context  int
	ends     []int32 // tokens that end an answer
	readable uint64  // bytes of keys and values of a text that is read, see mostRead
	runners  sync.Pool
	whyNot   error // why there is no template
	weights  int64 // parameters, 0 where the file is no model with a name
}

// Open loads a GGUF file, or a folder as models are published for training. A model without a known chat template only
// continues texts; Template says why.
func Open(path string, o Options) (*Engine, error) {
	if o.Name == "" {
		o.Name = strings.TrimSuffix(filepath.Base(path), ".gguf")
	}
	e, err := openPath(path, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return e, nil
}

func openPath(path string, o Options) (*Engine, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return openFolder(path, o)
	}
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	e, err := New(f, o)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return e, nil
}

// New loads a model from an open file, which the engine closes with itself.
func New(f *gguf.File, o Options) (*Engine, error) {
	table, err := token.TableOf(f)
	if err != nil {
		return nil, err
	}
	tokens := func() (*token.Tokenizer, error) { return token.New(table) }
	source, _ := f.Meta("tokenizer.chat_template").Text()
	c, err := model.ConfigOf(f)
	if err != nil {
		return nil, err
	}
	return build(parts{table, tokens, source, c, f, f.Tensors(), f}, o)
}

// parts is what a model is made of, wherever it came from.
type parts struct {
	table    token.Table
	tokens   func() (*token.Tokenizer, error)
	template string // the program that came with it
	config   model.Config
	from     model.Tensors
	tensors  []tensor.Tensor // all of them
	file     model.File      // that they lie in
}

// load packs the weights, puts the vocabulary in order and names the model, at once.
func (p parts) load() (m *model.Model, tokens *token.Tokenizer, t told, err error) {
	var beside sync.WaitGroup
	var unread error
	beside.Go(func() { tokens, unread = p.tokens() })
	beside.Go(func() { t = identify(p.config, p.tensors, &p.table) })
	m, err = model.Load(p.config, p.from)
	beside.Wait()
	if err = cmp.Or(unread, err); err != nil {
		return nil, nil, t, err
	}
	if tokens.Len() > m.Vocab {
		return nil, nil, t, fmt.Errorf("%w: %d tokens for a model of %d", token.ErrDamaged, tokens.Len(), m.Vocab)
	}
	return m, tokens, t, m.Release(p.file)
}

func build(p parts, o Options) (*Engine, error) {
	e := &Engine{}
	if e.template, e.whyNot = templateOf(p.template, &p.table, o.Template); e.whyNot != nil && o.Template != "" {
		return nil, e.whyNot
	}
	var t told
	var err error
	if e.model, e.tokens, t, err = p.load(); err != nil {
		return nil, err
	}
	e.context = min(e.model.Context, MaxContext)
	if o.Context > 0 {
		e.context = min(e.model.Context, o.Context)
	}
	e.ends, e.readable = e.tokens.Ends(), mostRead
	e.vocab = sync.OnceValue(e.words)
	e.batcher = batch.New(e.model, o.Batch)
	e.runners.New = func() any { return e.model.NewRunner() }
	e.info, e.weights = e.describe(o, t), t.parameters
	return e, nil
}

func templateOf(source string, t *token.Table, name string) (*template.Template, error) {
	begin, end := spelling(t, t.BOS), spelling(t, t.EOS)
	if name == "" {
		return template.Detect(source, begin, end)
	}
	chosen, err := template.Named(name)
	if err == nil {
		chosen.Begin = t.AddBOS
	}
	return chosen, err
}

func spelling(t *token.Table, id int32) string {
	if id < 0 {
		return ""
	}
	return t.Tokens[id]
}

// words are what answers of a given form may be made of: everything but what ends them.
func (e *Engine) words() *grammar.Vocabulary {
	words := make([][]byte, e.model.Vocab)
	for id := range int32(e.tokens.Len()) {
		if !e.tokens.End(id) {
			words[id] = e.tokens.Bytes(id)
		}
	}
	return grammar.NewVocabulary(words)
}

func (e *Engine) describe(o Options, t told) engine.Info {
	can := openai.CanComplete | openai.CanLogprobs
	if e.template != nil {
		can |= openai.CanChat | openai.CanTurns | openai.CanSystem | openai.CanFormat | openai.CanChoices
		if e.template.HasTools() {
			can |= openai.CanTools
		}
	}
	return engine.Info{
		Model: o.Name, Digest: t.digest, Engine: "native", Version: Version, Licence: o.Licence, Context: e.context,
		Precision: t.precision, Metadata: t.metadata(), Can: can,
	}
}

// Info describes the model.
func (e *Engine) Info() engine.Info { return e.info }

// Parameters counts the weights, a tied or bit-equal output matrix once; 0 where the file holds what its architecture does not read.
func (e *Engine) Parameters() int64 { return e.weights }

// Template is the name of the chat template; the error says why there is none.
func (e *Engine) Template() (string, error) {
	if e.template == nil {
		return "", e.whyNot
	}
	return e.template.Name, nil
}

// Close gives up all answers and the memory.
func (e *Engine) Close() error {
	e.batcher.Close()
	return e.model.Close()
}

// vocabulary lends the tokenizer to templates.
type vocabulary struct{ *token.Tokenizer }

func (v vocabulary) Control(name string) (int32, bool) {
	id, ok := v.ID(name)
	if !ok || (v.Kinds[id] != token.Control && v.Kinds[id] != token.UserDefined) {
		return 0, false
	}
	return id, true
}

func (v vocabulary) Ends() (begin, end int32) { return v.BOS, v.EOS }
