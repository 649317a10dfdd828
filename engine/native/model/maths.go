package model

import "math"

// Go's own exp, log, sin and cos may differ in their last bits between machines, so these are ours; they work in float64
// and every product is converted, so that none is fused.

// exp is eˣ for |x| below 700: x = n·ln 2 + r, Taylor's series for eʳ.
func exp(x float64) float64 {
	const high, low = 6.93147180369123816490e-01, 1.90821492927058770002e-10 // ln 2 in two parts: n·high is exact
	n := math.Floor(float64(x*(1/math.Ln2)) + 0.5)
	r := x - float64(n*high) - float64(n*low)
	p := 1.0
	for i := 20; i >= 1; i-- {
		p = 1 + float64(p*float64(r/float64(i)))
	}
	return math.Ldexp(p, int(n))
}

// log is ln x for x > 0: x = m·2ᵏ with m in [√½, √2), ln m = 2·artanh z for z = (m−1)/(m+1).
func log(x float64) float64 {
	m, k := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, k = float64(m*2), k-1
	}
	z := (m - 1) / (m + 1)
	z2, sum := float64(z*z), 0.0
	for i := 21; i >= 1; i -= 2 { // z²⁰/21 < 10⁻¹⁶
		sum = float64(sum*z2) + 1/float64(i)
	}
	return float64(2*float64(z*sum)) + float64(float64(k)*math.Ln2)
}

// sincos reduces to [−π/4, π/4] and sums Taylor's series; for |x| up to 10⁷.
func sincos(x float64) (sin, cos float64) {
	const high, low = 1.5707963267341256, 6.077100506506192e-11 // π/2 in two parts: n·high is exact
	n := math.Floor(float64(x*(2/math.Pi)) + 0.5)
	r := x - float64(n*high) - float64(n*low)
	z := float64(r * r)
	s, c := 1.0, 1.0
	for i := 17.0; i >= 3; i -= 2 {
		s = 1 - float64(s*float64(z/float64(i*(i-1))))
		c = 1 - float64(c*float64(z/float64((i-1)*(i-2))))
	}
	s = float64(s * r)
	switch int64(n) & 3 {
	case 0:
		return s, c
	case 1:
		return c, -s
	case 2:
		return -s, -c
	}
	return -c, s
}
