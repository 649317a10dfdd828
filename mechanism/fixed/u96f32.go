package fixed

import (
	"math"
	"math/bits"
)

// U96F32 is an unsigned number with 96 integer and 32 fraction bits: the stored
// 128-bit integer Hi:Lo is the value times 2^32. It holds any amount of rao times
// any share without loss of the integer part.
type U96F32 struct {
	Hi, Lo uint64
}

// maxU96 is the greatest U96F32.
var maxU96 = U96F32{Hi: math.MaxUint64, Lo: math.MaxUint64}

// Amount returns a whole number of rao as U96F32.
func Amount(rao uint64) U96F32 { return U96F32{Hi: rao >> 32, Lo: rao << 32} }

// Add returns x + y, saturating.
func (x U96F32) Add(y U96F32) U96F32 {
	lo, carry := bits.Add64(x.Lo, y.Lo, 0)
	hi, over := bits.Add64(x.Hi, y.Hi, carry)
	if over != 0 {
		return maxU96
	}
	return U96F32{Hi: hi, Lo: lo}
}

// Scale returns floor(x·share) in units of 2^−32, saturating; a negative share
// counts as 0.
func (x U96F32) Scale(share I32F32) U96F32 {
	if share <= 0 {
		return U96F32{}
	}
	carry, lo := bits.Mul64(x.Lo, uint64(share))
	top, mid := bits.Mul64(x.Hi, uint64(share))
	mid, over := bits.Add64(mid, carry, 0)
	top += over
	if top>>32 != 0 {
		return maxU96
	}
	return U96F32{Hi: top<<32 | mid>>32, Lo: mid<<32 | lo>>32}
}

// Floor returns the whole rao in x, saturating at 2^64 − 1.
func (x U96F32) Floor() uint64 {
	if x.Hi>>32 != 0 {
		return math.MaxUint64
	}
	return x.Hi<<32 | x.Lo>>32
}

// Part returns floor(amount·num / den): num of den equal parts of an amount of
// rao, 0 where den is 0, saturating at 2^64 − 1.
func Part(amount, num, den uint64) uint64 {
	if den == 0 {
		return 0
	}
	hi, lo := bits.Mul64(amount, num)
	if hi >= den {
		return math.MaxUint64
	}
	q, _ := bits.Div64(hi, lo, den)
	return q
}
