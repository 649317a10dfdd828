package fixed

import (
	"math"
	"math/bits"
)

// expLimit bounds the argument of Exp on both sides.
const expLimit = 20 << 32

// euler is e truncated to 23 fraction bits, the value the reference chain returns
// for an argument of exactly one.
const euler I32F32 = 22802600 << 9

// expTerms is the last power of the series.
const expTerms = 31

// Exp returns e^x for x clamped to [−20, 20], by the Taylor series up to x^31:
//
//	r = 1 + |x| + Σ t_i,   t_1 = |x|,   t_i = trunc(floor(t_{i−1}·|x|) / i)
//
// and trunc(1/r) for a negative x. It reproduces the series, not the function:
// Exp(20) is 481,239,357.67 where e^20 is 485,165,195.41.
func Exp(x I32F32) I32F32 {
	x = x.Clamp(-expLimit, expLimit)
	switch x {
	case 0:
		return One
	case One:
		return euler
	}
	if x < 0 {
		return One.Div(series(-x))
	}
	return series(x)
}

// series sums the first 32 terms of e^x for x in (0, 20]. No term reaches 2^58 and
// none times x 2^94, so Mul is the product of I32F32 here too. Division by i is a
// multiplication with
//
//	m_i = ceil(2^(64+s) / i),   2^s < i ≤ 2^(s+1)
//
// as t·m_i / 2^(64+s) exceeds t/i by less than t / 2^(64+s), and that is less than 1/i.
func series(x I32F32) I32F32 {
	sum, term := uint64(One+x), uint64(x)
	for i := 2; i <= expTerms && term > 0; i++ {
		hi, _ := bits.Mul64(Mul(term, uint64(x)), reciprocal[i])
		term = hi >> ((bits.Len(uint(i-1)) - 1) & 63)
		sum += term
	}
	return I32F32(sum)
}

// reciprocal holds the m_i of series.
var reciprocal = func() (m [expTerms + 1]uint64) {
	for i := uint64(2); i <= expTerms; i++ {
		s := bits.Len64(i-1) - 1
		q, _ := bits.Div64(1<<s-1, math.MaxUint64, i) // floor((2^(64+s) − 1)/i)
		m[i] = q + 1
	}
	return m
}()

// Sigmoid returns 1 / (1 + e^(−rho·(x − kappa))): every step saturates, and the
// exponent is clamped as Exp does.
func Sigmoid(x, rho, kappa I32F32) I32F32 {
	exponent := rho.Mul(-One).Mul(x.Sub(kappa))
	return One.Div(Exp(exponent).Add(One))
}
