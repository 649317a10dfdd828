// Package model runs transformer language models of the llama family with the same bits on every machine: alone or
// beside others, and however a text is cut into passes.
package model

import (
	"errors"
	"fmt"
	"math"

	"agora/engine/native/kernel"
	"agora/engine/native/tensor"
)

// Errors of a pass.
var (
	ErrToken     = errors.New("no such token")
	ErrContext   = errors.New("the text is longer than the model's context")
	ErrNotFinite = errors.New("the model's numbers overflow")
)

// MaxPass is how many tokens go through the layers together; longer inputs take several passes.
const MaxPass = 64

// Input is what a sequence reads next.
type Input struct {
	Sequence *Sequence
	Tokens   []int32
	Logits   int // of the last so many tokens logits are wanted

	// Gone is asked before each layer. Once it says so the text takes no further part: it gets no logits, and its sequence is of no more
	// use. Nil is never.
	Gone func() bool
}

// Runner is the working memory of passes. It belongs to one goroutine at a time; a model may have many.
type Runner struct {
	m                        *Model
	inputs                   []Input
	left                     []bool // inputs that are gone
	wants                    []int  // inputs whose the logits are
	items                    []item
	x, h, att, q, k, v, feed []float32 // one row per item
	gate, up, logits         []float32
	rotations, localTurns    []float32
	weights                  []float32 // of attention
	scaled                   []float32
	acts                     kernel.Activations
}

// item is one token of a pass.
type item struct {
	input    int
	seq      *Sequence
	position int
	token    int32
	want     bool
}

// NewRunner makes working memory for one goroutine.
func (m *Model) NewRunner() *Runner {
	row := func(n int) []float32 { return make([]float32, MaxPass*wide(n)) }
	kv := m.KVHeads * m.Head
	r := &Runner{
		m: m, x: row(m.Width), h: row(m.Width), feed: row(m.Width), att: row(m.Heads * m.Head), q: row(m.Heads * m.Head), k: row(kv), v: row(kv),
		gate: row(m.Hidden), up: row(m.Hidden), rotations: row(m.Rotary), scaled: make([]float32, m.Head),
	}
	if m.Window > 0 {
		r.localTurns = row(m.Rotary)
	}
	return r
}

// wide is n rounded up to whole vectors.
func wide(n int) int { return (n + kernel.Lanes - 1) / kernel.Lanes * kernel.Lanes }

// Forward reads the inputs and returns the logits that they want, of those that are not gone, in order, Vocab each. They stay valid until
// the next call. What a token gets does not depend on its neighbours in the call. After an error the sequences are as before it.
func (r *Runner) Forward(inputs ...Input) ([][]float32, error) {
	if err := r.check(inputs); err != nil {
		return nil, err
	}
	wanted := 0
	before := make([]int, len(inputs))
	for i, in := range inputs {
		before[i] = in.Sequence.length
		wanted += in.Logits
	}
	width := r.m.output.Width()
	if len(r.logits) < wanted*width {
		r.logits = make([]float32, wanted*width)
	}
	out := make([][]float32, 0, wanted)
	r.inputs, r.left, r.wants = inputs, append(r.left[:0], make([]bool, len(inputs))...), r.wants[:0]
	defer func() { r.inputs = nil }()
	if err := r.passes(&out); err != nil {
		for i, in := range inputs {
			in.Sequence.Truncate(before[i])
		}
		return nil, err
	}
	return r.stayed(out), nil
}

// stayed are the logits of inputs that are not gone.
func (r *Runner) stayed(out [][]float32) [][]float32 {
	n := 0
	for i, l := range out {
		if !r.left[r.wants[i]] {
			out[n] = l
			n++
		}
	}
	return out[:n]
}

func (r *Runner) check(inputs []Input) error {
	for _, in := range inputs {
		if n := in.Sequence.length + len(in.Tokens); n > r.m.Context {
			return fmt.Errorf("%w: %d tokens, it has %d", ErrContext, n, r.m.Context)
		}
		if in.Logits < 0 || in.Logits > len(in.Tokens) {
			return fmt.Errorf("%w: logits of %d of %d", ErrToken, in.Logits, len(in.Tokens))
		}
		for _, t := range in.Tokens {
			if t < 0 || int(t) >= r.m.Vocab {
				return fmt.Errorf("%w: %d, there are %d", ErrToken, t, r.m.Vocab)
			}
		}
	}
	return nil
}

// passes cuts the inputs into pieces of MaxPass tokens.
func (r *Runner) passes(out *[][]float32) error {
	r.items = r.items[:0]
	for n, in := range r.inputs {
		for i, t := range in.Tokens {
			if len(r.items) == MaxPass {
				if err := r.pass(out); err != nil {
					return err
				}
				r.items = r.items[:0]
			}
			if r.left[n] {
				break
			}
			r.items = append(r.items, item{n, in.Sequence, in.Sequence.grow(), t, i >= len(in.Tokens)-in.Logits})
		}
	}
	if len(r.items) == 0 {
		return nil
	}
	return r.pass(out)
}

