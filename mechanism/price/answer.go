package price

import (
	"math"
	"math/bits"
)

// Tokens are what an answer took.
type Tokens struct{ In, Out uint64 }

// Rates are the price of a million tokens read and written, in rao, and what a validator adds, in basis points.
type Rates struct {
	In, Out uint64
	Markup  uint64
}

// Answer is what tokens cost a consumer, and the part of it that the miner gets, in rao:
//
//	miner = ⌈(in · rate_in + out · rate_out) / 10⁶⌉,   consumer = miner + ⌈miner · markup / 10⁴⌉
//
// Both saturate; the validator keeps the difference.
func Answer(t Tokens, r Rates) (consumer, miner uint64) {
	inHigh, inLow := bits.Mul64(t.In, r.In)
	outHigh, outLow := bits.Mul64(t.Out, r.Out)
	low, carry := bits.Add64(inLow, outLow, 0)
	high, over := bits.Add64(inHigh, outHigh, carry)
	low, carry = bits.Add64(low, Million-1, 0)
	high, more := bits.Add64(high, 0, carry)
	if over+more > 0 || high >= Million {
		return math.MaxUint64, math.MaxUint64
	}
	miner, _ = bits.Div64(high, low, Million)
	return addSaturating(miner, mulDivUp(miner, r.Markup, BPS)), miner
}
