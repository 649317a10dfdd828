package score

import "math"

// The functions of this file have the same bits on every machine: the library's versions are written in assembly for some
// processors, and elsewhere a compiler may fuse a product with the sum after it. Here, and in the whole package, a product that
// is added to something is written float64(a*b), which forbids that.

// ln is the natural logarithm of a finite x > 0: with x = m·2^k, √½ ≤ m < √2, and s = (m−1)/(m+1),
//
//	ln x = k·ln 2 + 2·(s + s³/3 + s⁵/5 + …)
func ln(x float64) float64 {
	m, k := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, k = 2*m, k-1
	}
	s := (m - 1) / (m + 1)
	square, sum := s*s, 0.0
	for n := 25; n >= 1; n -= 2 {
		sum = float64(sum*square) + 1/float64(n)
	}
	return float64(float64(k)*math.Ln2) + float64(2*float64(s*sum))
}

// exp is e^x for |x| ≤ 700: with x = k·ln 2 + r, |r| ≤ ln 2/2, it is 2^k·Σ rⁿ/n!.
func exp(x float64) float64 {
	k := math.Round(x / math.Ln2)
	r, sum := x-float64(k*math.Ln2), 1.0
	for n := 18; n >= 1; n-- {
		sum = 1 + float64(sum*r)/float64(n)
	}
	return math.Ldexp(sum, int(k))
}

// density is the standard normal density φ(z).
func density(z float64) float64 { return exp(-float64(z*z)/2) / math.Sqrt(2*math.Pi) }

// upperTail is Q(z), the chance that a standard normal value exceeds z, for 0 ≤ z ≤ 10, to about 1e-12:
//
//	Q(z) = ½ − φ(z)·(z + z³/3 + z⁵/(3·5) + …)
func upperTail(z float64) float64 {
	term, sum := z, z
	for n := 3; n < 600; n += 2 {
		term = float64(term*float64(z*z)) / float64(n)
		sum += term
	}
	return 0.5 - float64(density(z)*sum)
}

// root of the sum of two squares.
func hypot(x, y float64) float64 { return math.Sqrt(float64(x*x) + float64(y*y)) }
