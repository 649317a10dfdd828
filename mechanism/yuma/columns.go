package yuma

import "agora/mechanism/fixed"

// admitBonds is step 10: old bonds count on uids registered before the last
// tempo began,
//
//	last_tempo = block − tempo (0 at least) if no epoch ran before, else last_step + 1
//
// and it reserves the room for the new ones.
func (r *Runner) admitBonds() {
	in := r.in
	r.formula.lastTempo = in.Block - min(in.Tempo, in.Block)
	if in.LastStep != 0 {
		r.formula.lastTempo = max(in.LastStep+1, in.LastStep) // saturates
	}
	r.holders = r.holders[:0]
	room, bonds := 0, 0
	for i := range r.rows {
		row := &r.rows[i]
		row.bonds = at(in.Bonds, i, nil)
		bonds += row.bonds.Len()
		if row.bonds.Len() > 0 {
			r.holders = append(r.holders, int32(i))
		}
		row.start = room
		if row.keep {
			room += staggered((row.weights.Len()+row.bonds.Len())*entrySize, bytesPerLine)
		}
	}
	r.entries = max(r.entries, bonds)
	r.arenas[r.turn] = grown(r.arenas[r.turn], room)
	r.arena = r.arenas[r.turn]
}

// computeColumns runs steps 5 to 11 up to the dividends, column by column.
// Liquid alpha is defined only where some weight found consensus; where none
// did, the columns are computed again without it.
func (r *Runner) computeColumns() {
	r.prepareFormula()
	r.splitColumns()
	r.each(phaseColumns)
	if r.formula.liquid && !r.anyConsensus() {
		r.formula.liquid = false
		r.each(phaseColumns)
	}
}

// prepareFormula turns the parameters into shares.
func (r *Runner) prepareFormula() {
	p, f := &r.params, &r.formula
	alpha := p.alpha()
	f.quorum = newQuorum(r.stake, r.voice, p.Kappa)
	f.beta = fixed.Share(p.BondsPenalty)
	f.alpha, f.kept = uint64(alpha), uint64(fixed.One.Sub(alpha))
	f.liquid = p.Yuma3 && p.LiquidAlpha
	f.curve = newLiquidCurve(p)
}

// anyConsensus reports whether any C_j is above zero.
func (r *Runner) anyConsensus() bool {
	for _, c := range r.result.Exact.Consensus {
		if c != 0 {
			return true
		}
	}
	return false
}

// computeColumns computes the worker's range, a block of columns at a time.
func (w *worker) computeColumns() {
	r := w.run
	w.prepare()
	width := w.blockWidth()
	w.weights.reset(width, len(r.voters))
	w.bonds.reset(width, len(r.holders))
	w.seek()
	for first := w.first; first < w.last; first += width {
		last := min(first+width, w.last)
		w.gather(first, r.limit[first:last])
		for j := first; j < last; j++ {
			w.column(j, w.weights.column(j-first), w.bonds.column(j-first))
		}
	}
}

// blockWidth returns the number of columns to gather at once.
func (w *worker) blockWidth() int {
	r := w.run
	rows := max(len(r.voters), len(r.holders), 1)
	perColumn := r.entries/max(r.n, 1) + 1
	width := min(blockCells/perColumn, tileCells/rows, w.last-w.first)
	return max(width, minBlock)
}

// prepare sizes the worker's scratch.
func (w *worker) prepare() {
	r := w.run
	rows := len(r.voters) + len(r.holders)
	w.trust, w.earned = sized(w.trust, r.n), sized(w.earned, r.n)
	w.fill, w.segment = grown(w.fill, r.n), grown(w.segment, r.n)
	w.weight, w.blend = grown(w.weight, len(r.voters)), grown(w.blend, len(r.voters))
	w.delta = grown(w.delta, len(r.voters))
	w.keys, w.spare = grown(w.keys, len(r.voters)), grown(w.spare, len(r.voters))
	w.old, w.lone = grown(w.old, len(r.voters)), grown(w.lone, len(r.holders))
	w.moved = grown(w.moved, rows+1) // and one that may turn out not to count
	w.arena = r.arena
	w.ends = grown(w.ends, w.last-w.first)
	w.shares = w.shares[:0]
}

