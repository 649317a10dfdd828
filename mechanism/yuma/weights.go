package yuma

import (
	"math"
	"slices"
)

// admitWeights is the first half of step 5: whose weights count, and how far they
// reach. Weight (i, j) counts if i held a permit, j is not i itself, and the
// weights of i are younger than the registration of j:
//
//	registered_j < last_update_i  and, under commit–reveal,  registered_j ≤ commit_i
//
// The worker that reads a row removes the entries that do not count.
func (r *Runner) admitWeights() {
	r.limitColumns()
	for i := range r.rows {
		row := &r.rows[i]
		row.keep = r.result.Permit[i]
		row.weights = nil
		if r.permitted(i) {
			row.weights = at(r.in.Weights, i, nil)
		}
		row.reach = r.reach(i)
		row.self = int32(i)
		if i == r.owner {
			row.self = nobody
		}
	}
}

// nobody is the uid of no row.
const nobody = -1

// limitColumns sets the block that weights on each uid must outreach.
func (r *Runner) limitColumns() {
	copy(r.limit, r.in.Registered)
	r.youngest = 0
	for j := range r.limit {
		if at(r.in.Barred, j, false) {
			r.limit[j] = math.MaxUint64
		}
		r.youngest = max(r.youngest, r.limit[j])
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

// readRows leaves in the worker's share of rows what counts, in order, and
// prepares the second half of step 5, W_ij = v_ij / Σ_j v_ij.
func (w *worker) readRows() {
	r := w.run
	w.tidied = w.tidied[:0]
	for _, i := range w.portion(r.seats) {
		row := &r.rows[i]
		var sum uint64
		row.weights, sum = w.readRow(row.weights, row.reach, row.self)
		row.sum = newRowSum(sum)
		if r.lastTempo <= r.youngest || !row.bonds.columnsOf(row.weights) {
			row.bonds, _ = w.readRow(row.bonds, r.lastTempo, nobody)
		}
	}
}

// portion returns the worker's part of a list.
func (w *worker) portion(uids []int32) []int32 {
	count := len(w.run.workers)
	return uids[len(uids)*w.index/count : len(uids)*(w.index+1)/count]
}

// readRow returns the entries of a row that count, uids ascending, and the sum of
// their values: the row itself where it needs no change, else a copy. An entry
// counts on a uid that exists, is not self and was limited before reach.
func (w *worker) readRow(row Row, reach uint64, self int32) (Row, uint64) {
	r := w.run
	row = row[:row.Len()*entrySize]
	sum, ascending := row.scan()
	if ascending && reach > r.youngest && row.within(r.n) && !row.names(self) {
		return row, sum
	}
	if !ascending {
		row = w.sorted(row)
	}
	start := len(w.tidied)
	sum = 0
	for k := range row.Len() {
		j, value := row.At(k)
		if int(j) < r.n && r.limit[j] < reach && int32(j) != self {
			w.tidied = w.tidied.Append(j, value)
			sum += uint64(value)
		}
	}
	return w.tidied[start:], sum
}

// sorted returns a row in the worker's scratch with its uids ascending; of equal
// uids the last entry counts.
func (w *worker) sorted(row Row) Row {
	w.order, w.inOrder = w.order[:0], w.inOrder[:0]
	for k := range row.Len() {
		j, value := row.At(k)
		w.order = append(w.order, uint64(j)<<48|uint64(uint32(k))<<16|uint64(value))
	}
	slices.Sort(w.order)
	for k, entry := range w.order {
		if k+1 == len(w.order) || w.order[k+1]>>48 != entry>>48 {
			w.inOrder = w.inOrder.Append(uint16(entry>>48), uint16(entry))
		}
	}
	return w.inOrder
}
