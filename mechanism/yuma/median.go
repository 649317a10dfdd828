package yuma

import (
	"math/bits"
	"slices"

	"agora/mechanism/fixed"
)

// quorum is what the stake-weighted median asks of a column, in units of 2^−32.
type quorum struct {
	total    int64 // Σ u, slightly below one
	minority int64 // Σ u − kappa; negative where kappa exceeds the total
}

// newQuorum renormalises the active stake, u_i = A_i / Σ A, into voice and returns
// the sum and what a minority may hold of it.
func newQuorum(stake, voice []uint64, kappa uint16) quorum {
	var sum, total uint64
	for _, a := range stake {
		sum += a
	}
	divisor := fixed.NewDivisor(sum)
	for i, a := range stake {
		voice[i] = divisor.Quotient(a)
		total += voice[i]
	}
	return quorum{total: int64(total), minority: int64(total) - int64(fixed.Share(kappa))}
}

// scoreBits is where the score starts in a median key; below it is the voter.
const scoreBits = 16

// medianKey packs a score with the uid that gave it. Keys order by score and
// then by uid, so no two are equal and ties need no case of their own.
func medianKey(score uint64, uid uint32) uint64 { return score<<scoreBits | uint64(uid) }

// consensus is step 6 for one column:
//
//	C_j = the smallest score s with Σ u over scores ≤ s strictly above the
//	      minority; the greatest score if there is none.
//
// keys holds the positive scores of validators with stake, support the sum of
// their u; every other validator scored zero and stands in as a sum.
func (q quorum) consensus(keys, spare, voice []uint64, support int64) uint64 {
	zeros := q.total - support
	if zeros > 0 && zeros > q.minority || len(keys) == 0 {
		return 0
	}
	return selectKey(keys, spare, voice, q.minority-zeros) >> scoreBits
}

// fewKeys is the length at which selection stops and sorting takes over.
const fewKeys = 12

// selectKey returns the first key, in order, at which the running sum of u
// exceeds the bound, or the last key. It is a quickselect without branches on
// the data: every key is written to both sides and one of them advances. After
// twice the expected number of rounds it sorts what is left, so no choice of
// scores makes it slow. keys and spare are overwritten; spare is as long as keys.
func selectKey(keys, spare, voice []uint64, bound int64) uint64 {
	for rounds := 2 * bits.Len(uint(len(keys))); len(keys) > fewKeys && rounds > 0; rounds-- {
		pivot := pivotOf(keys)
		low, below := partition(keys, spare, voice, pivot)
		if below > bound && low > 0 {
			keys = keys[:low]
			continue
		}
		bound -= below
		keys, spare = spare[:len(keys)-low], keys
		if low > 0 {
			continue
		}
		// The pivot is the least key: it is the answer, or it is out.
		if bound -= int64(voice[uint16(pivot)]); bound < 0 {
			return pivot
		}
		keys = without(keys, pivot)
	}
	return walkKeys(keys, voice, bound)
}

// partition moves the keys below the pivot to the front of keys, copies the
// others to spare, and returns how many are below and the sum of their u. It is
// not inlined because its loop needs every register.
//
//go:noinline
func partition(keys, spare, voice []uint64, pivot uint64) (low int, below int64) {
	high := 0
	spare = spare[:len(keys)]
	for _, key := range keys {
		u := int64(voice[uint16(key)])
		_, less := bits.Sub64(key, pivot, 0)
		keys[low], spare[high] = key, key
		low += int(less)
		high += 1 - int(less)
		below += u & -int64(less)
	}
	return low, below
}

// pivotOf returns the median of three keys of the list, or of nine where that
// is worth the while.
func pivotOf(keys []uint64) uint64 {
	last := len(keys) - 1
	if last < 64 {
		return middle(keys[0], keys[last/2], keys[last])
	}
	step := last / 8
	return middle(
		middle(keys[0], keys[step], keys[2*step]),
		middle(keys[3*step], keys[4*step], keys[5*step]),
		middle(keys[6*step], keys[7*step], keys[last]),
	)
}

// middle returns the second greatest of three.
func middle(a, b, c uint64) uint64 { return max(min(a, b), min(max(a, b), c)) }

// without returns the keys without one of them.
func without(keys []uint64, key uint64) []uint64 {
	last := len(keys) - 1
	for k := range keys {
		if keys[k] == key {
			keys[k] = keys[last]
			break
		}
	}
	return keys[:last]
}

// walkKeys sorts the keys that are left and walks them.
func walkKeys(keys, voice []uint64, bound int64) uint64 {
	sortKeys(keys)
	for _, key := range keys {
		if bound -= int64(voice[uint16(key)]); bound < 0 {
			return key
		}
	}
	return keys[len(keys)-1]
}

// sortKeys sorts ascending; a few keys by insertion.
func sortKeys(keys []uint64) {
	if len(keys) > fewKeys {
		slices.Sort(keys)
		return
	}
	for i := 1; i < len(keys); i++ {
		key, k := keys[i], i
		for ; k > 0 && keys[k-1] > key; k-- {
			keys[k] = keys[k-1]
		}
		keys[k] = key
	}
}
