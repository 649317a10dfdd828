package yuma

import "agora/mechanism/fixed"

// liquidCurve maps how far a weight is from consensus, or a bond from its
// weight, to the speed at which the bond moves.
type liquidCurve struct {
	low, high fixed.I32F32
	slope     fixed.I32F32 // −steepness/100
	still     fixed.I32F32 // the speed at d = 0, as of every weight at or below consensus
}

// newLiquidCurve reads the curve's parameters.
func newLiquidCurve(p *Params) liquidCurve {
	c := liquidCurve{
		low:   fixed.Share(p.AlphaLow),
		high:  fixed.Share(p.AlphaHigh),
		slope: fixed.Int(int64(p.AlphaSteepness)).Div(fixed.Int(-100)),
	}
	c.still = c.speed(fixed.Zero)
	return c
}

// alpha returns the speed for one pair,
//
//	a = clamp(low + g·(high − low)),  g = 1 / (1 + e^(−steepness/100 · (d − 1/2)))
//
// where d is W − C while the bond is below its weight (buying) and B − W above
// it (selling), clamped to [0, 1].
func (c liquidCurve) alpha(consensus, weight, bond fixed.I32F32) fixed.I32F32 {
	distance := bond.Sub(weight)
	if weight >= bond {
		distance = weight.Sub(consensus)
	}
	if distance <= 0 {
		return c.still
	}
	return c.speed(distance.Min(fixed.One))
}

// speed returns a for a distance d.
func (c liquidCurve) speed(distance fixed.I32F32) fixed.I32F32 {
	growth := fixed.One.Add(fixed.Exp(c.slope.Mul(distance.Sub(fixed.Half))))
	step := fixed.One.Div(growth).Mul(c.high.Sub(c.low))
	return c.low.Add(step).Clamp(c.low, c.high)
}

// move returns min(1, (1 − a)·B + a·W) for a stored bond, in units of 2^−32.
func (c liquidCurve) move(consensus, weight uint64, bond uint16) uint64 {
	w, b := fixed.I32F32(weight), fixed.Share(bond)
	a := c.alpha(fixed.I32F32(consensus), w, b)
	moved := fixed.One.Sub(a).Mul(b).Add(a.Mul(w))
	return uint64(moved.Min(fixed.One))
}