// pass sends the items through all layers.
func (r *Runner) pass(out *[][]float32) error {
	r.embed()
	if !kernel.Bounded(r.x[:len(r.items)*r.m.Width]) {
		return ErrNotFinite
	}
	for i := range r.m.layers {
		if r.leave(); len(r.items) == 0 {
			return nil
		}
		if err := r.attention(i); err != nil {
			return err
		}
		if err := r.feedForward(&r.m.layers[i]); err != nil {
			return err
		}
	}
	r.leave()
	return r.predict(out)
}

// leave takes the items of inputs that are gone out of the pass: what the others get does not depend on them.
func (r *Runner) leave() {
	any := false
	for n, in := range r.inputs {
		if !r.left[n] && in.Gone != nil && in.Gone() {
			r.left[n], any = true, true
		}
	}
	if !any {
		return
	}
	n := 0
	for i, it := range r.items {
		if r.left[it.input] {
			continue
		}
		for _, rows := range []struct {
			of   []float32
			size int
		}{{r.x, r.m.Width}, {r.rotations, r.m.Rotary}, {r.localTurns, r.m.Rotary}} {
			if len(rows.of) > 0 {
				copy(rows.of[n*rows.size:(n+1)*rows.size], rows.of[i*rows.size:])
			}
		}
		r.items[n] = it
		n++
	}
	r.items = r.items[:n]
}

func (r *Runner) embed() {
	m := r.m
	for i, it := range r.items {
		x := r.x[i*m.Width : (i+1)*m.Width]
		if m.embed != nil {
			m.embed.Row(x, int(it.token))
		} else {
			tensor.Decode(x, m.table.Type, m.table.Row(int(it.token)))
		}
		if m.ScaleEmbed {
			by := rootWidth(m.Width)
			for j := range x {
				x[j] = float32(x[j] * by)
			}
		}
		rotation(r.rotations[i*m.Rotary:], m.global, it.position)
		if m.Window > 0 {
			rotation(r.localTurns[i*m.Rotary:], m.local, it.position)
		}
	}
}

// rotation fills cosines and sines of a position, alternating.
func rotation(out []float32, turns []float64, position int) {
	for j, w := range turns {
		s, c := sincos(float64(float64(position) * w))
		out[2*j], out[2*j+1] = float32(c), float32(s)
	}
}

// attention: x += out · Σ softmax(q·k/√head)·v.
func (r *Runner) attention(i int) error {
	m, y, n := r.m, &r.m.layers[i], len(r.items)
	r.normalise(y.attentionNorm)
	r.acts.Set(r.h, n, m.Width, m.Width)
	qw, kw := m.Heads*m.Head, m.KVHeads*m.Head
	sq, sk := wide(qw), wide(kw)
	y.q.Multiply(r.q, sq, &r.acts)
	y.k.Multiply(r.k, sk, &r.acts)
	y.v.Multiply(r.v, sk, &r.acts)
	if !kernel.Bounded(r.q[:n*sq]) || !kernel.Bounded(r.k[:n*sk]) || !kernel.Bounded(r.v[:n*sk]) {
		return ErrNotFinite
	}
	for t, it := range r.items {
		q, k, v := r.q[t*sq:][:qw], r.k[t*sk:][:kw], r.v[t*sk:][:kw]
		r.prepare(y, q, k, v, t)
		for h := range m.KVHeads {
			it.seq.store(i*m.KVHeads+h, it.position, k[h*m.Head:][:m.Head], v[h*m.Head:][:m.Head])
		}
	}
	for t, it := range r.items {
		for h := range m.Heads {
			r.attend(r.att[t*qw+h*m.Head:][:m.Head], r.q[t*sq+h*m.Head:][:m.Head], it, i*m.KVHeads+h/(m.Heads/m.KVHeads), y.windowed)
		}
	}
	r.acts.Set(r.att, n, qw, qw)
	return r.add(y.out, y.attentionPost)
}

// prepare adds biases, normalises and turns the queries and keys of item t.
func (r *Runner) prepare(y *layer, q, k, v []float32, t int) {
	m := r.m
	if y.qBias != nil {
		kernel.Add(q, y.qBias)
		kernel.Add(k, y.kBias)
		kernel.Add(v, y.vBias)
	}
	turn := r.rotations
	if y.windowed {
		turn = r.localTurns
	}
	turn = turn[t*m.Rotary : (t+1)*m.Rotary]
	for _, side := range []struct{ x, norm []float32 }{{q, y.qNorm}, {k, y.kNorm}} {
		for x := side.x; len(x) > 0; x = x[m.Head:] {
			head := x[:m.Head]
			if side.norm != nil {
				kernel.Normalise(head, head, side.norm, m.Epsilon)
			}
			rotate(head[:m.Rotary], turn, m.Adjacent)
		}
	}
}

