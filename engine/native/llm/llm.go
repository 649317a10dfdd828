// Package llm serves a language model from its file: tokenizer, chat template, exact engine, sampler and batcher put
// together as an engine of the market.
package llm

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"agora/engine"
	"agora/engine/native/batch"
	"agora/engine/native/digest"
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
	template *template.Template // nil for a base model
	vocab    *grammar.Vocabulary
	batcher  *batch.Batcher
	info     engine.Info
	context  int
	ends     []int32 // tokens that end an answer
	runners  sync.Pool
	whyNot   error // why there is no template
}

// Open loads a GGUF file. A model without a known chat template only continues texts; Template says why.
func Open(path string, o Options) (*Engine, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	if o.Name == "" {
		o.Name = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	}
	e, err := New(f, o)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return e, nil
}

// New loads a model from an open file, which the engine closes with itself.
func New(f *gguf.File, o Options) (*Engine, error) {
	e := &Engine{}
	var err error
	if e.tokens, err = token.FromGGUF(f); err != nil {
		return nil, err
	}
	if e.template, e.whyNot = templateOf(f, e.tokens, o.Template); e.whyNot != nil && o.Template != "" {
		return nil, e.whyNot
	}
	told := identify(f)
	if e.model, err = model.FromGGUF(f); err != nil {
		return nil, err
	}
	if e.tokens.Len() > e.model.Vocab {
		return nil, fmt.Errorf("%w: %d tokens for a model of %d", token.ErrDamaged, e.tokens.Len(), e.model.Vocab)
	}
	e.context = min(e.model.Context, MaxContext)
	if o.Context > 0 {
		e.context = min(e.model.Context, o.Context)
	}
	e.findEnds()
	e.batcher = batch.New(e.model, o.Batch)
	e.runners.New = func() any { return e.model.NewRunner() }
	e.info = e.describe(o, told)
	return e, nil
}

// told is what the file says of itself.
type told struct {
	digest     string // empty where the file holds what its architecture does not read, so that it is no model with a name
	parameters int64
	precision  string // of most weights
}

func identify(f *gguf.File) told {
	var t told
	if id, err := digest.Of(f); err == nil {
		t.digest, t.parameters = id.String(), id.Parameters
	}
	most, weights := 0, map[tensor.Type]int{}
	for _, one := range f.Tensors() {
		if weights[one.Type] += one.Elements(); weights[one.Type] > most {
			most, t.precision = weights[one.Type], one.Type.String()
		}
	}
	return t
}

func (t told) metadata() string {
	if t.parameters == 0 {
		return ""
	}
	return fmt.Sprintf(`{"parameters":%d}`, t.parameters)
}

func templateOf(f *gguf.File, t *token.Tokenizer, name string) (*template.Template, error) {
	source, _ := f.Meta("tokenizer.chat_template").Text()
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

func spelling(t *token.Tokenizer, id int32) string {
	if id < 0 {
		return ""
	}
	return t.Tokens[id]
}

func (e *Engine) findEnds() {
	words := make([][]byte, e.model.Vocab)
	for id := range int32(e.tokens.Len()) {
		words[id] = e.tokens.Bytes(id)
		if e.tokens.End(id) {
			e.ends = append(e.ends, id)
			words[id] = nil
		}
	}
	e.vocab = grammar.NewVocabulary(words)
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
