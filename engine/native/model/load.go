package model

import (
	"errors"
	"fmt"
	"math"

	"agora/engine/native/gguf"
	"agora/engine/native/kernel"
	"agora/engine/native/tensor"
)

// Model is a loaded model: only read, by any number of Runners.
type Model struct {
	Config
	Vocab  int
	embed  *kernel.Matrix // where the output is tied to it, nil otherwise
	table  tensor.Tensor  // embeddings in the file, where they are not tied
	output *kernel.Matrix
	norm   []float32
	layers []layer
	global []float64 // turns per position of each rotary pair, in radians
	local  []float64 // of layers with a window
	file   File      // kept open, nil where nothing is read from it any more
}

type layer struct {
	attentionNorm, feedNorm []float32
	q, k, v, out            *kernel.Matrix
	qBias, kBias, vBias     []float32 // nil where there is none
	qNorm, kNorm            []float32 // per head; nil where there is none
	attentionPost, feedPost []float32 // norms after each part; nil where there is none
	gate, up, down          *kernel.Matrix
	windowed                bool
}

// Tensors is where weights come from, by the names that GGUF gives them.
type Tensors interface {
	Tensor(name string) (tensor.Tensor, bool)
}

// File is what Tensors lie in.
type File interface {
	Close() error
	Forget() // gives back the memory of what was read so far
}

