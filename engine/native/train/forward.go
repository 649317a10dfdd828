package train

import "math"

// activations keeps what the backward pass needs, per layer, for batches of up to rows tokens.
type activations struct {
	rows                                          int
	x, n1, qkv, mixed, mid, n2, gu, gated, att    [][]float32
	inv1, inv2                                    [][]float32
	lastN, invLast, last, logits                  []float32
	embedT, matrixT, keysT, dWide, dQKV, dGU, dHG []float32
	dAtt, dx                                      []float32
}

func pad32(n int) int { return (n + 31) &^ 31 }

func newActivations(m *model, rows int) *activations {
	f := func(n int) []float32 { return make([]float32, n) }
	per := func(n int) [][]float32 {
		o := make([][]float32, m.Layers+1)
		for i := range o {
			o[i] = f(n)
		}
		return o
	}
	d, h, v := m.Width, m.Hidden, m.rows()
	return &activations{
		rows: rows, x: per(rows * d), n1: per(rows * d), qkv: per(rows * m.qkv()), mixed: per(rows * d), mid: per(rows * d),
		n2: per(rows * d), gu: per(rows * 2 * h), gated: per(rows * h), att: make([][]float32, m.Layers), inv1: per(rows), inv2: per(rows),
		last: f(rows * d), lastN: f(rows * d), invLast: f(rows), logits: f(rows * v),
		embedT: f(v * d), matrixT: f(max(d*m.qkv(), 2*h*d)), keysT: f(m.Head * pad32(m.Context)), dWide: f(rows * d), dQKV: f(rows * m.qkv()),
		dGU: f(rows * 2 * h), dHG: f(rows * h), dx: f(rows * d),
	}
}

// attention makes room for the batch's attention matrices, which grow with the square of its texts.
func (a *activations) attention(m *model, b *batch) {
	all, most := 0, 0
	for k := 0; k+1 < len(b.start); k++ {
		n := b.start[k+1] - b.start[k]
		all, most = all+m.Heads*n*pad32(n), max(most, n*pad32(n))
	}
	for l := range a.att {
		if len(a.att[l]) < all {
			a.att[l] = make([]float32, all)
		}
	}
	if len(a.dAtt) < most {
		a.dAtt = make([]float32, most)
	}
}

// forward fills a.logits, one row per entry of b.rows.
func (m *model) forward(a *activations, b *batch) {
	d, v := m.Width, m.rows()
	a.attention(m, b)
	for i, t := range b.tokens {
		copy(a.x[0][i*d:i*d+d], m.embed.w[int(t)*d:])
	}
	for l := range m.layers {
		m.forwardAttention(a, b, l)
		m.forwardMLP(a, len(b.tokens), l)
	}
	for i, r := range b.rows {
		copy(a.last[i*d:i*d+d], a.x[m.Layers][r*d:])
	}
	n := len(b.rows)
	rmsNorm(a.lastN, a.last, m.norm.w, a.invLast, d, n)
	transpose(a.embedT, m.embed.w, v, d)
	gemm(a.logits, v, a.lastN, d, 1, a.embedT, v, n, d, v, false)
}

// forwardAttention: mid = x + attention(norm(x))·out.
func (m *model) forwardAttention(a *activations, b *batch, l int) {
	d, w, n, y := m.Width, m.qkv(), len(b.tokens), m.layers[l]
	scale := m.attentionScale()
	rmsNorm(a.n1[l], a.x[l], y.attentionNorm.w, a.inv1[l], d, n)
	gemm(a.qkv[l], w, a.n1[l], d, 1, y.qkv.w, w, n, d, w, false)
	m.rotate(a.qkv[l], b.start, 1)
	m.eachHead(b, func(s, n, np int, h head, at int) {
		qkv, p := a.qkv[l][s*w:], a.att[l][at:at+n*np]
		packTransposed(a.keysT, qkv[h.k:], w, n, np, m.Head)
		gemm(p, np, qkv[h.q:], w, 1, a.keysT, np, n, m.Head, np, false)
		causalSoftmax(p, n, np, scale)
		gemm(a.mixed[l][s*d+h.q:], d, p, np, 1, qkv[h.v:], w, n, n, m.Head, false)
	})
	copy(a.mid[l][:n*d], a.x[l])
	gemm(a.mid[l], d, a.mixed[l], d, 1, y.out.w, d, n, d, d, true)
}

