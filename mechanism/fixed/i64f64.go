package fixed

import (
	"math"
	"math/bits"
)

// I64F64 is a signed number with 64 integer and 64 fraction bits, in two's
// complement: the value is Int + Frac/2^64.
type I64F64 struct {
	Int  int64
	Frac uint64
}

// MaxI64 is the greatest I64F64.
var MaxI64 = I64F64{Int: math.MaxInt64, Frac: math.MaxUint64}

// minI64 is the least I64F64.
var minI64 = I64F64{Int: math.MinInt64}

// Uint returns v as I64F64, saturating above 2^63 − 1.
func Uint(v uint64) I64F64 {
	if v > math.MaxInt64 {
		return MaxI64
	}
	return I64F64{Int: int64(v)}
}

// Ratio returns num/den truncated, 0 where den is 0 or either does not fit.
func Ratio(num, den uint64) I64F64 { return Uint(num).Div(Uint(den)) }

// Add returns x + y, saturating.
func (x I64F64) Add(y I64F64) I64F64 {
	frac, carry := bits.Add64(x.Frac, y.Frac, 0)
	sum := I64F64{Int: x.Int + y.Int + int64(carry), Frac: frac}
	if (x.Int^sum.Int)&(y.Int^sum.Int) < 0 {
		return saturated64(x.Int < 0)
	}
	return sum
}

// Sub returns x − y, saturating.
func (x I64F64) Sub(y I64F64) I64F64 {
	frac, borrow := bits.Sub64(x.Frac, y.Frac, 0)
	diff := I64F64{Int: x.Int - y.Int - int64(borrow), Frac: frac}
	if (x.Int^y.Int)&(x.Int^diff.Int) < 0 {
		return saturated64(x.Int < 0)
	}
	return diff
}

// Div returns x/y truncated toward zero; 0 where y is 0 or the quotient does not
// fit.
func (x I64F64) Div(y I64F64) I64F64 {
	nHi, nLo := x.magnitude()
	dHi, dLo := y.magnitude()
	hi, lo, ok := divide(nHi, nLo, dHi, dLo)
	negative := (x.Int < 0) != (y.Int < 0)
	if !ok || hi > 1<<63 || hi == 1<<63 && (lo != 0 || !negative) {
		return I64F64{}
	}
	if negative {
		return negate(hi, lo)
	}
	return I64F64{Int: int64(hi), Frac: lo}
}

// I32 returns x with the lower 32 fraction bits dropped (floor), saturating.
func (x I64F64) I32() I32F32 {
	if x.Int > math.MaxInt32 || x.Int < math.MinInt32 {
		return saturated(x.Int < 0)
	}
	return I32F32(x.Int<<32 | int64(x.Frac>>32))
}

// FloorU64 returns floor(x), 0 for negatives.
func (x I64F64) FloorU64() uint64 { return uint64(max(x.Int, 0)) }

// Less reports x < y.
func (x I64F64) Less(y I64F64) bool {
	return x.Int < y.Int || x.Int == y.Int && x.Frac < y.Frac
}

// magnitude returns |x| as two words.
func (x I64F64) magnitude() (hi, lo uint64) {
	if x.Int >= 0 {
		return uint64(x.Int), x.Frac
	}
	n := negate(uint64(x.Int), x.Frac)
	return uint64(n.Int), n.Frac
}

// negate returns the two's complement of the 128-bit number.
func negate(hi, lo uint64) I64F64 {
	frac, borrow := bits.Sub64(0, lo, 0)
	return I64F64{Int: int64(-hi - borrow), Frac: frac}
}

// saturated64 returns the end of the range on the side of the sign.
func saturated64(negative bool) I64F64 {
	if negative {
		return minI64
	}
	return MaxI64
}

// divide returns floor(n·2^64 / d) of 128-bit magnitudes; ok is false where d is
// 0 or the quotient needs more than 128 bits.
func divide(nHi, nLo, dHi, dLo uint64) (hi, lo uint64, ok bool) {
	if dHi|dLo == 0 {
		return 0, 0, false
	}
	if dHi == 0 {
		if nHi >= dLo {
			return 0, 0, false
		}
		hi, rem := bits.Div64(nHi, nLo, dLo)
		lo, _ = bits.Div64(rem, 0, dLo)
		return hi, lo, true
	}
	hi, lo = divideLong(nHi, nLo, dHi, dLo)
	return hi, lo, true
}

// divideLong is schoolbook long division, one bit of n·2^64 at a time. It serves
// divisors of 1 and above, which the epoch meets once per neuron.
func divideLong(nHi, nLo, dHi, dLo uint64) (qHi, qLo uint64) {
	var rHi, rLo, carry uint64
	for i := 191; i >= 0; i-- {
		top := rHi >> 63
		rHi = rHi<<1 | rLo>>63
		rLo = rLo<<1 | bitAt(nHi, nLo, i)
		qHi = qHi<<1 | qLo>>63
		qLo <<= 1
		if top != 0 || rHi > dHi || rHi == dHi && rLo >= dLo {
			rLo, carry = bits.Sub64(rLo, dLo, 0)
			rHi, _ = bits.Sub64(rHi, dHi, carry)
			qLo |= 1
		}
	}
	return qHi, qLo
}

// bitAt returns bit i of the 192-bit number hi:lo:0.
func bitAt(hi, lo uint64, i int) uint64 {
	switch {
	case i >= 128:
		return hi >> (i - 128) & 1
	case i >= 64:
		return lo >> (i - 64) & 1
	}
	return 0
}
