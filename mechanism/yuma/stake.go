package yuma

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"agora/mechanism/fixed"
)

// findActive is step 1: active_i = ¬(last_update_i + cutoff < block), or the
// caller's word.
func (r *Runner) findActive() {
	in, active := r.in, r.result.Active
	if r.params.ActivityGiven {
		copy(active, in.Active)
		return
	}
	cutoff := r.params.cutoff(in.Tempo)
	for i := range active[:min(r.n, len(in.LastUpdate))] {
		active[i] = in.Block-min(in.LastUpdate[i], in.Block) <= cutoff
	}
}

// normalizeStake is step 2: S_i = floor32(stake_i / Σ stake), counting only stake
// of at least the threshold, and the owner's.
func (r *Runner) normalizeStake() {
	share := r.result.Exact.Stake
	var hi, total uint64
	for i := range share {
		var carry uint64
		total, carry = bits.Add64(total, r.countedStake(i), 0)
		hi += carry
	}
	if hi|total == 0 {
		return
	}
	for i := range share {
		share[i] = stakeShare(r.countedStake(i), hi, total)
	}
}

// countedStake returns the stake of uid i in rao, at most 2^63 − 1, and 0 below
// the threshold.
func (r *Runner) countedStake(i int) uint64 {
	stake := min(at(r.in.Stake, i, 0), math.MaxInt64)
	if stake < r.params.StakeThreshold && i != r.owner {
		return 0
	}
	return stake
}

// stakeShare returns floor(stake·2^32 / total) for a part of the total hi·2^64 + lo,
// which is above zero.
func stakeShare(stake, hi, lo uint64) fixed.I32F32 {
	switch {
	case hi > 0:
		return longShare(stake, hi, lo)
	case stake == lo:
		return fixed.One
	}
	q, _ := bits.Div64(stake>>32, stake<<32, lo)
	return fixed.I32F32(q)
}

// longShare is stakeShare, a bit at a time, for a total beyond 2^64 − 1, which no
// money supply comes near.
func longShare(stake, hi, lo uint64) (share fixed.I32F32) {
	var top, low, high, borrow uint64 // the remainder is top·2^64 + stake
	for range 32 {
		top, stake, share = top<<1|stake>>63, stake<<1, share<<1
		low, borrow = bits.Sub64(stake, lo, 0)
		if high, borrow = bits.Sub64(top, hi, borrow); borrow == 0 {
			top, stake, share = high, low, share+1
		}
	}
	return share
}

// choosePermits is step 3: the next permits go to the MaxValidators greatest
// non-zero stakes, the higher uid first among equals, and to the owner.
func (r *Runner) choosePermits() {
	permit, share := r.result.Permit, r.result.Exact.Stake
	if r.params.PermitsGiven {
		copy(permit, r.in.Permit)
		return
	}
	for i, s := range share {
		permit[i] = s != 0
	}
	if k := max(r.params.MaxValidators, 0); r.n > k {
		r.order = sized(r.order, r.n)
		for _, i := range ascendingBy(r.order, share)[:r.n-k] {
			permit[i] = false
		}
	}
	if r.owner >= 0 && r.owner < r.n {
		permit[r.owner] = true
	}
}

// ascendingBy fills order with the uids sorted by share, the lower uid first
// among equals.
func ascendingBy(order []int32, share []fixed.I32F32) []int32 {
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(share[a], share[b]), cmp.Compare(a, b))
	})
	return order
}

// normalizeActiveStake is step 4: A = S without the inactive and those whose old
// permit is missing, divided by its sum.
func (r *Runner) normalizeActiveStake() {
	active := r.result.Exact.ActiveStake
	var sum uint64
	for i, s := range r.result.Exact.Stake {
		if r.result.Active[i] && r.permitted(i) {
			active[i] = s
			sum += uint64(s)
		}
	}
	divisor := fixed.NewDivisor(sum)
	for i, s := range active {
		a := divisor.Quotient(uint64(s))
		active[i] = fixed.I32F32(a)
		r.stake[i] = a
	}
}

// permitted reports whether uid i held a permit when the epoch began.
func (r *Runner) permitted(i int) bool {
	return at(r.in.Permit, i, false) || i == r.owner
}
