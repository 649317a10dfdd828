package yuma

import (
	"encoding/binary"
	"math"

	"agora/mechanism/fixed"
)

// admitWeights is the first half of step 5: which rows count, how far each
// reaches, and the sum of what counts in it. The second half, the division by
// that sum, happens where a column is read.
//
// Weight (i, j) counts if i held a permit, j is not i itself, and the weights of
// i are younger than the registration of j:
//
//	registered_j < last_update_i  and, under commit–reveal,  registered_j ≤ commit_i
func (r *Runner) admitWeights() {
	r.limitColumns()
	r.voters, r.entries = r.voters[:0], 0
	for i := range r.rows {
		row := &r.rows[i]
		row.keep = r.result.Permit[i]
		row.weights = at(r.in.Weights, i, nil)
		if !r.permitted(i) || row.weights.Len() == 0 {
			row.weights = nil
			continue
		}
		row.reach = r.reach(i)
		row.self = int32(i)
		if i == r.owner {
			row.self = -1
		}
		r.voters = append(r.voters, int32(i))
		r.entries += row.weights.Len()
	}
}

// limitColumns sets the block that weights on each uid must outreach.
func (r *Runner) limitColumns() {
	copy(r.limit, r.in.Registered)
	for j := range r.limit {
		if at(r.in.Barred, j, false) {
			r.limit[j] = math.MaxUint64
		}
	}
}

// reach returns the first registration block that the weights of uid i do not
// reach.
func (r *Runner) reach(i int) uint64 {
	reach := at(r.in.LastUpdate, i, 0)
	if !r.params.CommitReveal {
		return reach
	}
	if commit := at(r.in.Commit, i, NoCommit); commit < reach {
		return commit + 1
	}
	return reach
}

// readRows puts the worker's share of rows in order and prepares the division of
// weights by the sum of their row.
func (w *worker) readRows() {
	r := w.run
	for _, i := range w.portion(r.voters) {
		row := &r.rows[i]
		sum, ascending := r.sumRow(row)
		if !ascending {
			row.weights = row.weights.ordered()
			sum, _ = r.sumRow(row)
		}
		r.sums[i] = fixed.NewDivisor(sum)
	}
	for _, i := range w.portion(r.holders) {
		r.rows[i].bonds = r.rows[i].bonds.ordered()
	}
}

// portion returns the worker's part of a list.
func (w *worker) portion(uids []int32) []int32 {
	count := len(w.run.workers)
	return uids[len(uids)*w.index/count : len(uids)*(w.index+1)/count]
}

// sumRow returns the sum of the weights of one row that count, in u16 units, and
// whether its uids ascend.
func (r *Runner) sumRow(row *row) (sum uint64, ascending bool) {
	reach, self, limit := row.reach, int(row.self), r.limit
	last := -1
	for rest := row.weights; len(rest) >= entrySize; rest = rest[entrySize:] {
		e := binary.LittleEndian.Uint32(rest)
		j := int(e & 0xffff)
		if j <= last {
			return 0, false
		}
		last = j
		if j < len(limit) && limit[j] < reach && j != self {
			sum += uint64(e >> 16)
		}
	}
	return sum, true
}
