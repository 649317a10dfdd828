package sample

import "math"

// Every product below is converted explicitly: Go may fuse x·y + z into one rounding on some machines, but not across a
// conversion. Divisions are correctly rounded everywhere; math.Exp and math.Log, which differ between machines, are not used.

// logf is ln x of a positive normal x, within 4 units in the last place: ln m by the series of artanh, m in (1/√2, √2].
func logf(x float64) float64 {
	b := math.Float64bits(x)
	e := int64(b>>52) - 1023
	m := math.Float64frombits(b&(1<<52-1) | 1023<<52)
	if m > math.Sqrt2 {
		m, e = m/2, e+1
	}
	u := (m - 1) / (m + 1)
	z, p := float64(u*u), 0.0
	for k := 21.0; k >= 1; k -= 2 {
		p = float64(p*z) + 1/k
	}
	return float64(2*float64(u*p)) + float64(float64(e)*math.Ln2)
}

// expf is e^x for x in [-700, 0], within 4 units in the last place: 2^n · e^r, r in [−ln2/2, ln2/2] by Taylor's series.
func expf(x float64) float64 {
	const ln2hi, ln2lo = 6.93147180369123816490e-01, 1.90821492927058770002e-10 // hi has 33 bits: n·hi is exact
	if x < -700 {
		return 0
	}
	n := math.RoundToEven(float64(x * math.Log2E))
	r := (x - float64(n*ln2hi)) - float64(n*ln2lo)
	p := 1.0
	for k := 14.0; k >= 1; k-- {
		p = 1 + float64(p*float64(r/k))
	}
	return float64(p * math.Float64frombits(uint64(int64(n)+1023)<<52))
}