// Open loads a GGUF file. Close the model when no Runner uses it any more.
func Open(path string) (*Model, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	m, err := FromGGUF(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return m, nil
}

// FromGGUF loads the weights of an open file, and releases it.
func FromGGUF(f *gguf.File) (*Model, error) {
	c, err := ConfigOf(f)
	if err != nil {
		return nil, err
	}
	m, err := Load(c, f)
	if err != nil {
		return nil, err
	}
	return m, m.Release(f)
}

// Release gives back the file that the Tensors lie in: now where nothing is read from it any more, else when the model is closed. Of a
// file that stays open only what is read of it from now on takes memory.
func (m *Model) Release(f File) error {
	if m.embed != nil {
		return f.Close()
	}
	m.file = f
	f.Forget()
	return nil
}

// Close gives back the file.
func (m *Model) Close() error {
	if m.file == nil {
		return nil
	}
	return m.file.Close()
}

// Load packs the weights of a model of shape c.
func Load(c Config, from Tensors) (*Model, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	l := &loader{c: &c, from: from}
	l.room = l.newRoom()
	m := &Model{Config: c}
	l.embeddings(m)
	m.norm = l.floats("output_norm.weight", c.Width)
	m.global = turns(c.RopeBase, c.Rotary, c.RopeFactor, l.ropeFactors())
	if c.Window > 0 {
		m.local = turns(c.RopeLocal, c.Rotary, 1, nil)
	}
	for i := range c.Layers {
		m.layers = append(m.layers, l.layer(i))
		if l.err != nil {
			break
		}
	}
	if l.err != nil {
		return nil, l.err
	}
	return m, nil
}

// loader fetches tensors until the first error.
type loader struct {
	c    *Config
	from Tensors
	room *kernel.Room
	err  error
}

// newRoom is room for all matrices. Embeddings stay in the file where the output has weights of its own.
func (l *loader) newRoom() *kernel.Room {
	names, _ := l.c.Reads()
	_, untied := l.from.Tensor("output.weight")
	n := 0
	for _, name := range names {
		if t, ok := l.from.Tensor(name); ok && !(untied && name == "token_embd.weight") {
			n += kernel.Packed(t)
		}
	}
	return kernel.NewRoom(n)
}

func (l *loader) embeddings(m *Model) {
	t, ok := l.from.Tensor("token_embd.weight")
	if !ok || len(t.Shape) != 2 || t.Shape[0] != l.c.Width || t.Shape[1] > maxVocab {
		l.fail("token_embd.weight is %v, want %d columns and at most %d rows", t.Shape, l.c.Width, maxVocab)
		return
	}
	m.Vocab = t.Shape[1]
	if out, ok := l.from.Tensor("output.weight"); ok {
		m.table, m.output = t, l.pack(out, l.c.Width, m.Vocab)
		return
	}
	m.embed = l.pack(t, l.c.Width, m.Vocab)
	m.output = m.embed
}

func (l *loader) layer(i int) layer {
	c, p := l.c, fmt.Sprintf("blk.%d.", i)
	q, kv := c.Heads*c.Head, c.KVHeads*c.Head
	y := layer{
		windowed:      c.windowed(i),
		attentionNorm: l.floats(p+"attn_norm.weight", c.Width), feedNorm: l.floats(p+"ffn_norm.weight", c.Width),
		q: l.matrix(p+"attn_q.weight", c.Width, q), k: l.matrix(p+"attn_k.weight", c.Width, kv), v: l.matrix(p+"attn_v.weight", c.Width, kv),
		out:  l.matrix(p+"attn_output.weight", q, c.Width),
		gate: l.matrix(p+"ffn_gate.weight", c.Width, c.Hidden), up: l.matrix(p+"ffn_up.weight", c.Width, c.Hidden),
		down: l.matrix(p+"ffn_down.weight", c.Hidden, c.Width),
	}
	switch c.Architecture {
	case "qwen2":
		y.qBias, y.kBias, y.vBias = l.floats(p+"attn_q.bias", q), l.floats(p+"attn_k.bias", kv), l.floats(p+"attn_v.bias", kv)
	case "qwen3":
		y.qNorm, y.kNorm = l.floats(p+"attn_q_norm.weight", c.Head), l.floats(p+"attn_k_norm.weight", c.Head)
	case "gemma3":
		y.qNorm, y.kNorm = l.floats(p+"attn_q_norm.weight", c.Head), l.floats(p+"attn_k_norm.weight", c.Head)
		y.attentionPost = l.floats(p+"post_attention_norm.weight", c.Width)
		y.feedPost = l.floats(p+"post_ffw_norm.weight", c.Width)
	}
	return y
}

func (l *loader) fail(format string, args ...any) {
	if l.err == nil {
		l.err = fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
	}
}

func (l *loader) matrix(name string, cols, rows int) *kernel.Matrix {
	t, ok := l.from.Tensor(name)
	if !ok {
		l.fail("%s is missing", name)
		return nil
	}
	return l.pack(t, cols, rows)
}

func (l *loader) pack(t tensor.Tensor, cols, rows int) *kernel.Matrix {
	if len(t.Shape) != 2 || t.Shape[0] != cols || t.Shape[1] != rows {
		l.fail("%s is %v, want [%d %d]", t.Name, t.Shape, cols, rows)
	}
	if l.err != nil {
		return nil
	}
	m, err := l.room.Pack(t)
	if err != nil && l.err == nil {
		l.err = err
	}
	return m
}

// floats is a vector of n finite numbers.
func (l *loader) floats(name string, n int) []float32 {
	v := l.optional(name, n)
	if v == nil {
		l.fail("%s is missing", name)
	}
	return v
}

func (l *loader) optional(name string, n int) []float32 {
	t, ok := l.from.Tensor(name)
	if !ok {
		return nil
	}
	if len(t.Shape) != 1 || t.Shape[0] != n {
		l.fail("%s is %v, want [%d]", name, t.Shape, n)
		return nil
	}
	v := t.Floats()
	if !kernel.Bounded(v) {
		l.fail("%s holds a number that is not finite", name)
	}
	return v
}

// ropeFactors are what slows rotary pairs; nil where nothing does.
func (l *loader) ropeFactors() []float32 {
	v := l.optional("rope_freqs.weight", l.c.Rotary/2)
	for i, x := range v {
		if !(x >= 0.5 && x <= 1<<20) {
			l.fail("rope_freqs.weight slows pair %d by %v, want 0.5 to 2²⁰", i, x)
		}
	}
	return v
}

// turns are base^(−2i/n)÷factor÷divide[i] for i below n/2.
func turns(base float64, n int, factor float64, divide []float32) []float64 {
	w := make([]float64, n/2)
	for i := range w {
		w[i] = float64(exp(-float64(2*i)/float64(n)*log(base)) / factor)
		if divide != nil {
			w[i] /= float64(divide[i])
		}
	}
	return w
}

// rootWidth is what embeddings are multiplied by: √width, rounded to 8 bits as in the model's first code.
func rootWidth(width int) float32 {
	b := math.Float32bits(float32(math.Sqrt(float64(width))))
	return math.Float32frombits((b + 0x7fff + b>>16&1) &^ 0xffff)
}

// RopeWave is base^(2i/n): the positions in which pair i of n/2 turns by one radian.
func RopeWave(base float64, i, n int) float64 { return 1 / turns(base, n, 1, nil)[i] }