// forwardMLP: x' = mid + (silu(gate)·up)·down, gate and up from norm(mid).
func (m *model) forwardMLP(a *activations, n, l int) {
	d, h, y := m.Width, m.Hidden, m.layers[l]
	rmsNorm(a.n2[l], a.mid[l], y.mlpNorm.w, a.inv2[l], d, n)
	gemm(a.gu[l], 2*h, a.n2[l], d, 1, y.gateUp.w, 2*h, n, d, 2*h, false)
	for i := range n {
		g := a.gu[l][i*2*h : (i+1)*2*h]
		swiglu(a.gated[l][i*h:i*h+h], g[:h], g[h:])
	}
	copy(a.x[l+1][:n*d], a.mid[l])
	gemm(a.x[l+1], d, a.gated[l], h, 1, y.down.w, d, n, h, d, true)
}

// head says in which columns a head's queries, keys and values begin, and whether it is the first of those keys.
type head struct {
	q, k, v int
	first   bool
}

// eachHead visits every text and head: s is the text's first row, n its length, np that padded to 32, and at where its
// n × np attention matrix lies.
func (m *model) eachHead(b *batch, visit func(s, n, np int, h head, at int)) {
	at, each := 0, m.Heads/m.KVHeads
	for k := 0; k+1 < len(b.start); k++ {
		s, n := b.start[k], b.start[k+1]-b.start[k]
		np := pad32(n)
		for i := range m.Heads {
			keys := m.Width + i/each*m.Head
			visit(s, n, np, head{q: i * m.Head, k: keys, v: keys + m.KVHeads*m.Head, first: i%each == 0}, at)
			at += n * np
		}
	}
}

func (m *model) attentionScale() float32 { return float32(1 / math.Sqrt(float64(m.Head))) }

// causalSoftmax turns scores into weights over the positions up to each row's own.
func causalSoftmax(p []float32, n, np int, scale float32) {
	for t := range n {
		r := p[t*np : t*np+np]
		top := float32(math.Inf(-1))
		for u := 0; u <= t; u++ {
			r[u] *= scale
			top = max(top, r[u])
		}
		for u := t + 1; u < np; u++ {
			r[u] = -1e9
		}
		inv := 1 / expSub(r, top)
		for u := 0; u <= t; u++ {
			r[u] *= inv
		}
		clear(r[t+1:])
	}
}

// rotate turns queries and keys by their positions; direction -1 turns them back.
func (m *model) rotate(qkv []float32, start []int, direction float32) {
	half, w := m.Head/2, m.qkv()
	for k := 0; k+1 < len(start); k++ {
		for i := start[k]; i < start[k+1]; i++ {
			at := (i - start[k]) * half
			cos, sin := m.cosT[at:at+half], m.sin[at:at+half]
			row := qkv[i*w:][:(m.Heads+m.KVHeads)*m.Head]
			for h := 0; h < len(row); h += m.Head {
				x, y := row[h:h+half], row[h+half:h+m.Head]
				for e, c := range cos {
					s := sin[e] * direction
					x[e], y[e] = x[e]*c-y[e]*s, x[e]*s+y[e]*c
				}
			}
		}
	}
}

// packTransposed writes the n × cols block at src, row stride ld, as cols × np, zeros after n.
func packTransposed(dst, src []float32, ld, n, np, cols int) {
	for e := range cols {
		d := dst[e*np : e*np+np]
		for i := range n {
			d[i] = src[i*ld+e]
		}
		clear(d[n:])
	}
}

// epsilon keeps a norm of zeros finite.
const epsilon = 1e-5

// rmsNorm: o = x · w / rms(x) per row of d; inv keeps 1/rms.
func rmsNorm(o, x, w, inv []float32, d, rows int) {
	for i := range rows {
		v := x[i*d : i*d+d]
		r := float32(1 / math.Sqrt(float64(dot(v, v))/float64(d)+epsilon))
		inv[i] = r
		mul3(o[i*d:i*d+d], v, w, r)
	}
}
