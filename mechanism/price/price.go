// Package price says what it costs to join the market: a registration price that rises with everyone who comes, and the lock of a new subnet that falls in a straight line after the last creation.
//
// Amounts are integers of rao; every function is total, saturates at the largest uint64 and holds no state.
package price

import (
	"math"
	"math/bits"
)

// BPS is one whole in basis points.
const BPS = 10_000

// Rise is the price after one more registration: p · bps / 10,000, rounded up, so that a price never gets stuck below
// the next integer.
func Rise(price, bps uint64) uint64 {
	return mulDivUp(price, bps, BPS)
}

// Lock is what a new subnet locks, elapsed after the last creation that locked last:
//
//	max(floor, last · (2 − elapsed/period))
//
// elapsed and period share one unit of time. Before the first creation last is 0 and the lock is floor.
func Lock(last, elapsed, period, floor uint64) uint64 {
	if period == 0 || elapsed/2 >= period {
		return floor
	}
	// elapsed/2 < period, so 2·period − elapsed > 0; it is kept exact by splitting last·(1 + (period − elapsed)/period).
	if elapsed <= period {
		return max(floor, addSaturating(last, mulDiv(last, period-elapsed, period)))
	}
	return max(floor, last-mulDivUp(last, elapsed-period, period))
}

// Part is share basis points of amount, rounded down, and the rest; the two always add up to amount.
func Part(amount, bps uint64) (part, rest uint64) {
	part = mulDiv(amount, min(bps, BPS), BPS)
	return part, amount - part
}

// mulDiv is a·b/c rounded down, saturating; 0 if c is 0.
func mulDiv(a, b, c uint64) uint64 {
	if c == 0 {
		return 0
	}
	hi, lo := bits.Mul64(a, b)
	if hi >= c {
		return math.MaxUint64
	}
	q, _ := bits.Div64(hi, lo, c)
	return q
}

// mulDivUp is a·b/c rounded up, saturating; 0 if c is 0.
func mulDivUp(a, b, c uint64) uint64 {
	if c == 0 {
		return 0
	}
	hi, lo := bits.Mul64(a, b)
	if hi >= c {
		return math.MaxUint64
	}
	q, r := bits.Div64(hi, lo, c)
	if r == 0 {
		return q
	}
	return addSaturating(q, 1)
}

func addSaturating(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return math.MaxUint64
	}
	return sum
}
