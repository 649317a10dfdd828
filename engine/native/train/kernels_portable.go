//go:build !(goexperiment.simd && amd64)

package train

import "math"

// Kernel names the arithmetic that this build trains with.
func Kernel() string { return "portable" }

// Usable tells why this machine cannot run these kernels; nil here.
func Usable() error { return nil }

// gemm computes C = A·B, or C += A·B with add, for C of rows × cols and inner products of length inner. Element (i,k)
// of A is a[i·aRow + k·aCol], so a transposed A costs nothing.
func gemm(c []float32, cRow int, a []float32, aRow, aCol int, b []float32, bRow, rows, inner, cols int, add bool) {
	for i := range rows {
		o := c[i*cRow : i*cRow+cols]
		if !add {
			clear(o)
		}
		k := 0
		for ; k+4 <= inner; k += 4 {
			p := a[i*aRow+k*aCol:]
			x0, x1, x2, x3 := p[0], p[aCol], p[2*aCol], p[3*aCol]
			b0, b1 := b[k*bRow:][:len(o)], b[(k+1)*bRow:][:len(o)]
			b2, b3 := b[(k+2)*bRow:][:len(o)], b[(k+3)*bRow:][:len(o)]
			for j := range o {
				o[j] += x0*b0[j] + x1*b1[j] + x2*b2[j] + x3*b3[j]
			}
		}
		for ; k < inner; k++ {
			axpy(o, a[i*aRow+k*aCol], b[k*bRow:k*bRow+cols])
		}
	}
}

// dot is Σ a·b.
func dot(a, b []float32) (s float32) {
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

// dot3 is Σ a·b·c.
func dot3(a, b, c []float32) (s float32) {
	for i, v := range a {
		s += v * b[i] * c[i]
	}
	return s
}

// axpy: o += a·x.
func axpy(o []float32, a float32, x []float32) {
	x = x[:len(o)]
	for i := range o {
		o[i] += a * x[i]
	}
}

// mul3: o = x·w·r.
func mul3(o, x, w []float32, r float32) {
	for i := range o {
		o[i] = x[i] * w[i] * r
	}
}

// muladd3: o += x·y·r.
func muladd3(o, x, y []float32, r float32) {
	for i := range o {
		o[i] += x[i] * y[i] * r
	}
}

// exp is eˣ by 2ⁿ and a polynomial, as in the engine, clamped to -87..88.
func exp(x float32) float32 {
	x = max(-87, min(88, x)) * 1.44269504
	n := float32(math.Floor(float64(x) + 0.5))
	f := x - n
	p := 1 + f*(0.6931472+f*(0.2402265+f*(0.05550411+f*(0.009618129+f*0.00133336))))
	return math.Float32frombits(uint32(int32(n)+127)<<23) * p
}

// expSub: x = exp(x−top); it returns the sum.
func expSub(x []float32, top float32) (s float32) {
	for i, v := range x {
		x[i] = exp(v - top)
		s += x[i]
	}
	return s
}

// swiglu: o = g·σ(g)·u.
func swiglu(o, g, u []float32) {
	for i, z := range g {
		o[i] = z / (1 + exp(-z)) * u[i]
	}
}

// swigluBack: the gradients of swiglu's inputs, from d at its output.
func swigluBack(dg, du, d, g, u []float32) {
	for i, z := range g {
		s := 1 / (1 + exp(-z))
		du[i] = d[i] * z * s
		dg[i] = d[i] * u[i] * s * (1 + z*(1-s))
	}
}

// softmaxBack: dp = p·(dp−sum)·scale, with sum = Σ dp·p.
func softmaxBack(dp, p []float32, sum, scale float32) {
	for i, v := range p {
		dp[i] = (dp[i] - sum) * v * scale
	}
}

// adam moves p by rate·m/(√s + 10⁻⁸) after updating both moments; shrink is the weight decay of this step.
func adam(p *parameter, clip, rate, shrink float32) {
	for i, g := range p.g {
		g *= clip
		p.m[i] = beta1*p.m[i] + (1-beta1)*g
		p.s[i] = beta2*p.s[i] + (1-beta2)*g*g
		p.w[i] = p.w[i]*(1-shrink) - rate*p.m[i]/(float32(math.Sqrt(float64(p.s[i])))+1e-8)
	}
}
