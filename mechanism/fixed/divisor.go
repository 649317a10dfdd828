package fixed

import (
	"math"
	"math/bits"
)

// Divisor divides many shares by one sum without a division instruction.
//
// With m = floor((2^64 − 1)/d), the estimate floor(x·m / 2^32) is the quotient
// floor(x·2^32 / d) or one less, for every x ≤ 2^32 and 1 ≤ d < 2^63; one
// comparison of the remainder settles which.
type Divisor struct {
	d, m uint64
}

// NewDivisor prepares division by a sum d in units of 2^−32; d = 0 makes every
// quotient 0.
func NewDivisor(d uint64) Divisor {
	if d == 0 {
		return Divisor{d: math.MaxUint64}
	}
	return Divisor{d: d, m: math.MaxUint64 / d}
}

// Quotient returns floor(x·2^32 / d) for x in [0, 2^32].
func (v Divisor) Quotient(x uint64) uint64 {
	hi, lo := bits.Mul64(x, v.m)
	q := hi<<32 | lo>>32
	if x<<32-q*v.d >= v.d {
		q++
	}
	return q
}

// Mul returns floor(x·y / 2^32) for non-negative shares x and y of at most 2^32
// in units of 2^−32: the multiplication of I32F32 where no sign and no overflow
// can occur.
func Mul(x, y uint64) uint64 {
	hi, lo := bits.Mul64(x, y)
	return hi<<32 | lo>>32
}
