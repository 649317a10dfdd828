package kernel

import "math"

// The loops below say what the assembly computes, step by step.

func portableSquares(x []float32) float32 {
	var s [Lanes]float32
	for ; len(x) >= Lanes; x = x[Lanes:] {
		for j, v := range x[:Lanes] {
			s[j] += float32(v * v)
		}
	}
	return total(&s)
}

func portableScale(out, x, w []float32, scale float32) {
	for i, v := range x {
		out[i] = float32(float32(v*scale) * w[i])
	}
}

func portableAdd(x, y []float32) {
	for i, v := range y {
		x[i] += v
	}
}

func portableSiLU(g, u []float32) {
	for i, v := range g {
		g[i] = float32(v / (1 + Exp(-v)) * u[i])
	}
}

func portableGELU(g, u []float32) {
	for i, v := range g {
		t := float32(v*gelu1) + float32(float32(float32(v*v)*v)*gelu3)
		g[i] = float32(v / (1 + Exp(t)) * u[i])
	}
}

func portableScores(p, q, keys []float32, groups int) {
	for g := range groups {
		var s [Lanes]float32
		for d, f := range q {
			k := keys[(g*len(q)+d)*Lanes:][:Lanes]
			for j, v := range k {
				s[j] += float32(f * v)
			}
		}
		copy(p[g*Lanes:], s[:])
	}
}

func portableLargest(p []float32) float32 {
	top := p[0]
	for _, v := range p {
		top = max(top, v)
	}
	return top
}

func portableExpSums(p []float32, top float32, sums *[Lanes]float32) {
	for ; len(p) >= Lanes; p = p[Lanes:] {
		for j := range sums {
			p[j] = Exp(p[j] - top)
			sums[j] += p[j]
		}
	}
}

func portableMix(out, p, values []float32) {
	for t, f := range p {
		v := values[t*len(out):][:len(out)]
		for d, y := range v {
			out[d] += float32(f * y)
		}
	}
}

// scaleOf turns the bits of the largest magnitude of a block into its scale and the factor that quantises. A block that
// is zero, next to zero or not finite becomes zero.
func scaleOf(top uint32) (d, factor float32) {
	if m := math.Float32frombits(top); top < 0x7f800000 && m > 1e-30 {
		return m / 127, 127 / m
	}
	return 0, 0
}

func portableBounded(x []float32) bool {
	over := int32(0)
	for _, v := range x {
		over |= limitBits - 1 - int32(math.Float32bits(v)&0x7fffffff)
	}
	return over >= 0
}
