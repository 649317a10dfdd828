package ngram

import "math"

// ln 2 in two parts; the product of the first with a whole number below 2^20 is exact.
const (
	ln2High = 6.93147180369123816490e-01
	ln2Low  = 1.90821492927058770002e-10
)

// ln is the natural logarithm of x > 0, by the same operations on every machine (the library's differs between
// architectures, and compilers may fuse a product with a sum unless it is converted):
//
//	x = m·2^e, m in [√½, √2),  s = (m−1)/(m+1),  ln x = e·ln 2 + 2·(s + s³/3 + s⁵/5 + …)
//
// s² is below 0.0295, so eleven terms leave an error below 1e-17.
func ln(x float64) float64 {
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = m*2, e-1
	}
	s := (m - 1) / (m + 1)
	s2 := s * s
	sum := 0.0
	for k := 21; k >= 1; k -= 2 {
		sum = float64(sum*s2) + 1/float64(k)
	}
	return float64(float64(e)*ln2High) + (float64(2*s*sum) + float64(float64(e)*ln2Low))
}

// exp is e^x for x ≤ 0, as reproducible as ln; below −700 it is 0.
//
//	x = k·ln 2 + r, |r| ≤ ½·ln 2,  e^x = 2^k·(1 + r·(1 + r/2·(1 + r/3·…)))
func exp(x float64) float64 {
	if x < -700 {
		return 0
	}
	k := math.Round(x / math.Ln2)
	r := (x - float64(k*ln2High)) - float64(k*ln2Low)
	sum := 1.0
	for i := 14; i >= 1; i-- {
		sum = 1 + float64(r*sum)/float64(i)
	}
	return math.Ldexp(sum, int(k))
}
