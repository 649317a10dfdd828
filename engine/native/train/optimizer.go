package train

import (
	"math"
	"sync/atomic"
)

// optimizer is Muon for the layers' matrices and Adam for the embedding and the gains.
type optimizer struct{ scratch []scratch }

// scratch is one goroutine's working memory.
type scratch struct{ x, y, a, b []float32 }

// Moments' decays, Muon's momentum, weight decay per unit of rate.
const (
	beta1    = 0.9
	beta2    = 0.98
	momentum = 0.95
	decay    = 0.02
)

// step moves every parameter against its gradient, clipped to norm 1, and clears the gradients. before is how many steps there
// were; so many goroutines share the work.
func (o *optimizer) step(m *model, goroutines, before int, rate float64) {
	for len(o.scratch) < goroutines {
		o.scratch = append(o.scratch, scratch{})
	}
	norm := 0.0
	for _, p := range m.all {
		norm += float64(dot(p.g, p.g))
	}
	clip := float32(min(1, 1/(math.Sqrt(norm)+1e-9)))
	n := float64(before + 1)
	adamRate := float32(rate * math.Sqrt(1-math.Pow(beta2, n)) / (1 - math.Pow(beta1, n)))
	var next atomic.Int64
	each(goroutines, func(i int) {
		for at := int(next.Add(1)) - 1; at < len(m.all); at = int(next.Add(1)) - 1 {
			p := m.all[at]
			switch {
			case p.rows == 1:
				adam(p, clip, adamRate, 0)
			case p == m.embed:
				adam(p, clip, adamRate, float32(rate*decay))
			default:
				o.scratch[i].muon(p, rate)
			}
			clear(p.g)
		}
	})
}

// muon steps along the orthogonal matrix nearest to the gradient with momentum, scaled by 0.2·√(longer side).
func (o *scratch) muon(p *parameter, rate float64) {
	n := len(p.w)
	if len(o.x) < n {
		o.x, o.y, o.a, o.b = make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	}
	for i, g := range p.g {
		p.m[i] = momentum*p.m[i] + g
		o.x[i] = g + momentum*p.m[i]
	}
	k := float32(rate * 0.2 * math.Sqrt(float64(max(p.rows, p.cols))))
	keep := float32(1 - rate*decay)
	for i, v := range o.orthogonal(p.rows, p.cols) {
		p.w[i] = p.w[i]*keep - k*v
	}
}

// orthogonal takes the rows × cols matrix in o.x through five Newton–Schulz steps, X ← aX + (bA + cA²)X with A = XXᵀ,
// which push its singular values towards 1; the coefficients are those of Jordan's Muon.
func (o *scratch) orthogonal(rows, cols int) []float32 {
	x, y, r, c := o.x[:rows*cols], o.y[:rows*cols], rows, cols
	if rows > cols {
		transpose(y, x, rows, cols)
		x, y, r, c = y, x, cols, rows
	}
	scale := float32(1 / (math.Sqrt(float64(dot(x, x))) + 1e-12))
	for i := range x {
		x[i] *= scale
	}
	a, b := o.a[:r*r], o.b[:r*r]
	for range 5 {
		transpose(y, x, r, c)
		gemm(a, r, x, c, 1, y, r, r, c, r, false)
		gemm(b, r, a, r, 1, a, r, r, r, r, false)
		for i, v := range a {
			b[i] = -4.7750*v + 2.0315*b[i]
		}
		for i := range r {
			b[i*r+i] += 3.4445
		}
		gemm(y, c, b, r, 1, x, c, r, r, c, false)
		x, y = y, x
	}
	if rows > cols {
		transpose(y, x, r, c)
		return y
	}
	return x
}
