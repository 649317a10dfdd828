package fixed

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

// series sums the first 32 terms of e^x for x in (0, 20].
func series(x I32F32) I32F32 {
	sum, term := One+x, x
	for i := I32F32(2); i <= expTerms && term > 0; i++ {
		term = term.Mul(x) / i
		sum += term
	}
	return sum
}

// Sigmoid returns 1 / (1 + e^(−rho·(x − kappa))): every step saturates, and the
// exponent is clamped as Exp does.
func Sigmoid(x, rho, kappa I32F32) I32F32 {
	exponent := rho.Mul(-One).Mul(x.Sub(kappa))
	return One.Div(Exp(exponent).Add(One))
}
