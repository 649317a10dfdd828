package yuma

// Observe makes the Runner show every column: the uids that weigh it, W, and ΔB
// (Yuma2 only), in units of 2^−32.
func (r *Runner) Observe(see func(j int, uids []uint16, weight, delta []uint64)) {
	r.observe = func(w *worker, j int, cells []uint32) {
		uids := make([]uint16, len(cells))
		for k, cell := range cells {
			uids[k] = uint16(cell)
		}
		see(j, uids, w.weight[:len(cells)], w.delta[:len(cells)])
	}
}
