package keeper

import (
	"math"
	"sort"

	"agora/chain/x/yuma/types"
	"agora/mechanism/yuma"
)

// capped holds a row to its largest share among the weights that count in this epoch: those on neurons that are no voices,
// not the row's own, and were registered before the commit. Weights on others would make room for more on one. It lowers
// the largest weights v to the greatest θ with
//
//	θ / Σ min(v, θ)  ≤  max_weight_limit / 65,535
//
// and returns no weights where there is none: so few say nothing. A row without a cap is left as it is.
func (e *epoch) capped(uid int, row types.Row) yuma.Row {
	entries := yuma.Row(row.Entries)
	limit := uint64(row.MaxWeightLimit)
	if limit == 0 || limit >= math.MaxUint16 {
		return entries
	}
	var counted yuma.Row
	for k := range entries.Len() {
		if j, value := entries.At(k); e.counts(uid, int(j)) {
			counted = counted.Append(j, value)
		}
	}
	top := sort.Search(math.MaxUint16, func(t int) bool { return !fits(counted, uint64(t)+1, limit) })
	var held yuma.Row
	for k := range counted.Len() {
		if j, value := counted.At(k); top > 0 {
			held = held.Append(j, min(value, uint16(top)))
		}
	}
	return held
}

// counts tells whether a weight of uid on j reaches the epoch's arithmetic.
func (e *epoch) counts(uid, j int) bool {
	return j < len(e.owners) && j != uid && !e.input.Barred[j] && e.input.Registered[j] < e.input.LastUpdate[uid]
}

// fits tells whether weights lowered to top keep the largest within limit: top · 65,535 ≤ limit · Σ min(v, top). Where it
// holds for one top it holds for all lower ones.
func fits(row yuma.Row, top, limit uint64) bool {
	var sum uint64
	for k := range row.Len() {
		_, value := row.At(k)
		sum += min(uint64(value), top)
	}
	return top*math.MaxUint16 <= limit*sum
}
