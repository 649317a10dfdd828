package emission

import "math/bits"

const (
	// period is the time in nanoseconds that one reward stands for.
	period = 12_000_000_000
	// MaxHalvings is the last halving. After it less than a rao per period is
	// left to issue, and nothing is.
	MaxHalvings = 30
)

// Halvings returns h = floor(log2(cap / (cap − issued))), the number of times the
// reward has been halved; MaxHalvings + 1 for everything beyond MaxHalvings and where
// issued has reached the cap.
func Halvings(issued, limit uint64) uint {
	left := limit - min(issued, limit)
	for h := range uint(MaxHalvings + 1) {
		// h is the answer if the next power of two no longer fits:
		// (cap − issued)·2^(h+1) > cap.
		if hi, lo := bits.Mul64(left, 2<<h); hi > 0 || lo > limit {
			return h
		}
	}
	return MaxHalvings + 1
}

// Accrual is a moment on the issuance curve: what a step left over.
type Accrual struct {
	// Remainder is the part of a rao that is not issued yet, in units of
	// 2^−Halvings / (12·10⁹) rao.
	Remainder uint64
	// Halvings is the number of halvings that Remainder is counted in.
	Halvings uint
}

// Valid tells whether a can be on the curve: the remainder is less than a rao, and
// nothing remains after the last halving.
func (a Accrual) Valid() bool {
	if a.Halvings > MaxHalvings {
		return a.Halvings == MaxHalvings+1 && a.Remainder == 0
	}
	return a.Remainder < period<<a.Halvings
}

// Accrue returns the rao that dt nanoseconds add where issued rao exist and
// reward rao are paid per twelve seconds before any halving:
//
//	(dt·reward + remainder) / (12·10⁹ · 2^h)
//
// rounded down, never beyond the cap, and what the division left for the next
// step. Past MaxHalvings it issues nothing.
func (a Accrual) Accrue(dt, reward, issued, limit uint64) (rao uint64, next Accrual) {
	h := Halvings(issued, limit)
	if h > MaxHalvings {
		return 0, Accrual{Halvings: h}
	}
	hi, lo := bits.Mul64(dt, reward)
	lo, carry := bits.Add64(lo, a.at(h), 0)
	hi += carry
	unit := uint64(period) << h
	if hi >= unit {
		return limit - issued, Accrual{Halvings: h}
	}
	rao, rest := bits.Div64(hi, lo, unit)
	if room := limit - issued; rao >= room {
		return room, Accrual{Halvings: h}
	}
	return rao, Accrual{Remainder: rest, Halvings: h}
}

// at returns the remainder in units of halving h; what a smaller unit count
// cannot hold (after a burn undid a halving) is dropped, less than 2^−30 rao.
func (a Accrual) at(h uint) uint64 {
	if a.Halvings > h {
		return a.Remainder >> (a.Halvings - h)
	}
	return a.Remainder << (h - a.Halvings)
}
