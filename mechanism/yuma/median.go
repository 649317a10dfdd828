package yuma

import (
	"math"
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
// the sum and what a minority may hold of it. One voice that holds everything
// counts as 1 − 2^−32, which decides the same and fits 32 bits.
func newQuorum(stake, voice []uint64, kappa uint16) quorum {
	var sum, total uint64
	for _, a := range stake {
		sum += a
	}
	divisor := fixed.NewDivisor(sum)
	for i, a := range stake {
		voice[i] = min(divisor.Quotient(a), math.MaxUint32)
		total += voice[i]
	}
	return quorum{total: int64(total), minority: int64(total) - int64(fixed.Share(kappa))}
}

// medianKey packs a score and the stake behind it. Keys order by score; of keys
// with one score the order does not matter, and equal keys are interchangeable.
func medianKey(score, voice uint64) uint64 { return score<<32 | voice }

// voiceOf returns the stake behind a key.
func voiceOf(key uint64) int64 { return int64(uint32(key)) }

// ballot holds the keys of all voices that scored a column, split by some pivot.
type ballot struct {
	low, high []uint64 // below the pivot, and the others
	spare     []uint64 // at least as long as either
	below     int64    // Σ u of low
	support   int64    // Σ u of both
}

// consensus is step 6 for one column:
//
//	C_j = the smallest score s with Σ u over scores ≤ s strictly above the
//	      minority; the greatest score if there is none.
//
// Every validator that is not in the ballot scored zero and stands in as a sum.
func (q quorum) consensus(b ballot) uint64 {
	zeros := q.total - b.support
	if zeros > 0 && zeros > q.minority || b.support == 0 {
		return 0
	}
	bound := q.minority - zeros
	if len(b.high) == 0 || b.below > bound && len(b.low) > 0 {
		return weightOf(selectKey(b.low, b.spare, bound, b.below) >> 32)
	}
	return weightOf(selectKey(b.high, b.spare, bound-b.below, b.support-b.below) >> 32)
}

// selectKey returns the first key, in order, at which the running sum of u
// exceeds the bound, or the last key; stake is the sum over all. It is a
// quickselect without branches on the data. After twice the expected number of
// rounds it sorts what is left, so no choice of scores makes it slow. keys and
// spare are overwritten; spare is as long as keys.
func selectKey(keys, spare []uint64, bound, stake int64) uint64 {
	for rounds := 2 * bits.Len(uint(len(keys))); len(keys) > fewKeys && rounds > 0; rounds-- {
		pivot := pivotNear(keys, bound, stake)
		low, below := partition(spare, keys, pivot)
		if below > bound && low > 0 {
			keys, spare, stake = spare[:low], keys, below
			continue
		}
		bound, stake = bound-below, stake-below
		if bound < voiceOf(pivot) {
			return pivot
		}
		keys, spare = spare[low:len(keys)], keys
		if low == 0 { // the pivot is the least key and out: drop it and its equals
			low, below = partition(spare, keys, pivot+1)
			if below > bound || low == len(keys) {
				return pivot
			}
			bound, stake = bound-below, stake-below
			keys, spare = spare[low:len(keys)], keys
		}
	}
	return walkKeys(keys, bound)
}

// partition writes the keys below the pivot to the front of out and the others
// to its back, and returns how many are below and the sum of their u. Every key
// goes to both places, and one of them advances. It is not inlined because its
// loop needs every register.
//
//go:noinline
func partition(out, keys []uint64, pivot uint64) (low int, below int64) {
	out = out[:len(keys)]
	high := len(keys) - 1
	for _, key := range keys {
		_, less := bits.Sub64(key, pivot, 0)
		out[low], out[high] = key, key
		low += int(less)
		high += int(less) - 1
		below += voiceOf(key) & -int64(less)
	}
	return low, below
}

// firstPivot returns a key from the middle of the list, the median of nine or, of
// many keys, the median of nine medians of three; 0 where the list needs no
// splitting.
func firstPivot(keys []uint64) uint64 {
	switch {
	case len(keys) <= fewKeys:
		return 0
	case len(keys) < manyKeys:
		return pivotNear(keys, 1, 2)
	}
	var medians [9]uint64
	step := (len(keys) - 1) / 26
	for k := range medians {
		three := keys[3*k*step:]
		medians[k] = middle(three[0], three[step], three[2*step])
	}
	return pivotNear(medians[:], 1, 2)
}

// pivotNear returns a key a little beyond where the bound is expected among the
// keys, which have so much stake: the median of nine where it is in the middle,
// else the median of the least or of the greatest of three.
func pivotNear(keys []uint64, bound, stake int64) uint64 {
	step := (len(keys) - 1) / 8
	a, b, c := keys[0], keys[step], keys[2*step]
	d, e, f := keys[3*step], keys[4*step], keys[5*step]
	g, h, i := keys[6*step], keys[7*step], keys[8*step]
	switch {
	case 3*bound < stake:
		return middle(min(a, b, c), min(d, e, f), min(g, h, i))
	case 3*bound > 2*stake:
		return middle(max(a, b, c), max(d, e, f), max(g, h, i))
	}
	return middle(middle(a, b, c), middle(d, e, f), middle(g, h, i))
}

// middle returns the second greatest of three.
func middle(a, b, c uint64) uint64 { return max(min(a, b), min(max(a, b), c)) }

// fewKeys is the length at which selection stops and sorting takes over.
const fewKeys = 8

// manyKeys is the length from which a better pivot is worth looking at more keys.
const manyKeys = 64

// walkKeys sorts the keys that are left and walks them.
func walkKeys(keys []uint64, bound int64) uint64 {
	var few [fewKeys]uint64
	if len(keys) > fewKeys {
		slices.Sort(keys)
	} else {
		keys = sortFew(&few, keys)
	}
	for _, key := range keys {
		if bound -= voiceOf(key); bound < 0 {
			return key
		}
	}
	return keys[len(keys)-1]
}

// sortFew sorts up to eight keys into few by a network of 19 exchanges, without a
// branch on the data.
func sortFew(few *[fewKeys]uint64, keys []uint64) []uint64 {
	for k := copy(few[:], keys); k < fewKeys; k++ {
		few[k] = math.MaxUint64
	}
	a, b, c, d, e, f, g, h := few[0], few[1], few[2], few[3], few[4], few[5], few[6], few[7]
	a, c = min(a, c), max(a, c)
	b, d = min(b, d), max(b, d)
	e, g = min(e, g), max(e, g)
	f, h = min(f, h), max(f, h)
	a, e = min(a, e), max(a, e)
	b, f = min(b, f), max(b, f)
	c, g = min(c, g), max(c, g)
	d, h = min(d, h), max(d, h)
	a, b = min(a, b), max(a, b)
	c, d = min(c, d), max(c, d)
	e, f = min(e, f), max(e, f)
	g, h = min(g, h), max(g, h)
	c, e = min(c, e), max(c, e)
	d, f = min(d, f), max(d, f)
	b, e = min(b, e), max(b, e)
	d, g = min(d, g), max(d, g)
	b, c = min(b, c), max(b, c)
	d, e = min(d, e), max(d, e)
	f, g = min(f, g), max(f, g)
	*few = [fewKeys]uint64{a, b, c, d, e, f, g, h}
	return few[:len(keys)]
}
