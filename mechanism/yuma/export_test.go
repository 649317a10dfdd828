package yuma

import "agora/mechanism/fixed"

// Observe makes the Runner show every column: the uids that weigh it, W, and ΔB
// (Yuma2 only), in units of 2^−32.
func (r *Runner) Observe(see func(j int, uids []uint16, weight, delta []uint64)) {
	r.observe = func(w *worker, j int, cells []uint64) {
		uids, weight := make([]uint16, len(cells)), make([]uint64, len(cells))
		for k, cell := range cells {
			uids[k] = uint16(r.seats[uint16(cell)])
			weight[k] = weightOf(cell >> 32)
		}
		see(j, uids, weight, w.delta[:len(cells)])
	}
}

// Median runs the column's median on scores given by validators of these stakes,
// all at once and as if it were the whole column.
func Median(stake, score []fixed.I32F32, minority fixed.I32F32) fixed.I32F32 {
	q := quorum{minority: int64(minority)}
	keys := make([]uint64, 0, len(stake))
	var support int64
	for i, s := range stake {
		q.total += int64(s)
		if s > 0 && score[i] > 0 {
			keys = append(keys, medianKey(scoreOf(uint64(score[i])), uint64(s)))
			support += int64(s)
		}
	}
	return fixed.I32F32(q.consensus(ballot{high: keys, spare: make([]uint64, len(keys)), support: support}))
}

// Weight divides a value of a row by the row's sum, in units of 2^−32.
func Weight(v, sum uint64) uint64 { return weightOf(newRowSum(sum).score(v)) }