// rotate turns pairs by the angles whose cosines and sines alternate in turn.
func rotate(x, turn []float32, adjacent bool) {
	first, second, step := 0, len(x)/2, 1
	if adjacent {
		second, step = 1, 2
	}
	for i := 0; i < len(turn); i += 2 {
		a, b, c, s := x[first], x[second], turn[i], turn[i+1]
		x[first] = float32(a*c) - float32(b*s)
		x[second] = float32(a*s) + float32(b*c)
		first, second = first+step, second+step
	}
}

// attend computes one head's output for one item: pages in order, positions in order.
func (r *Runner) attend(out, q []float32, it item, head int, windowed bool) {
	from := 0
	if windowed {
		from = max(0, it.position+1-r.m.Window)
	}
	first, last := from/Page, it.position/Page
	if need := (last + 1 - first) * Page; len(r.weights) < need {
		r.weights = make([]float32, need+16*Page)
	}
	p := r.weights[:(last+1-first)*Page]
	scale := 1 / float32(math.Sqrt(float64(len(q))))
	for d, v := range q {
		r.scaled[d] = float32(v * scale)
	}
	for i := first; i <= last; i++ {
		keys, _ := it.seq.pages[i].head(head, len(q))
		kernel.Scores(p[(i-first)*Page:], r.scaled[:len(q)], keys, Page/kernel.Lanes)
	}
	for j := range p {
		if at := first*Page + j; at < from || at > it.position {
			p[j] = kernel.Nothing
		}
	}
	by := 1 / kernel.Softmax(p)
	clear(out)
	for i := first; i <= last; i++ {
		_, values := it.seq.pages[i].head(head, len(q))
		n := min(Page, it.position+1-i*Page)
		kernel.Mix(out, p[(i-first)*Page:][:n], values)
	}
	for d, v := range out {
		out[d] = float32(v * by)
	}
}

// feedForward: x += down · (act(gate)·up).
func (r *Runner) feedForward(y *layer) error {
	m, n := r.m, len(r.items)
	r.normalise(y.feedNorm)
	r.acts.Set(r.h, n, m.Width, m.Width)
	y.gate.Multiply(r.gate, m.Hidden, &r.acts)
	y.up.Multiply(r.up, m.Hidden, &r.acts)
	gate, up := r.gate[:n*m.Hidden], r.up[:n*m.Hidden]
	if !kernel.Bounded(gate) || !kernel.Bounded(up) {
		return ErrNotFinite
	}
	if m.GELU {
		kernel.GELU(gate, up)
	} else {
		kernel.SiLU(gate, up)
	}
	r.acts.Set(r.gate, n, m.Hidden, m.Hidden)
	return r.add(y.down, y.feedPost)
}

// normalise fills h with the normalised x.
func (r *Runner) normalise(w []float32) {
	for i := range r.items {
		kernel.Normalise(r.h[i*len(w):(i+1)*len(w)], r.x[i*len(w):(i+1)*len(w)], w, r.m.Epsilon)
	}
}

// add puts a part's output, normalised where the model does that, onto x.
func (r *Runner) add(w *kernel.Matrix, norm []float32) error {
	width, n := r.m.Width, len(r.items)
	w.Multiply(r.feed, width, &r.acts)
	if norm != nil {
		if !kernel.Bounded(r.feed[:n*width]) {
			return ErrNotFinite
		}
		for i := range r.items {
			part := r.feed[i*width : (i+1)*width]
			kernel.Normalise(part, part, norm, r.m.Epsilon)
		}
	}
	kernel.Add(r.x[:n*width], r.feed[:n*width])
	if !kernel.Bounded(r.x[:n*width]) {
		return ErrNotFinite
	}
	return nil
}

// predict appends the logits of the items that want them.
func (r *Runner) predict(out *[][]float32) error {
	m, n := r.m, 0
	for i, it := range r.items {
		if it.want {
			kernel.Normalise(r.h[n*m.Width:(n+1)*m.Width], r.x[i*m.Width:(i+1)*m.Width], m.norm, m.Epsilon)
			r.wants = append(r.wants, it.input)
			n++
		}
	}
	if n == 0 {
		return nil
	}
	r.acts.Set(r.h, n, m.Width, m.Width)
	width := m.output.Width()
	to := r.logits[len(*out)*width:]
	m.output.Multiply(to, width, &r.acts)
	for i := range n {
		l := to[i*width:][:m.Vocab:m.Vocab]
		if !kernel.Bounded(l) {
			return ErrNotFinite
		}
		*out = append(*out, l)
	}
	return nil
}
