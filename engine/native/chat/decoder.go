package chat

import "math"

// decoder runs one sequence through a model, one token at a time, and keeps its keys and values. It is not safe for
// concurrent use; the weights are only read.
type decoder struct {
	w            *Weights
	cos, sin     []float32
	keys, values [][]float32 // per layer: Context × Width
	x, n, qkv    []float32
	gu, gated    []float32
	att, logits  []float32
}

func newDecoder(w *Weights, cos, sin []float32) *decoder {
	f := func(n int) []float32 { return make([]float32, n) }
	d := &decoder{
		w: w, cos: cos, sin: sin, x: f(w.Width), n: f(w.Width), qkv: f(3 * w.Width),
		gu: f(2 * w.Hidden), gated: f(w.Hidden), att: f(w.Context), logits: f(w.Vocab),
	}
	for range w.Layers {
		d.keys, d.values = append(d.keys, f(w.Context*w.Width)), append(d.values, f(w.Context*w.Width))
	}
	return d
}

// feed reads the token at position pos < Context, after those at all positions before it.
func (d *decoder) feed(token int32, pos int) {
	w := d.w
	copy(d.x, w.Embed[int(token)*w.Width:][:w.Width])
	for l := range w.Layers {
		d.attention(l, pos)
		d.feedForward(l)
	}
}

// predict returns the logits of the token after the last one fed, one per entry of the vocabulary. They stay valid
// until the next call.
func (d *decoder) predict() []float32 {
	normalise(d.n, d.x, d.w.Norm)
	multiply(d.logits, d.w.Embed, d.n)
	return d.logits
}

// attention: x += out · Σ softmax(q·k/√32)·v over the positions up to pos, per head.
func (d *decoder) attention(l, pos int) {
	y, width := &d.w.Layers[l], d.w.Width
	normalise(d.n, d.x, y.AttentionNorm)
	multiply(d.qkv, y.QKV, d.n)
	d.rotate(pos)
	copy(d.keys[l][pos*width:], d.qkv[width:2*width])
	copy(d.values[l][pos*width:], d.qkv[2*width:])
	clear(d.n)
	for h := 0; h < width; h += headSize {
		d.head(l, h, pos)
	}
	multiplyAdd(d.x, y.Out, d.n)
}

var attentionScale = float32(1 / math.Sqrt(headSize))

// head adds the values that the head whose first column is h looks at to d.n.
func (d *decoder) head(l, h, pos int) {
	width, q, att := d.w.Width, d.qkv[h:h+headSize], d.att[:pos+1]
	top := float32(math.Inf(-1))
	for u := range att {
		att[u] = float32(dot(q, d.keys[l][u*width+h:][:headSize]) * attentionScale)
		top = max(top, att[u])
	}
	total := softmax(att, top)
	out := d.n[h : h+headSize]
	for u, e := range att {
		p := e / total
		for i, v := range d.values[l][u*width+h:][:headSize] {
			out[i] += float32(p * v)
		}
	}
}

// softmax replaces x by exp(x−top) and returns the sum.
func softmax(x []float32, top float32) (total float32) {
	for i, v := range x {
		x[i] = exp(v - top)
		total += x[i]
	}
	return total
}

// rotate turns the queries and keys in d.qkv by their position.
func (d *decoder) rotate(pos int) {
	const half = headSize / 2
	cos, sin := d.cos[pos*half:][:half], d.sin[pos*half:][:half]
	for h := 0; h < 2*d.w.Width; h += headSize {
		a, b := d.qkv[h:h+half], d.qkv[h+half:h+headSize]
		for i, c := range cos {
			s := sin[i]
			a[i], b[i] = float32(a[i]*c)-float32(b[i]*s), float32(a[i]*s)+float32(b[i]*c)
		}
	}
}

// feedForward: x += down · (silu(gate)·up).
func (d *decoder) feedForward(l int) {
	y, h := &d.w.Layers[l], d.w.Hidden
	normalise(d.n, d.x, y.MLPNorm)
	multiply(d.gu, y.GateUp, d.n)
	for i, z := range d.gu[:h] {
		d.gated[i] = float32(z / (1 + exp(-z)) * d.gu[h+i])
	}
	multiplyAdd(d.x, y.Down, d.gated)
}

// multiply: o = w·x, w with one row per output. Four rows go side by side, each summed in order, which keeps the
// processor's adders busy where one running sum would wait for itself.
func multiply(o, w, x []float32) {
	clear(o)
	multiplyAdd(o, w, x)
}

// multiplyAdd: o += w·x.
func multiplyAdd(o, w, x []float32) {
	n := len(x)
	for ; len(o) >= 4; o, w = o[4:], w[4*n:] {
		a, b, c, d := w[:n], w[n:2*n], w[2*n:3*n], w[3*n:4*n]
		var s0, s1, s2, s3 float32
		for j, v := range x {
			s0 += float32(a[j] * v)
			s1 += float32(b[j] * v)
			s2 += float32(c[j] * v)
			s3 += float32(d[j] * v)
		}
		o[0], o[1], o[2], o[3] = o[0]+s0, o[1]+s1, o[2]+s2, o[3]+s3
	}
	for i := range o {
		o[i] += dot(w[i*n:(i+1)*n], x)
	}
}

// normalise: o = x·gain/rms(x).
func normalise(o, x, gain []float32) {
	r := float32(1 / math.Sqrt(float64(dot(x, x))/float64(len(x))+1e-5))
	for i, v := range x {
		o[i] = float32(float32(v*gain[i]) * r)
	}
}
