package train

import "math"

// loss returns the sum of the weighted cross entropy over the batch's rows, in nats, and turns a.logits into the gradient of
// its mean over all weights, of which this batch may have a part. hit[i] tells whether the i-th row's most probable token was
// right.
func (m *model) loss(a *activations, b *batch, hit []bool, all float64) float64 {
	sum, v := 0.0, m.rows()
	for i, t := range b.targets {
		row := a.logits[i*v : (i+1)*v]
		best := 0
		for j, x := range row {
			if x > row[best] {
				best = j
			}
		}
		hit[i] = best == int(t)
		total := expSub(row, row[best])
		sum -= float64(b.weights[i]) * math.Log(float64(row[t]/total)+1e-30)
		by := b.weights[i] / float32(all)
		for j := range row {
			row[j] *= by / total
		}
		row[t] -= by
	}
	return sum
}

// backward adds the loss's gradient to every parameter, from a.logits as loss left it.
func (m *model) backward(a *activations, b *batch) {
	d, v, n := m.Width, m.rows(), len(b.rows)
	gemm(m.embed.g, d, a.logits, 1, v, a.lastN, d, v, n, d, true)
	gemm(a.dWide, d, a.logits, v, 1, m.embed.w, d, n, v, d, false)
	dLast := a.dQKV[:n*d]
	clear(dLast)
	rmsNormBack(dLast, a.dWide, a.last, m.norm, a.invLast, d, n)
	clear(a.dx[:len(b.tokens)*d])
	for i, r := range b.rows {
		copy(a.dx[r*d:r*d+d], dLast[i*d:])
	}
	for l := m.Layers - 1; l >= 0; l-- {
		m.backwardMLP(a, len(b.tokens), l)
		m.backwardAttention(a, b, l)
	}
	for i, t := range b.tokens {
		axpy(m.embed.g[int(t)*d:int(t)*d+d], 1, a.dx[i*d:i*d+d])
	}
}

func (m *model) backwardMLP(a *activations, n, l int) {
	d, h, y := m.Width, m.Hidden, m.layers[l]
	gemm(y.down.g, d, a.gated[l], 1, h, a.dx, d, h, n, d, true)
	transpose(a.matrixT, y.down.w, h, d)
	gemm(a.dHG, h, a.dx, d, 1, a.matrixT, h, n, d, h, false)
	for i := range n {
		g, dg := a.gu[l][i*2*h:(i+1)*2*h], a.dGU[i*2*h:(i+1)*2*h]
		swigluBack(dg[:h], dg[h:], a.dHG[i*h:i*h+h], g[:h], g[h:])
	}
	gemm(y.gateUp.g, 2*h, a.n2[l], 1, d, a.dGU, 2*h, d, n, 2*h, true)
	transpose(a.matrixT, y.gateUp.w, d, 2*h)
	gemm(a.dWide, d, a.dGU, 2*h, 1, a.matrixT, d, n, 2*h, d, false)
	rmsNormBack(a.dx, a.dWide, a.mid[l], y.mlpNorm, a.inv2[l], d, n)
}

func (m *model) backwardAttention(a *activations, b *batch, l int) {
	d, w, n, y := m.Width, m.qkv(), len(b.tokens), m.layers[l]
	gemm(y.out.g, d, a.mixed[l], 1, d, a.dx, d, d, n, d, true)
	transpose(a.matrixT, y.out.w, d, d)
	gemm(a.dWide, d, a.dx, d, 1, a.matrixT, d, n, d, d, false)
	m.backwardHeads(a, b, l)
	m.rotate(a.dQKV, b.start, -1)
	gemm(y.qkv.g, w, a.n1[l], 1, d, a.dQKV, w, d, n, w, true)
	transpose(a.matrixT, y.qkv.w, d, w)
	gemm(a.dWide, d, a.dQKV, w, 1, a.matrixT, d, n, w, d, false)
	rmsNormBack(a.dx, a.dWide, a.x[l], y.attentionNorm, a.inv1[l], d, n)
}

// backwardHeads fills dQKV from the gradient at the heads' outputs, dWide. Heads that share keys add up theirs.
func (m *model) backwardHeads(a *activations, b *batch, l int) {
	d, w, scale := m.Width, m.qkv(), m.attentionScale()
	m.eachHead(b, func(s, n, np int, h head, at int) {
		qkv, dqkv, out := a.qkv[l][s*w:], a.dQKV[s*w:], a.dWide[s*d+h.q:]
		p, dp := a.att[l][at:at+n*np], a.dAtt[:n*np]
		gemm(dqkv[h.v:], w, p, 1, np, out, d, n, n, m.Head, !h.first)
		packTransposed(a.keysT, qkv[h.v:], w, n, np, m.Head)
		gemm(dp, np, out, d, 1, a.keysT, np, n, m.Head, np, false)
		for t := range n {
			row, weights := dp[t*np:t*np+np], p[t*np:t*np+np]
			softmaxBack(row, weights, dot(row, weights), scale)
		}
		gemm(dqkv[h.q:], w, dp, np, 1, qkv[h.k:], w, n, n, m.Head, false)
		gemm(dqkv[h.k:], w, dp, 1, np, qkv[h.q:], w, n, n, m.Head, !h.first)
	})
}

// rmsNormBack adds the gradient at the norm's input to dx and that of its gains to gain.g. With r = 1/rms:
// dx += r·w·do − r³/d · (Σ do·w·x) · x.
func rmsNormBack(dx, do, x []float32, gain *parameter, inv []float32, d, rows int) {
	for i := range rows {
		v, o, g, r := x[i*d:i*d+d], do[i*d:i*d+d], dx[i*d:i*d+d], inv[i]
		s := dot3(o, gain.w, v) * r * r * r / float32(d)
		muladd3(gain.g, o, v, r)
		muladd3(g, o, gain.w, r)
		axpy(g, -s, v)
	}
}
