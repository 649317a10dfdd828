package continuation

import "math"

// The standard library's Exp and Log2 have other last bits on other processors (assembly on some, fused products on others). A score
// must be the same for every validator, so these are written out: every product is rounded by itself, for float64(a*b) may not be
// fused with an addition.

const (
	ln2High = 6.93147180369123816490e-01 // ln 2 in two parts: the first has its last 32 bits clear
	ln2Low  = 1.90821492927058770002e-10
	maxExp  = 709.0
)

// expTerms is the degree of Taylor's series on |r| ≤ ln2/2: the rest is below 2⁻⁶⁰.
const expTerms = 16

// exp is e^x: 2^k · e^r with x = k·ln2 + r, |r| ≤ ln2/2. It is 0 below −745 and +Inf above 709; NaN stays NaN.
func exp(x float64) float64 {
	switch {
	case math.IsNaN(x):
		return x
	case x > maxExp:
		return math.Inf(1)
	case x < -745:
		return 0
	}
	k := math.Floor(float64(x/math.Ln2) + 0.5)
	r := x - float64(k*ln2High)
	r -= float64(k * ln2Low)
	sum := 1.0
	for n := expTerms; n > 0; n-- {
		sum = 1 + float64(float64(r/float64(n))*sum)
	}
	return math.Ldexp(sum, int(k))
}

// log2Terms is how many terms of the series of artanh are added on |s| ≤ 0.172: the rest is below 2⁻⁶⁰.
const log2Terms = 13

// log2 is the binary logarithm of x: k + 2·artanh(s)/ln2 with x = 2^k·f, √½ ≤ f < √2, s = (f−1)/(f+1). It is −Inf at 0 and NaN
// below; powers of two are exact.
func log2(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 1) {
		return math.Log2(x)
	}
	f, k := math.Frexp(x)
	if f < math.Sqrt2/2 {
		f, k = f*2, k-1
	}
	s := (f - 1) / (f + 1)
	square := float64(s * s)
	sum := 0.0
	for n := log2Terms; n >= 0; n-- {
		sum = 1/float64(2*n+1) + float64(square*sum)
	}
	return float64(k) + float64(float64(2*float64(s*sum))/math.Ln2)
}
