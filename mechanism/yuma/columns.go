package yuma

import (
	"math/bits"
	"slices"

	"agora/mechanism/fixed"
)

// admitBonds is step 10: old bonds count on uids registered before the last
// tempo began,
//
//	last_tempo = block − tempo (0 at least) if no epoch ran before, else last_step + 1
//
// It also lists the seats, the rows that the columns consist of, and reserves
// the room for the new bonds.
func (r *Runner) admitBonds() {
	in := r.in
	r.lastTempo = in.Block - min(in.Tempo, in.Block)
	if in.LastStep != 0 {
		r.lastTempo = max(in.LastStep+1, in.LastStep) // saturates
	}
	r.seats = r.seats[:0]
	var room, weights, bonds int
	for i := range r.rows {
		row := &r.rows[i]
		row.bonds = at(in.Bonds, i, nil)
		row.start = room
		if size := row.weights.Len() + row.bonds.Len(); size > 0 {
			r.seats = append(r.seats, int32(i))
			room += staggered(size*entrySize, bytesPerLine)
		}
		weights += row.weights.Len()
		bonds += row.bonds.Len()
	}
	r.entries = max(weights, bonds)
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
	f.absolute = p.Yuma3
	f.backed = p.Yuma3 && p.StakeWeightedBonds
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
	width := w.blockWidth()
	w.prepare(width)
	for first := w.first; first < w.last; first += width {
		last := min(first+width, w.last)
		w.gather(first, last)
		for j := first; j < last; j++ {
			w.column(j, w.tile.column(j))
		}
	}
}

// blockWidth returns the number of columns to gather at once.
func (w *worker) blockWidth() int {
	r := w.run
	perColumn := r.entries/max(r.n, 1) + 1
	width := min(blockCells/perColumn, tileCells/max(len(r.seats), 1), w.last-w.first)
	return max(width, minBlock)
}

// prepare sizes the worker's scratch, reads what it needs of every seat, and puts
// the seat's cursor at the worker's first column and its new bonds behind the
// room of the columns before.
func (w *worker) prepare(width int) {
	r := w.run
	seats := len(r.seats)
	w.tile.reset(width, seats, w.last)
	w.table, w.segment = grown(w.table, seats), grown(w.segment, seats)
	w.earned = sized(w.earned, seats)
	for _, s := range []*[]uint64{&w.keys, &w.spare, &w.weight, &w.blend, &w.delta} {
		*s = grown(*s, seats)
	}
	w.ends, w.sums = grown(w.ends, w.last-w.first), grown(w.sums, w.last-w.first)
	w.bonds = w.bonds[:0]
	for k, i := range r.seats {
		row := &r.rows[i]
		cursor := cursor{weights: entrySize * row.weights.find(w.first), bonds: entrySize * row.bonds.find(w.first)}
		w.tile.cursor[k] = cursor
		w.segment[k] = row.start + cursor.weights + cursor.bonds
		w.table[k] = seat{stake: r.stake[i], voice: r.voice[i], fill: w.segment[k]}
	}
}

// gather reads a block of columns from every row. Under liquid alpha a bond
// without a weight vanishes at once; with Params.DecayAbsentBonds, and without
// liquid alpha, it decays as with a weight of zero.
func (w *worker) gather(first, last int) {
	r := w.run
	lone := !r.formula.liquid || r.params.DecayAbsentBonds
	w.tile.move(first, last)
	for k, i := range r.seats {
		w.tile.gather(k, &r.rows[i], lone)
	}
}

// column computes one column from its cells.
func (w *worker) column(j int, cells []uint64) {
	r := w.run
	var seen []uint64
	if r.observe != nil {
		seen = slices.Clone(cells)
	}
	consensus := r.formula.quorum.consensus(w.hear(cells))
	r.result.Exact.Consensus[j] = fixed.I32F32(consensus)
	if r.formula.plain(consensus) {
		r.rank[j], w.sums[j-w.first] = w.clipMoveAndStore(j, cells, consensus)
	} else {
		r.rank[j] = w.clip(cells, consensus)
		w.blendWeights(len(cells))
		w.moveBonds(cells, consensus)
		w.sums[j-w.first] = w.storeBonds(j, cells)
	}
	w.ends[j-w.first] = len(w.bonds)
	if r.observe != nil {
		r.observe(w, j, seen)
	}
}

// room returns space for count more bonds at the end of the list.
func (w *worker) room(count int) []uint64 {
	used := len(w.bonds)
	w.bonds = slices.Grow(w.bonds, count)[:used+count]
	return w.bonds[used:]
}

// hear asks every voice in a column for its score and splits them by a pivot,
// which is the first round of the median.
func (w *worker) hear(cells []uint64) ballot {
	table, keys, pivot := w.table, w.keys[:len(cells)], firstPivot(cells)>>32<<32
	low, high := 0, len(cells)-1
	var below, support int64
	for _, cell := range cells {
		voice := table[uint16(cell)].voice
		if voice == 0 {
			continue
		}
		key := medianKey(cell>>32, voice)
		_, less := bits.Sub64(key, pivot, 0)
		keys[low], keys[high] = key, key
		low += int(less)
		high += int(less) - 1
		support += int64(voice)
		below += int64(voice) & -int64(less)
	}
	return ballot{low: keys[:low], high: keys[high+1:], spare: w.spare, below: below, support: support}
}

// clip is steps 7 and 8 for one column: Wc_ij = min(W_ij, C_j), added to the
// validators' trust TV_i = Σ_j Wc_ij and to the rank R_j = Σ_i A_i·Wc_ij. W and Wc
// are left in weight and blend.
func (w *worker) clip(cells []uint64, consensus uint64) (rank uint64) {
	weight, blend := w.weight[:len(cells)], w.blend[:len(cells)]
	for k, cell := range cells {
		seat := &w.table[uint16(cell)]
		weight[k] = weightOf(cell >> 32)
		blend[k] = min(weight[k], consensus)
		seat.trust += blend[k]
		rank += fixed.Mul(seat.stake, blend[k])
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
