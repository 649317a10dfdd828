// Package train makes small chat models from nothing: a llama-shaped decoder with its backward pass written out, Muon and
// Adam, and questions drawn from the task's own generators. It is a development tool; nothing that serves requests
// imports it. Built with GOEXPERIMENT=simd on a CPU with AVX-512 it is many times as fast as the portable build.
//
// A schedule counts steps and not time, and all randomness comes from the rung's seed:
// the same command on the same kernels gives the same weights, bit for bit.
package train

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Shape is the size of a llama-shaped decoder: RMSNorm, rotary positions, SwiGLU, embedding tied to the output.
type Shape struct {
	Vocab   int // tokens
	Width   int // of the residual stream; a multiple of 32
	Layers  int
	Hidden  int // of the gated feed-forward part; a multiple of 32
	Heads   int // of attention
	KVHeads int // each serves Heads/KVHeads of them
	Head    int // numbers per head; a multiple of 16
	Context int // tokens that a conversation may have
}

// Check bounds a shape.
func (s Shape) Check() error {
	for _, v := range []struct {
		name                  string
		n, least, most, whole int
	}{
		{"vocabulary", s.Vocab, leastTokens, 1 << 14, 1},
		{"width", s.Width, 32, 1024, 32},
		{"layers", s.Layers, 1, 32, 1},
		{"hidden width", s.Hidden, 32, 4096, 32},
		{"heads", s.Heads, 1, 64, 1},
		{"key heads", s.KVHeads, 1, 64, 1},
		{"head size", s.Head, 16, 128, 16},
		{"context", s.Context, 64, 4096, 32},
	} {
		if v.n < v.least || v.n > v.most || v.n%v.whole != 0 {
			return fmt.Errorf("%s is %d, want a multiple of %d from %d to %d", v.name, v.n, v.whole, v.least, v.most)
		}
	}
	if s.Heads%s.KVHeads != 0 || s.Heads*s.Head != s.Width {
		return fmt.Errorf("%d heads of %d for %d key heads do not fit a width of %d", s.Heads, s.Head, s.KVHeads, s.Width)
	}
	return nil
}

// Parameters is the number of weights.
func (s Shape) Parameters() int {
	layer := 2*s.Width + s.Width*s.qkv() + s.Width*s.Width + 3*s.Width*s.Hidden
	return s.Vocab*s.Width + s.Layers*layer + s.Width
}

// qkv is the width of queries, keys and values together.
func (s Shape) qkv() int { return (s.Heads + 2*s.KVHeads) * s.Head }

// rows is the vocabulary rounded up to whole vectors; the rows after it are no tokens and are not kept.
func (s Shape) rows() int { return pad32(s.Vocab) }

// parameter is one trained tensor. A matrix has one row per input, so that y = x·W.
type parameter struct {
	w, g       []float32 // weights and gradient
	m, s       []float32 // the optimizer's first and second moments
	rows, cols int       // rows is 1 for the gains of a norm
}

type layer struct{ attentionNorm, qkv, out, mlpNorm, gateUp, down *parameter }

type model struct {
	Shape
	all       []*parameter
	embed     *parameter
	layers    []layer
	norm      *parameter
	cosT, sin []float32 // rotations by position
}

// newModel draws the start: matrices with the deviation that keeps a layer's output near its input's size.
func newModel(s Shape, seed uint64) *model {
	r := rand.New(rand.NewPCG(seed, 0x5eed))
	m := &model{Shape: s}
	d, h := s.Width, s.Hidden
	in := 1 / math.Sqrt(float64(d))
	residual := 1 / math.Sqrt(float64(2*s.Layers))
	m.embed = m.matrix(r, s.rows(), d, 0.05)
	for range s.Layers {
		m.layers = append(m.layers, layer{
			attentionNorm: m.gains(d),
			qkv:           m.matrix(r, d, s.qkv(), in),
			out:           m.matrix(r, d, d, in*residual),
			mlpNorm:       m.gains(d),
			gateUp:        m.matrix(r, d, 2*h, in),
			down:          m.matrix(r, h, d, residual/math.Sqrt(float64(h))),
		})
	}
	m.norm = m.gains(d)
	m.turns()
	return m
}

// twin shares the weights and has gradients of its own.
func (m *model) twin() *model {
	t := &model{Shape: m.Shape, cosT: m.cosT, sin: m.sin}
	share := func(p *parameter) *parameter {
		q := &parameter{w: p.w, g: make([]float32, len(p.g)), rows: p.rows, cols: p.cols}
		t.all = append(t.all, q)
		return q
	}
	t.embed = share(m.embed)
	for _, l := range m.layers {
		t.layers = append(t.layers, layer{share(l.attentionNorm), share(l.qkv), share(l.out), share(l.mlpNorm), share(l.gateUp), share(l.down)})
	}
	t.norm = share(m.norm)
	return t
}

// takeGradients adds a twin's gradients and clears them.
func (m *model) takeGradients(twin *model) {
	for i, p := range m.all {
		axpy(p.g, 1, twin.all[i].g)
		clear(twin.all[i].g)
	}
}

// ropeBase: pair i of a head turns by position · ropeBase^(−2i/head).
const ropeBase = 10000

func (m *model) turns() {
	half := m.Head / 2
	m.cosT, m.sin = make([]float32, m.Context*half), make([]float32, m.Context*half)
	for t := range m.Context {
		for i := range half {
			angle := float64(t) * math.Pow(ropeBase, -2*float64(i)/float64(m.Head))
			m.cosT[t*half+i], m.sin[t*half+i] = float32(math.Cos(angle)), float32(math.Sin(angle))
		}
	}
}

func (m *model) add(rows, cols int) *parameter {
	f := func() []float32 { return make([]float32, rows*cols) }
	p := &parameter{w: f(), g: f(), m: f(), s: f(), rows: rows, cols: cols}
	m.all = append(m.all, p)
	return p
}

func (m *model) matrix(r *rand.Rand, rows, cols int, deviation float64) *parameter {
	p := m.add(rows, cols)
	for i := range p.w {
		p.w[i] = float32(r.NormFloat64() * deviation)
	}
	return p
}

func (m *model) gains(n int) *parameter {
	p := m.add(1, n)
	for i := range p.w {
		p.w[i] = 1
	}
	return p
}

// transpose writes the rows × cols matrix src as cols × rows, sixteen rows at a time for the cache's sake.
func transpose(dst, src []float32, rows, cols int) {
	for r0 := 0; r0 < rows; r0 += 16 {
		for c := range cols {
			for r := r0; r < min(r0+16, rows); r++ {
				dst[c*rows+r] = src[r*cols+c]
			}
		}
	}
}
