package yuma

// A phase is one of the parts of an epoch that workers share.
type phase int

const (
	phaseRows phase = iota
	phaseColumns
	phaseDividends
)

// worker computes a contiguous range of columns in its own scratch. Workers
// share nothing that any of them writes, apart from the elements of per-uid
// vectors that belong to their rows or columns and their own stretches of the
// arena.
type worker struct {
	run         *Runner
	index       int
	task        func() // what the worker's goroutine runs
	first, last int    // columns, half open

	tidied  Row // rows that were read in another form than they came in
	inOrder Row
	order   []uint64

	tile    tile
	table   []seat   // by seat
	segment []int    // by seat: where the worker's part of the new bonds begins
	earned  []uint64 // by seat: Σ En·I over the worker's columns
	keys    []uint64 // of the median
	spare   []uint64
	weight  []uint64 // W of the column, units of 2^−32
	blend   []uint64 // Wc and then Wb
	delta   []uint64 // ΔB
	bonds   []uint64 // E of every column, as share<<16 | seat
	ends    []int    // by column of the range: end of its bonds
	sums    []uint64 // by column of the range: Σ E
}

// seat is what the formulas of a column need of one row, all in one place.
type seat struct {
	stake uint64 // A
	voice uint64 // u
	trust uint64 // Σ Wc over the worker's columns so far
	fill  int    // where the next new bond goes in the arena
}

// prepareWorkers makes as many workers as the Runner asks for.
func (r *Runner) prepareWorkers() {
	count := max(r.Workers, 1)
	for len(r.workers) < count {
		w := &worker{run: r, index: len(r.workers)}
		w.task = func() {
			defer r.others.Done()
			w.work(r.phase)
		}
		r.workers = append(r.workers, w)
	}
	r.workers = r.workers[:count]
}

// each runs a phase on every worker and waits for all of them; the first works
// in the caller's goroutine.
func (r *Runner) each(p phase) {
	r.phase = p
	for _, w := range r.workers[1:] {
		r.others.Add(1)
		go w.task()
	}
	r.workers[0].work(p)
	r.others.Wait()
}

// work does the worker's part of a phase.
func (w *worker) work(p phase) {
	switch p {
	case phaseRows:
		w.readRows()
	case phaseColumns:
		w.computeColumns()
	case phaseDividends:
		w.sumDividends()
	}
}

// splitColumns gives every worker a range of columns with about the same number
// of entries: the boundary after k of m workers is the mean, over rows and in
// proportion to their length, of the uid at k/m of the row.
func (r *Runner) splitColumns() {
	count := len(r.workers)
	for k, w := range r.workers {
		w.first, w.last = 0, r.n
		if k > 0 {
			w.first = r.boundary(k, count)
			r.workers[k-1].last = w.first
		}
	}
}

// boundary returns the column at which worker k of count begins.
func (r *Runner) boundary(k, count int) int {
	var sum, entries uint64
	for _, i := range r.seats {
		for _, row := range [...]Row{r.rows[i].weights, r.rows[i].bonds} {
			if size := row.Len(); size > 0 {
				uid, _ := row.At(size * k / count)
				sum += uint64(uid) * uint64(size)
				entries += uint64(size)
			}
		}
	}
	if entries == 0 {
		return r.n * k / count
	}
	return int(sum / entries)
}