// seek puts every row's cursor at the worker's first column and its new bonds
// behind the room of the columns before.
func (w *worker) seek() {
	r := w.run
	for _, uids := range [][]int32{r.voters, r.holders} {
		for _, i := range uids {
			w.fill[i] = r.rows[i].start
		}
	}
	for k, i := range r.voters {
		w.fill[i] += entrySize * w.weights.seek(k, r.rows[i].weights, w.first)
	}
	for k, i := range r.holders {
		w.fill[i] += entrySize * w.bonds.seek(k, r.rows[i].bonds, w.first)
	}
	for _, uids := range [][]int32{r.voters, r.holders} {
		for _, i := range uids {
			if !r.rows[i].keep {
				w.fill[i] = -1
			}
			w.segment[i] = w.fill[i]
		}
	}
}

// gather reads a block of columns from every row.
func (w *worker) gather(first int, limit []uint64) {
	r := w.run
	w.weights.clear()
	w.bonds.clear()
	for k, i := range r.voters {
		row := &r.rows[i]
		w.weights.gather(k, row.weights, i, row.reach, int(row.self), first, limit)
	}
	for k, i := range r.holders {
		w.bonds.gather(k, r.rows[i].bonds, i, r.formula.lastTempo, -1, first, limit)
	}
}

// column computes one column from its weights and old bonds, value<<16 | uid.
func (w *worker) column(j int, weights, bonds []uint32) {
	r := w.run
	keys, support := w.normalizeWeights(weights)
	consensus := r.formula.quorum.consensus(keys, w.spare, r.voice, support)
	rank := w.clip(weights, consensus)
	w.blendWeights(len(weights))
	if r.params.Yuma3 {
		moved, sum := w.moveAbsoluteBonds(weights, bonds, consensus)
		w.keepAbsoluteBonds(j, moved, sum, rank > 0)
	} else {
		moved, sum := w.moveRelativeBonds(weights, bonds)
		w.keepRelativeBonds(j, moved, sum)
	}
	w.ends[j-w.first] = len(w.shares)
	r.result.Exact.Consensus[j] = fixed.I32F32(consensus)
	r.rank[j] = rank
	if r.observe != nil {
		r.observe(w, j, weights)
	}
}

// normalizeWeights is the second half of step 5, W_ij = v_ij / Σ_j v_ij. It
// returns the median keys of positive weights that stake stands behind, and the
// sum of that stake.
func (w *worker) normalizeWeights(cells []uint32) (keys []uint64, support int64) {
	voice, sums, count := w.run.voice, w.run.sums, 0
	weight, keys := w.weight[:len(cells)], w.keys[:len(cells)]
	for k, cell := range cells {
		share := sums[uint16(cell)].Quotient(uint64(cell >> 16))
		weight[k] = share
		if u := voice[uint16(cell)]; share != 0 && u != 0 {
			keys[count] = medianKey(share, cell&0xffff)
			count++
			support += int64(u)
		}
	}
	return keys[:count], support
}

// clip is steps 7 and 8 for one column: Wc_ij = min(W_ij, C_j), added to the
// validators' trust TV_i = Σ_j Wc_ij and to the rank R_j = Σ_i A_i·Wc_ij. The
// clipped weights are left in blend.
func (w *worker) clip(cells []uint32, consensus uint64) (rank uint64) {
	blend, weight := w.blend[:len(cells)], w.weight[:len(cells)]
	if consensus == 0 {
		clear(blend)
		return 0
	}
	stake, trust := w.run.stake, w.trust
	for k, cell := range cells {
		i := uint16(cell)
		share := min(weight[k], consensus)
		blend[k] = share
		trust[i] += share
		rank += fixed.Mul(stake[i], share)
	}
	return rank
}

// blendWeights is step 9: Wb = W + beta·(Wc − W), which is Wc for beta = 1.
func (w *worker) blendWeights(count int) {
	beta := w.run.formula.beta
	if beta == fixed.One {
		return
	}
	for k, full := range w.weight[:count] {
		clipped := fixed.I32F32(w.blend[k])
		w.blend[k] = uint64(fixed.I32F32(full) + beta.Mul(clipped-fixed.I32F32(full)))
	}
}
