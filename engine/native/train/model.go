// Package train trains the native chat models: a llama-shaped decoder with its backward pass written out, Muon and
// Adam, and questions drawn from the task's own generators. It is a development tool; nothing that serves requests
// imports it. Built with GOEXPERIMENT=simd on a CPU with AVX-512 it is seven times as fast as the portable build.
//
// One run is one goroutine, its schedule counts steps and not time, and all randomness comes from the rung's seed:
// the same command on the same kernels gives the same weights, bit for bit.
package train

import (
	"math"
	"math/rand/v2"

	"agora/engine/native/chat"
)

const headSize = 32

// parameter is one trained tensor. A matrix has one row per input, so that y = x·W.
type parameter struct {
	w, g       []float32 // weights and gradient
	m, s       []float32 // the optimizer's first and second moments
	rows, cols int       // rows is 1 for the gains of a norm
}

type layer struct{ attentionNorm, qkv, out, mlpNorm, gateUp, down *parameter }

type model struct {
	chat.Shape
	all       []*parameter
	embed     *parameter
	layers    []layer
	norm      *parameter
	cosT, sin []float32 // rotations by position
}

// newModel draws the start: matrices with the deviation that keeps a layer's output near its input's size.
func newModel(s chat.Shape, seed uint64) *model {
	r := rand.New(rand.NewPCG(seed, 0x5eed))
	m := &model{Shape: s}
	d, h := s.Width, s.Hidden
	in := 1 / math.Sqrt(float64(d))
	residual := 1 / math.Sqrt(float64(2*s.Layers))
	m.embed = m.matrix(r, s.Vocab, d, 0.05)
	for range s.Layers {
		m.layers = append(m.layers, layer{
			attentionNorm: m.gains(d),
			qkv:           m.matrix(r, d, 3*d, in),
			out:           m.matrix(r, d, d, in*residual),
			mlpNorm:       m.gains(d),
			gateUp:        m.matrix(r, d, 2*h, in),
			down:          m.matrix(r, h, d, residual/math.Sqrt(float64(h))),
		})
	}
	m.norm = m.gains(d)
	m.cosT, m.sin = chat.Rotations(s.Context)
	return m
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

// weights copies the model into the layout that the engine reads: one row per output.
func (m *model) weights() *chat.Weights {
	w := chat.NewWeights(m.Shape)
	copy(w.Embed, m.embed.w)
	copy(w.Norm, m.norm.w)
	for i, l := range m.layers {
		t := w.Layers[i]
		copy(t.AttentionNorm, l.attentionNorm.w)
		copy(t.MLPNorm, l.mlpNorm.w)
		transpose(t.QKV, l.qkv.w, l.qkv.rows, l.qkv.cols)
		transpose(t.Out, l.out.w, l.out.rows, l.out.cols)
		transpose(t.GateUp, l.gateUp.w, l.gateUp.rows, l.gateUp.cols)
		transpose(t.Down, l.down.w, l.down.rows, l.down.cols)
	}
	return w
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
