package emission

import (
	"cmp"
	"math/bits"
	"slices"

	"agora/mechanism/fixed"
)

// shareBits is the precision of stake and weights inside Root: products of two
// shares and their sum over all voters fit 64 bits.
const shareBits = 31

// Vote is one voter's opinion of how emission should be shared.
type Vote struct {
	// Stake is the voter's, in rao.
	Stake uint64
	// Weights has one entry per subnet, in any scale; their sum must fit 64 bits.
	Weights []uint64
}

// Root turns votes into a weight per subnet:
//
//	root_j = Σ s_i · min(w_ij, C_j)
//
// with s and w normalised to one, and C_j the largest weight for subnet j that
// more than kappa (u16) of the voters' stake supports. Subnets without such
// support get 0. Every vote must have n weights; the result is in units of 2^−62.
func Root(votes []Vote, n int, kappa uint16) []uint64 {
	stakes, weights := normalize(votes)
	root := make([]uint64, n)
	column := make([]backed, len(votes))
	for j := range n {
		for i := range votes {
			column[i] = backed{weights[i][j], stakes[i]}
		}
		limit := consensus(column, kappa)
		for i := range votes {
			root[j] += stakes[i] * min(weights[i][j], limit)
		}
	}
	return root
}

// normalize scales stakes to sum to one and every vote's weights likewise, in
// units of 2^−31, rounded down.
func normalize(votes []Vote) (stakes []uint64, weights [][]uint64) {
	var total uint64
	for _, v := range votes {
		total += v.Stake
	}
	stakes, weights = make([]uint64, len(votes)), make([][]uint64, len(votes))
	for i, v := range votes {
		stakes[i] = fixed.Part(1<<shareBits, v.Stake, total)
		var sum uint64
		for _, w := range v.Weights {
			sum += w
		}
		weights[i] = make([]uint64, len(v.Weights))
		for j, w := range v.Weights {
			weights[i][j] = fixed.Part(1<<shareBits, w, sum)
		}
	}
	return stakes, weights
}

// backed is a weight with the stake behind it.
type backed struct{ weight, stake uint64 }

// consensus returns the stake-weighted median at kappa: the smallest weight such
// that the stake at or below it exceeds (1 − kappa) of the total; if there is
// none, the largest. It sorts its argument.
func consensus(column []backed, kappa uint16) uint64 {
	slices.SortFunc(column, func(a, b backed) int { return cmp.Compare(a.weight, b.weight) })
	var total, below uint64
	for _, b := range column {
		total += b.stake
	}
	for _, b := range column {
		below += b.stake
		if below*Full > total*(Full-uint64(kappa)) {
			return b.weight
		}
	}
	if len(column) == 0 {
		return 0
	}
	return column[len(column)-1].weight
}

// Covers reports whether part is at least num/den of whole.
func Covers(part, whole, num, den uint64) bool {
	ah, al := bits.Mul64(part, den)
	bh, bl := bits.Mul64(whole, num)
	return ah > bh || ah == bh && al >= bl
}
