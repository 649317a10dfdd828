package yuma

import (
	"encoding/binary"

	"agora/mechanism/fixed"
)

// plain reports whether clipAndMove may compute a column: absolute bonds at one
// speed that follow the clipped weights, in which no product needs more than 64
// bits. Any other column takes the steps one by one.
func (f *formula) plain(consensus uint64) bool {
	const one = uint64(fixed.One)
	return f.absolute && !f.liquid && f.beta == fixed.One && consensus < one && f.kept < one
}

// clipAndMove is steps 7, 8, 9 and 11 up to E of a plain column in one pass:
//
//	Wc_ij = min(W_ij, C_j)   TV_i += Wc_ij   R_j += A_i·Wc_ij
//	E_ij  = a·Wc_ij + (1 − a)·B_ij
//
// It notes every bond as share<<16 | seat and stores those above zero; sum is that
// of E.
func (w *worker) clipAndMove(j int, cells, bonds []uint64, consensus uint64) (rank, sum uint64) {
	table, arena, bonds := w.table, w.run.arena, bonds[:len(cells)]
	alpha, kept := w.run.formula.alpha, w.run.formula.kept
	for k, cell := range cells {
		seat := &table[uint16(cell)]
		share := min(cell>>32, consensus)
		seat.trust += share
		rank += seat.stake * share >> 32
		e := alpha*share>>32 + kept*bondOf(cell)>>32
		sum += e
		bonds[k] = packBond(e, cell)
		if e > 0 {
			putBond(arena, seat.fill, j, e)
			seat.fill += entrySize
		}
	}
	return rank, sum
}

// packBond packs a bond and whose it is, the seat in a cell; unpack with >>16 and
// &0xffff.
func packBond(share, cell uint64) uint64 { return share<<16 | cell&0xffff }

// putBond writes a bond on j where a row goes on, as u16 rounded down.
func putBond(arena []byte, to, j int, share uint64) {
	binary.LittleEndian.PutUint32(arena[to:to+entrySize], uint32(share*65535>>32<<16)|uint32(j))
}

// moveBonds is step 11 up to the dividends: it stores the new bonds and notes
// those above zero.
func (w *worker) moveBonds(j int, cells []uint64, consensus uint64, bonds []uint64) (sum uint64, count int) {
	switch f := &w.run.formula; {
	case f.liquid:
		sum, count = w.moveLiquidBonds(cells, consensus, bonds)
	case f.absolute:
		sum, count = w.moveAbsoluteBonds(cells, bonds)
	default:
		sum, count = w.moveRelativeBonds(cells, bonds)
		w.storeRelative(j, bonds[:count], sum)
		return sum, count
	}
	for _, bond := range bonds[:count] {
		w.storeBond(j, bond, bond>>16)
	}
	return sum, count
}

// storeBond appends a bond on j to its row.
func (w *worker) storeBond(j int, bond, share uint64) {
	seat := &w.table[uint16(bond)]
	putBond(w.run.arena, seat.fill, j, share)
	seat.fill += entrySize
}

// moveAbsoluteBonds computes the bonds of Yuma3, in [0, 1], which follow the
// weights:
//
//	E_ij = a·Wb_ij + (1 − a)·B_ij,   B = bond/65535
func (w *worker) moveAbsoluteBonds(cells, bonds []uint64) (sum uint64, count int) {
	f := &w.run.formula
	for k, cell := range cells {
		e := fixed.Mul(f.alpha, w.blend[k]) + fixed.Mul(f.kept, bondOf(cell))
		count += note(bonds, count, cell, e)
		sum += e
	}
	return sum, count
}

// note puts a bond at the end of those noted and returns 1 if it stays there, 0
// if it is zero.
func note(bonds []uint64, count int, cell, share uint64) int {
	bonds[count] = packBond(share, cell)
	if share == 0 {
		return 0
	}
	return 1
}

// moveLiquidBonds moves every bond at its own speed. A pair whose weight step 7
// or 9 removed loses its bond at once; with Params.DecayAbsentBonds it decays as
// a weight of zero would.
func (w *worker) moveLiquidBonds(cells []uint64, consensus uint64, bonds []uint64) (sum uint64, count int) {
	f, decay := &w.run.formula, w.run.params.DecayAbsentBonds
	for k, cell := range cells {
		if !decay && !f.staysEntry(w.weight[k], w.blend[k]) {
			continue
		}
		e := f.curve.move(consensus, w.blend[k], uint16(cell>>16))
		count += note(bonds, count, cell, e)
		sum += e
	}
	return sum, count
}

// staysEntry reports whether a weight is still an entry after steps 7 and 9:
// clipping to zero removes it, an explicit zero stays, and a blend of both keeps
// only what is positive.
func (f *formula) staysEntry(weight, blend uint64) bool {
	pure := f.beta == fixed.Zero || f.beta == fixed.One
	return blend > 0 || pure && weight == 0
}

// moveRelativeBonds computes the bonds of Yuma2, shares of the column:
//
//	E_ij = a·ΔB_ij + (1 − a)·B_ij,   ΔB = A_i·Wb_ij / Σ_i,   B = bond / Σ_i
func (w *worker) moveRelativeBonds(cells, bonds []uint64) (sum uint64, count int) {
	f, delta := &w.run.formula, w.delta[:len(cells)]
	var sumOld, sumNew uint64
	for k, cell := range cells {
		delta[k] = fixed.Mul(w.table[uint16(cell)].stake, w.blend[k])
		sumNew += delta[k]
		sumOld += cell >> 16 & 0xffff
	}
	newShare, oldShare := fixed.NewDivisor(sumNew), fixed.NewDivisor(sumOld)
	for k, cell := range cells {
		delta[k] = newShare.Quotient(delta[k])
		e := fixed.Mul(f.alpha, delta[k]) + fixed.Mul(f.kept, oldShare.Quotient(cell>>16&0xffff))
		count += note(bonds, count, cell, e)
		sum += e
	}
	return sum, count
}

// storeRelative stores the bonds of Yuma2: E / Σ_i E relative to the greatest of
// the column.
func (w *worker) storeRelative(j int, bonds []uint64, sum uint64) {
	divisor := fixed.NewDivisor(sum)
	var greatest uint64
	for _, bond := range bonds {
		greatest = max(greatest, bond>>16)
	}
	scale := fixed.NewDivisor(divisor.Quotient(greatest))
	for _, bond := range bonds {
		w.storeBond(j, bond, scale.Quotient(divisor.Quotient(bond>>16)))
	}
}
