package fixed

import (
	"math"
	"math/bits"
)

// I32F32 is a signed number with 32 integer and 32 fraction bits: the stored
// integer is the value times 2^32. Range [−2^31, 2^31 − 2^−32].
type I32F32 int64

// Values of I32F32 that code names.
const (
	Zero   I32F32 = 0
	One    I32F32 = 1 << 32
	Half   I32F32 = 1 << 31
	MaxI32 I32F32 = math.MaxInt64
	MinI32 I32F32 = math.MinInt64
)

// maxU16 is the stored integer that stands for the share 1.
const maxU16 = 65535

// Int returns v as I32F32, saturating outside [−2^31, 2^31 − 1].
func Int(v int64) I32F32 {
	switch {
	case v > math.MaxInt32:
		return MaxI32
	case v < math.MinInt32:
		return MinI32
	}
	return I32F32(v) << 32
}

// Share returns the share that a stored u16 stands for: v·2^32 div 65535, which is
// v·65537 and, for the greatest, one more.
func Share(v uint16) I32F32 { return I32F32(uint64(v)<<16 + uint64(v) + (uint64(v)+1)>>16) }

// U16 stores a share as u16: floor(x·65535), saturating at 0 and 65535. It rounds
// down, so one unit below 1 becomes 65534.
func (x I32F32) U16() uint16 { return x.Mul(Int(maxU16)).FloorU16() }

// Add returns x + y, saturating.
func (x I32F32) Add(y I32F32) I32F32 {
	s := x + y
	if (x^s)&(y^s) < 0 {
		return saturated(x < 0)
	}
	return s
}

// Sub returns x − y, saturating.
func (x I32F32) Sub(y I32F32) I32F32 {
	d := x - y
	if (x^y)&(x^d) < 0 {
		return saturated(x < 0)
	}
	return d
}

// Neg returns −x; the least value saturates to the greatest.
func (x I32F32) Neg() I32F32 { return Zero.Sub(x) }

// Mul returns floor(x·y / 2^32) with an arithmetic shift, saturating.
func (x I32F32) Mul(y I32F32) I32F32 {
	hi, lo := mulSigned(int64(x), int64(y))
	if hi>>31 != hi>>63 { // more than 64 bits remain after the shift
		return saturated(hi < 0)
	}
	return I32F32(hi<<32 | int64(lo>>32))
}

// Div returns x·2^32 / y truncated toward zero; 0 where y is 0 or the quotient
// does not fit.
func (x I32F32) Div(y I32F32) I32F32 {
	n, d := magnitude(int64(x)), magnitude(int64(y))
	if n>>32 >= d { // quotient of 2^64 or more, or division by zero
		return Zero
	}
	q, _ := bits.Div64(n>>32, n<<32, d)
	return signed(q, (x < 0) != (y < 0))
}

// Min returns the smaller of x and y.
func (x I32F32) Min(y I32F32) I32F32 {
	if y < x {
		return y
	}
	return x
}

// Max returns the greater of x and y.
func (x I32F32) Max(y I32F32) I32F32 {
	if y > x {
		return y
	}
	return x
}

// Clamp returns max(low, min(x, high)): low wins where the bounds cross.
func (x I32F32) Clamp(low, high I32F32) I32F32 { return x.Min(high).Max(low) }

// Round returns the nearest integer, halves away from zero, as I32F32, saturating.
func (x I32F32) Round() I32F32 {
	if x < 0 {
		return x.Neg().Round().Neg()
	}
	return x.Add(Half) &^ (One - 1)
}

// FloorU16 returns floor(x), saturating at 0 and 65535.
func (x I32F32) FloorU16() uint16 { return uint16(min(x.FloorU64(), maxU16)) }

// FloorU64 returns floor(x), 0 for negatives.
func (x I32F32) FloorU64() uint64 {
	if x < 0 {
		return 0
	}
	return uint64(x >> 32)
}

// saturated returns the end of the range on the side of the sign.
func saturated(negative bool) I32F32 {
	if negative {
		return MinI32
	}
	return MaxI32
}

// signed applies a sign to a magnitude, 0 where the result does not fit.
func signed(m uint64, negative bool) I32F32 {
	switch {
	case negative && m <= 1<<63:
		return I32F32(-m)
	case !negative && m < 1<<63:
		return I32F32(m)
	}
	return Zero
}

// magnitude returns |v|; that of the least int64 is 2^63.
func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

// mulSigned returns the 128-bit product of two signed words.
func mulSigned(a, b int64) (hi int64, lo uint64) {
	h, lo := bits.Mul64(uint64(a), uint64(b))
	hi = int64(h) - a>>63&b - b>>63&a
	return hi, lo
}
