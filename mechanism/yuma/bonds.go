package yuma

import (
	"encoding/binary"
	"math/bits"

	"agora/mechanism/fixed"
)

// plain reports whether clipMoveAndStore may compute a column: absolute bonds at
// one speed, weighted with stake, that follow the clipped weights, and none of them
// above 1 − 2^−32, so that no product needs more than 64 bits. Any other column
// takes the steps one by one.
func (f *formula) plain(consensus uint64) bool {
	const one = uint64(fixed.One)
	return f.backed && !f.liquid && f.beta == fixed.One && consensus < one && f.kept < one
}

// clipMoveAndStore is steps 7, 8, 9 and 11 up to E, and the bonds' part of step 13,
// of a plain column in one pass, where Wb is Wc:
//
//	Wc_ij = min(W_ij, C_j)   TV_i += Wc_ij   R_j += A_i·Wc_ij
//	E_ij  = a·Wc_ij + (1 − a)·B_ij
//
// It returns R and Σ_i A_i·E_ij, and notes and stores the bonds as storeBacked does.
func (w *worker) clipMoveAndStore(j int, cells []uint64, consensus uint64) (rank, sum uint64) {
	table, arena := w.table, w.run.arena
	alpha, kept := w.run.formula.alpha, w.run.formula.kept
	noted := w.room(len(cells))[:len(cells)]
	for k, cell := range cells {
		seat := &table[uint16(cell)]
		share, stake := min(cell>>32, consensus), seat.stake
		seat.trust += share
		rank += stake * share >> 32
		e := alpha*share>>32 + kept*bondOf(cell)>>32
		backed := stake * e >> 17
		noted[k] = packBond(backed, cell)
		sum += backed
		if e > 0 {
			seat.store(arena, j, e)
		}
	}
	return rank, sum
}

// packBond packs a bond and whose it is, the seat in a cell; unpack with >>16 and
// &0xffff.
func packBond(share, cell uint64) uint64 { return share<<16 | cell&0xffff }

// moveBonds is step 11 up to E of any column. It leaves E in the cells.
func (w *worker) moveBonds(cells []uint64, consensus uint64) {
	switch f := &w.run.formula; {
	case f.liquid:
		w.moveLiquidBonds(cells, consensus)
	case f.absolute:
		w.moveAbsoluteBonds(cells)
	default:
		w.moveRelativeBonds(cells)
	}
}

// moveAbsoluteBonds computes the bonds of Yuma3, in [0, 1], which follow the
// weights:
//
//	E_ij = a·Wb_ij + (1 − a)·B_ij,   B = bond/65535
func (w *worker) moveAbsoluteBonds(cells []uint64) {
	f := &w.run.formula
	for k, cell := range cells {
		e := fixed.Mul(f.alpha, w.blend[k]) + fixed.Mul(f.kept, bondOf(cell))
		cells[k] = packBond(e, cell)
	}
}

// moveLiquidBonds moves every bond at its own speed. A pair whose weight step 7
// or 9 removed loses its bond at once; with Params.DecayAbsentBonds it decays as
// a weight of zero would.
func (w *worker) moveLiquidBonds(cells []uint64, consensus uint64) {
	f, decay := &w.run.formula, w.run.params.DecayAbsentBonds
	for k, cell := range cells {
		var e uint64
		if decay || f.staysEntry(w.weight[k], w.blend[k]) {
			e = f.curve.move(consensus, w.blend[k], uint16(cell>>16))
		}
		cells[k] = packBond(e, cell)
	}
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
func (w *worker) moveRelativeBonds(cells []uint64) {
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
		cells[k] = packBond(e, cell)
	}
}

// storeBonds notes the new bonds for the dividends and appends those above zero to
// their rows: under Yuma3 as they are, under Yuma2 E / Σ_i E relative to the
// greatest of the column. It returns the sum of what it noted, which is E or, with
// Params.StakeWeightedBonds, A·E.
func (w *worker) storeBonds(j int, bonds []uint64) (sum uint64) {
	switch f := &w.run.formula; {
	case !f.absolute:
		return w.storeRelative(j, bonds)
	case f.backed:
		return w.storeBacked(j, bonds)
	}
	noted := w.room(len(bonds))[:len(bonds)]
	table, arena := w.table, w.run.arena
	for k, bond := range bonds {
		noted[k] = bond
		share := bond >> 16
		if share == 0 {
			continue
		}
		sum += share
		table[uint16(bond)].store(arena, j, share)
	}
	return sum
}

// storeBacked does that with Params.StakeWeightedBonds and returns Σ_i A_i·E_ij. A_i·E_ij
// is noted in units of 2^−47, the finest that leaves room for the seat: a small
// stake times a small bond would be nothing in units of 2^−32.
func (w *worker) storeBacked(j int, bonds []uint64) (sum uint64) {
	noted := w.room(len(bonds))[:len(bonds)]
	table, arena := w.table, w.run.arena
	for k, bond := range bonds {
		share, seat := bond>>16, &table[uint16(bond)]
		hi, lo := bits.Mul64(seat.stake, share)
		backed := hi<<47 | lo>>17
		noted[k] = packBond(backed, bond)
		sum += backed
		if share > 0 {
			seat.store(arena, j, share)
		}
	}
	return sum
}

// storeRelative does that under Yuma2.
func (w *worker) storeRelative(j int, bonds []uint64) (sum uint64) {
	var greatest uint64
	for _, bond := range bonds {
		sum += bond >> 16
		greatest = max(greatest, bond>>16)
	}
	divisor := fixed.NewDivisor(sum)
	scale := fixed.NewDivisor(divisor.Quotient(greatest))
	for _, bond := range bonds {
		if bond>>16 > 0 {
			w.table[uint16(bond)].store(w.run.arena, j, scale.Quotient(divisor.Quotient(bond>>16)))
		}
	}
	copy(w.room(len(bonds)), bonds)
	return sum
}

// store appends a bond on j to the seat's row, as u16 rounded down.
func (s *seat) store(arena []byte, j int, share uint64) {
	to := s.fill
	binary.LittleEndian.PutUint32(arena[to:to+entrySize], uint32(share*65535>>32<<16)|uint32(j))
	s.fill = to + entrySize
}
