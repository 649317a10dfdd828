package yuma

import (
	"math"
	"math/bits"
)

// A score is a weight W in 32 bits. W is 2^32, where a row has one positive
// weight, or at most 2^32 − 2^16, so the greatest score is free to stand for 2^32
// and scores order as weights do.

// scoreOf returns the score of a weight.
func scoreOf(weight uint64) uint64 { return weight - weight>>32 }

// weightOf returns the weight of a score.
func weightOf(score uint64) uint64 { return score + (score+1)>>32 }

// rowSum divides the values of a row by their sum d: one multiplication each, and
// no remainder to look at.
//
// With m = ceil(2^80 / d), which fits a word for d > 2^16, the product
// v·2^16·m / 2^64 exceeds v·2^32 / d by less than v / 2^48. That is below 1/d, as
// v < 2^16 and d ≤ 2^32, so both have the same floor. For smaller d, which few
// rows have that are scaled for storage, m is 0 and the division a division.
type rowSum struct {
	m, d uint64
}

// newRowSum prepares division by a sum of at most 2^16 values.
func newRowSum(d uint64) rowSum {
	if d <= 1<<16 {
		return rowSum{d: max(d, 1)}
	}
	m, _ := bits.Div64(1<<16-1, math.MaxUint64, d) // floor((2^80 − 1)/d)
	return rowSum{m: m + 1}
}

// score returns W = floor(v·2^32 / d) as a score, for a value v of the row.
func (s rowSum) score(v uint64) uint64 {
	if s.m == 0 {
		return scoreOf(v << 32 / s.d)
	}
	score, _ := bits.Mul64(v<<16, s.m)
	return score
}
