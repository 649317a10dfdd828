package yuma

import (
	"encoding/binary"

	"agora/mechanism/fixed"
)

// moveAbsoluteBonds is step 11 of Yuma3 up to E: bonds in [0, 1] that follow the
// weights,
//
//	E_ij = a·Wb_ij + (1 − a)·B_ij
//
// with a = alpha for every pair, or a_ij under liquid alpha.
func (w *worker) moveAbsoluteBonds(weights, bonds []uint32, consensus uint64) {
	f := &w.run.formula
	w.fresh, w.freshSum = w.fresh[:0], 0
	for _, cell := range bonds {
		w.old[cell&0xffff] = uint64(fixed.Share(uint16(cell >> 16)))
	}
	if f.liquid {
		w.moveLiquid(weights, bonds, consensus)
		return
	}
	if consensus > 0 || f.beta != fixed.One {
		for k, cell := range weights {
			i := cell & 0xffff
			w.hold(i, fixed.Mul(f.alpha, w.blend[k])+fixed.Mul(f.kept, w.take(i)))
		}
	}
	for _, cell := range bonds {
		i := cell & 0xffff
		w.hold(i, fixed.Mul(f.kept, w.take(i)))
	}
}

// moveLiquid moves every bond at its own speed (spec 1.5). A pair without a
// weight, or whose weight step 7 or 9 removed, loses its bond at once; with
// Params.DecayAbsentBonds it decays as a weight of zero would.
func (w *worker) moveLiquid(weights, bonds []uint32, consensus uint64) {
	f := &w.run.formula
	decay := w.run.params.DecayAbsentBonds
	for k, cell := range weights {
		i := cell & 0xffff
		old := w.take(i)
		if decay || f.entryStays(w.weight[k], w.blend[k]) {
			w.hold(i, f.curve.move(consensus, w.blend[k], old))
		}
	}
	for _, cell := range bonds {
		i := cell & 0xffff
		if old := w.take(i); decay && old > 0 {
			w.hold(i, f.curve.move(consensus, 0, old))
		}
	}
}

// entryStays reports whether a weight is still an entry after steps 7 and 9:
// clipping to zero removes it, an explicit zero stays, and a blend of both keeps
// only what is positive.
func (f *formula) entryStays(weight, blend uint64) bool {
	pure := f.beta == fixed.Zero || f.beta == fixed.One
	return blend > 0 || pure && weight == 0
}

// take returns the old bond of uid i in this column and forgets it.
func (w *worker) take(i uint32) uint64 {
	old := w.old[i]
	w.old[i] = 0
	return old
}

// hold notes a new bond of uid i in this column; zero is no bond.
func (w *worker) hold(i uint32, share uint64) {
	if share == 0 {
		return
	}
	w.fresh = append(w.fresh, share<<16|uint64(i))
	w.freshSum += share
}

// keepAbsoluteBonds stores E and, where the column pays, notes its normalised
// form En = E / Σ_i E for the dividends.
func (w *worker) keepAbsoluteBonds(j int, pays bool) {
	divisor := fixed.NewDivisor(w.freshSum)
	for _, bond := range w.fresh {
		w.write(j, uint32(bond&0xffff), bond>>16)
		if pays {
			w.shares = append(w.shares, divisor.Quotient(bond>>16)<<16|bond&0xffff)
		}
	}
}

// moveRelativeBonds is step 11 of Yuma2 up to E: shares of the column,
//
//	E_ij = a·ΔB_ij + (1 − a)·B_ij,   ΔB = A_i·Wb_ij / Σ_i,   B = v_ij / Σ_i
func (w *worker) moveRelativeBonds(weights, bonds []uint32) {
	f, votes := &w.run.formula, w.run.votes
	w.fresh, w.freshSum = w.fresh[:0], 0
	var sumOld, sumNew uint64
	for _, cell := range bonds {
		sumOld += uint64(cell >> 16)
	}
	share := fixed.NewDivisor(sumOld)
	for _, cell := range bonds {
		w.old[cell&0xffff] = share.Quotient(uint64(cell >> 16))
	}
	for k, cell := range weights {
		w.delta[k] = fixed.Mul(votes[cell&0xffff].stake, w.blend[k])
		sumNew += w.delta[k]
	}
	share = fixed.NewDivisor(sumNew)
	for k, cell := range weights {
		i := cell & 0xffff
		w.delta[k] = share.Quotient(w.delta[k])
		w.hold(i, fixed.Mul(f.alpha, w.delta[k])+fixed.Mul(f.kept, w.take(i)))
	}
	for _, cell := range bonds {
		i := cell & 0xffff
		w.hold(i, fixed.Mul(f.kept, w.take(i)))
	}
}

// keepRelativeBonds normalises E for the dividends, E / Σ_i E, and stores it
// relative to the greatest of the column.
func (w *worker) keepRelativeBonds(j int) {
	divisor := fixed.NewDivisor(w.freshSum)
	start := len(w.shares)
	var greatest uint64
	for _, bond := range w.fresh {
		share := divisor.Quotient(bond >> 16)
		greatest = max(greatest, share)
		w.shares = append(w.shares, share<<16|bond&0xffff)
	}
	scale := fixed.NewDivisor(greatest)
	for _, bond := range w.shares[start:] {
		w.write(j, uint32(bond&0xffff), scale.Quotient(bond>>16))
	}
}

// write appends the bond of uid i on j to the new rows, as u16 rounded down.
func (w *worker) write(j int, i uint32, share uint64) {
	to := w.fill[i]
	if to < 0 {
		return
	}
	entry := share*65535>>32<<16 | uint64(j)
	binary.LittleEndian.PutUint32(w.run.arena[to:], uint32(entry))
	w.fill[i] = to + entrySize
}
