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
	d, h, c := m.Width, m.Hidden, pad32(m.Context)
	return &activations{
		rows: rows, x: per(rows * d), n1: per(rows * d), qkv: per(rows * 3 * d), mixed: per(rows * d), mid: per(rows * d),
		n2: per(rows * d), gu: per(rows * 2 * h), gated: per(rows * h), att: per(d / headSize * rows * c), inv1: per(rows), inv2: per(rows),
		last: f(rows * d), lastN: f(rows * d), invLast: f(rows), logits: f(rows * m.Vocab),
		embedT: f(m.Vocab * d), matrixT: f(max(3*d*d, 2*h*d)), keysT: f(headSize * c), dWide: f(rows * d), dQKV: f(rows * 3 * d),
		dGU: f(rows * 2 * h), dHG: f(rows * h), dAtt: f(c * c), dx: f(rows * d),
	}
}

// forward fills a.logits, one row of Vocab per entry of b.rows.
func (m *model) forward(a *activations, b *batch) {
	d := m.Width
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
	transpose(a.embedT, m.embed.w, m.Vocab, d)
	gemm(a.logits, m.Vocab, a.lastN, d, 1, a.embedT, m.Vocab, n, d, m.Vocab, false)
}

// forwardAttention: mid = x + attention(norm(x))·out.
func (m *model) forwardAttention(a *activations, b *batch, l int) {
	d, n, y := m.Width, len(b.tokens), m.layers[l]
	rmsNorm(a.n1[l], a.x[l], y.attentionNorm.w, a.inv1[l], d, n)
	gemm(a.qkv[l], 3*d, a.n1[l], d, 1, y.qkv.w, 3*d, n, d, 3*d, false)
	m.rotate(a.qkv[l], b.start, 1)
	m.eachHead(b, func(s, n, np, h, at int) {
		qkv, p := a.qkv[l][s*3*d+h:], a.att[l][at:at+n*np]
		packTransposed(a.keysT, qkv[d:], 3*d, n, np)
		gemm(p, np, qkv, 3*d, 1, a.keysT, np, n, headSize, np, false)
		causalSoftmax(p, n, np)
		gemm(a.mixed[l][s*d+h:], d, p, np, 1, qkv[2*d:], 3*d, n, n, headSize, false)
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

// eachHead visits every turn and head: s is the turn's first row, n its length, np that padded to 32, h the head's
// first column and at where its n × np attention matrix lies.
func (m *model) eachHead(b *batch, visit func(s, n, np, h, at int)) {
	at := 0
	for k := 0; k+1 < len(b.start); k++ {
		s, n := b.start[k], b.start[k+1]-b.start[k]
		np := pad32(n)
		for h := 0; h < m.Width; h += headSize {
			visit(s, n, np, h, at)
			at += n * np
		}
	}
}

var attentionScale = float32(1 / math.Sqrt(headSize))

// causalSoftmax turns scores into weights over the positions up to each row's own.
func causalSoftmax(p []float32, n, np int) {
	for t := range n {
		r := p[t*np : t*np+np]
		top := float32(math.Inf(-1))
		for u := 0; u <= t; u++ {
			r[u] *= attentionScale
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
	const half = headSize / 2
	for k := 0; k+1 < len(start); k++ {
		for i := start[k]; i < start[k+1]; i++ {
			at := (i - start[k]) * half
			cos, sin := m.cosT[at:at+half], m.sin[at:at+half]
			row := qkv[i*3*m.Width:][:2*m.Width]
			for h := 0; h < len(row); h += headSize {
				x, y := row[h:h+half], row[h+half:h+headSize]
				for e, c := range cos {
					s := sin[e] * direction
					x[e], y[e] = x[e]*c-y[e]*s, x[e]*s+y[e]*c
				}
			}
		}
	}
}

// packTransposed writes the n × headSize block at src, row stride ld, as headSize × np, zeros after n.
func packTransposed(dst, src []float32, ld, n, np int) {
	for e := range headSize {
		d := dst[e*np : e*np+np]
		for i := range n {
			d[i] = src[i*ld+e]
		}
		clear(d[n:])
	}
}

// rmsNorm: o = x · w / rms(x) per row of d; inv keeps 1/rms.
func rmsNorm(o, x, w, inv []float32, d, rows int) {
	for i := range rows {
		v := x[i*d : i*d+d]
		r := float32(1 / math.Sqrt(float64(dot(v, v))/float64(d)+1e-5))
		inv[i] = r
		mul3(o[i*d:i*d+d], v, w, r)
	}
}
