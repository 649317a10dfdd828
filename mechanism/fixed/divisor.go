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

// RowSum divides the u16 entries of a row by their sum: one multiplication each,
// and no remainder to compare.
//
// With 2^s < d ≤ 2^(s+1) and m = ceil(2^(64+s) / d), which fits a word, the
// product v·2^(32−s)·m / 2^64 exceeds v·2^32 / d by less than v / 2^(32+s). That is
// below 1/d, as v·d < 2^16·2^(s+1), so both have the same floor.
type RowSum struct {
	m     uint64
	shift uint8 // 32 − s
}

// NewRowSum prepares division by d ≤ 2^32; d = 0 makes every quotient 0.
func NewRowSum(d uint64) RowSum {
	switch d {
	case 0:
		return RowSum{}
	case 1: // 1·2^63·2^33 / 2^64 = 2^32
		return RowSum{m: 1 << 33, shift: 63}
	}
	s := bits.Len64(d-1) - 1
	m, _ := bits.Div64(1<<s-1, math.MaxUint64, d) // floor((2^(64+s) − 1)/d)
	return RowSum{m: m + 1, shift: uint8(32 - s)}
}

// Share returns floor(v·2^32 / d) for v ≤ min(d, 65535).
func (r RowSum) Share(v uint64) uint64 {
	hi, _ := bits.Mul64(v<<(r.shift&63), r.m)
	return hi
}

// Mul returns floor(x·y / 2^32) for non-negative shares x and y of at most 2^32
// in units of 2^−32: the multiplication of I32F32 where no sign and no overflow
// can occur.
func Mul(x, y uint64) uint64 {
	hi, lo := bits.Mul64(x, y)
	return hi<<32 | lo>>32
}
