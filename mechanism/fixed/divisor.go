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

// HalfDivisor divides parts by a sum of at most one half: one multiplication
// each, and no remainder to look at.
//
// With 2^s < d ≤ 2^(s+1) and m = ceil(2^(64+s) / d), which fits a word, the product
// x·2^(32−s)·m / 2^64 exceeds x·2^32 / d by less than x / 2^(32+s). That is at most
// 2^−31 and so below 1/d, as x ≤ d ≤ 2^31, so both have the same floor.
type HalfDivisor struct {
	m     uint64
	shift uint8 // 32 − s
}

// NewHalfDivisor prepares division by a sum d ≤ 2^31 in units of 2^−32.
func NewHalfDivisor(d uint64) HalfDivisor {
	if d <= 1 { // 0/1 = 0 and 1·2^63·2^33 / 2^64 = 2^32
		return HalfDivisor{m: 1 << 33, shift: 63}
	}
	s := bits.Len64(d-1) - 1
	m, _ := bits.Div64(1<<s-1, math.MaxUint64, d) // floor((2^(64+s) − 1)/d)
	return HalfDivisor{m: m + 1, shift: uint8(32 - s)}
}

// Quotient returns floor(x·2^32 / d) for a part x ≤ d.
func (v HalfDivisor) Quotient(x uint64) uint64 {
	q, _ := bits.Mul64(x<<(v.shift&63), v.m)
	return q
}

// Mul returns floor(x·y / 2^32) for non-negative shares x and y of at most 2^32
// in units of 2^−32: the multiplication of I32F32 where no sign and no overflow
// can occur.
func Mul(x, y uint64) uint64 {
	hi, lo := bits.Mul64(x, y)
	return hi<<32 | lo>>32
}
