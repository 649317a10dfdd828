package chat

import "math"

// All arithmetic here gives the same bits on every machine. A compiler may fuse x*y+z into one rounding unless the
// product is converted explicitly, and the library's exp and log differ between machines; so every product
// is wrapped in a conversion and these functions are our own. math.Sqrt is correctly rounded everywhere.

// exp is eˣ within 3·10⁻⁷ relative: x = n·ln 2 + r with |r| ≤ ½·ln 2, then 2ⁿ · (a polynomial for eʳ, after Cephes).
// Below -87 it stays at e⁻⁸⁷, above 88 at e⁸⁸.
func exp(x float32) float32 {
	const high, low = 0.693359375, -2.12194440e-4 // ln 2 in two parts: n·high is exact
	x = max(-87, min(88, x))
	n := float32(math.Floor(float64(float32(x*1.44269504)) + 0.5))
	r := x - float32(n*high) - float32(n*low)
	p := float32(1.9875691500e-4)
	for _, c := range [...]float32{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1} {
		p = float32(p*r) + c
	}
	p = float32(float32(p*r)*r) + r + 1
	return float32(math.Float32frombits(uint32(int32(n)+127)<<23) * p)
}

// log is ln x for x > 0: x = m·2ᵏ with m in [√½, √2), ln m = 2·artanh z, z = (m-1)/(m+1).
func log(x float64) float64 {
	m, k := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, k = float64(m*2), k-1
	}
	z := (m - 1) / (m + 1)
	z2 := float64(z * z)
	sum := 0.0
	for i := 21; i >= 1; i -= 2 { // z²⁰/21 < 10⁻¹⁶ for |z| ≤ 0.172
		sum = float64(sum*z2) + 1/float64(i)
	}
	return float64(2*float64(z*sum)) + float64(float64(k)*math.Ln2)
}
