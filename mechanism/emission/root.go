package emission

import (
	"cmp"
	"slices"
)

// shareBits is the precision of stake and weights inside Root: a product of two shares, and the sum of all of them,
// fit 64 bits.
const shareBits = 31

// Whole is what the weights of Root and what it burns add up to.
const Whole = 1 << (2 * shareBits)

// Ballot is how one validator's stake counts in the division among subnets.
type Ballot struct {
	// Stake is the validator's, in rao.
	Stake uint64
	// Weights has one entry per subnet, in any scale. With Burned they must fit 64 bits, and not all be 0.
	Weights []uint64
	// Burned is the weight that the ballot gives to subnets that cannot be paid.
	Burned uint64
	// Cast tells a vote from what a silent validator's voices stand for. Only a vote is clipped.
	Cast bool
}

// Root turns ballots into a weight per subnet and what nobody directs. With the stakes s as shares of bonded (all stake
// there is, or the ballots' own sum if that is more) and each ballot's weights w normalised to one,
//
//	root_j   = Σ_silent s_i·w_ij + Σ_cast s_i·min(w_ij, C_j) + clipped·v_j / Σ_k v_k
//	v_j      = Σ_cast s_i·w_ij
//	clipped  = Σ_j Σ_cast s_i·(w_ij − min(w_ij, C_j))
//	burned   = Σ s_i·burned_i + the share of stake without a ballot
//
// where C_j is the largest weight for subnet j that more than kappa (u16) of *all* stake supports; stake without a ballot
// supports nothing. What consensus clips goes back to the votes in proportion, so that with little agreement a vote
// directs its own stake's part. In a subnet that no more than kappa of the stake supports, C_j is 0 and votes bring it
// clipped·v_j/Σv ≤ v_j: whoever stands alone directs at most the part of his own stake.
//
// Every ballot must have n weights. The weights and burned add up to Whole exactly; with no stake at all everything is
// burned.
func Root(bonded uint64, ballots []Ballot, n int, kappa uint16) (root []uint64, burned uint64) {
	stakes := stakeShares(bonded, ballots)
	rows := make([][]uint64, len(ballots))
	root, votes := make([]uint64, n), make([]uint64, n)
	burned = Whole
	for i, b := range ballots {
		rows[i], _ = Apportion(1<<shareBits, append(slices.Clone(b.Weights), b.Burned))
		for j, w := range rows[i][:n] {
			burned -= stakes[i] * w
			if b.Cast {
				votes[j] += stakes[i] * w
			} else {
				root[j] += stakes[i] * w
			}
		}
	}
	var clipped uint64
	column := make([]backed, len(ballots))
	for j := range n {
		if votes[j] == 0 {
			continue
		}
		for i := range ballots {
			column[i] = backed{rows[i][j], stakes[i]}
		}
		kept := clip(column, ballots, consensus(slices.Clone(column), kappa))
		root[j] += kept
		clipped += votes[j] - kept
	}
	back, _ := Apportion(clipped, votes)
	for j := range root {
		root[j] += back[j]
	}
	return root, burned
}

// clip returns what a column's votes bring where none counts for more than limit.
func clip(column []backed, ballots []Ballot, limit uint64) (kept uint64) {
	for i, b := range column {
		if ballots[i].Cast {
			kept += b.stake * min(b.weight, limit)
		}
	}
	return kept
}

// stakeShares scales the ballots' stakes to parts of bonded in units of 2^−31.
func stakeShares(bonded uint64, ballots []Ballot) []uint64 {
	stakes := make([]uint64, len(ballots)+1)
	var sum uint64
	for i, b := range ballots {
		stakes[i] = b.Stake
		sum += b.Stake
	}
	stakes[len(ballots)] = max(bonded, sum) - sum
	shares, _ := Apportion(1<<shareBits, stakes)
	return shares[:len(ballots)]
}

// backed is a weight with the stake behind it.
type backed struct{ weight, stake uint64 }

// consensus returns the stake-weighted median of a column at kappa: the smallest weight such that the stake at or below
// it exceeds (1 − kappa) of all stake, which is 2^31; stake that is not in the column counts as weight 0. It sorts its
// argument.
func consensus(column []backed, kappa uint16) uint64 {
	below := uint64(1 << shareBits)
	for _, b := range column {
		below -= b.stake
	}
	const enough = 1 << shareBits
	support := (Full - uint64(kappa)) * enough
	if below*Full > support {
		return 0
	}
	slices.SortFunc(column, func(a, b backed) int { return cmp.Compare(a.weight, b.weight) })
	for _, b := range column {
		below += b.stake
		if below*Full > support {
			return b.weight
		}
	}
	return column[len(column)-1].weight
}
