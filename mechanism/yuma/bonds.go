package yuma

import (
	"encoding/binary"
	"slices"

	"agora/mechanism/fixed"
)

// matchBonds pairs the column's weights with its old bonds, both ordered by uid:
// it returns the bond (u16) behind each weight, 0 without one, and the cells of
// the bonds that have no weight.
func (w *worker) matchBonds(weights, bonds []uint32) (old []uint16, lone []uint32) {
	old, lone = w.old[:len(weights)], w.lone
	next, count := 0, 0
	for k, cell := range weights {
		i := cell & 0xffff
		for next < len(bonds) && bonds[next]&0xffff < i {
			lone[count] = bonds[next]
			count++
			next++
		}
		old[k] = 0
		if next < len(bonds) && bonds[next]&0xffff == i {
			old[k] = uint16(bonds[next] >> 16)
			next++
		}
	}
	count += copy(lone[count:], bonds[next:])
	return old, lone[:count]
}

// packBond packs a bond of uid i; unpack with >>16 and &0xffff.
func packBond(share uint64, i uint16) uint64 { return share<<16 | uint64(i) }

// moveAbsoluteBonds is step 11 of Yuma3 up to E: bonds in [0, 1] that follow the
// weights,
//
//	E_ij = a·Wb_ij + (1 − a)·B_ij,   B = bond/65535
//
// keeping what is positive. It returns E and its sum over the column.
func (w *worker) moveAbsoluteBonds(weights, bonds []uint32, consensus uint64) (moved []uint64, sum uint64) {
	f := &w.run.formula
	if f.liquid {
		return w.moveLiquidBonds(weights, bonds, consensus)
	}
	if consensus == 0 && f.beta == fixed.One { // no Wb is positive
		return w.decayBonds(w.moved, 0, 0, bonds)
	}
	old, lone := w.matchBonds(weights, bonds)
	blend, moved := w.blend[:len(weights)], w.moved
	alpha, kept, count := f.alpha, f.kept, 0
	for k, cell := range weights {
		e := fixed.Mul(alpha, blend[k]) + fixed.Mul(kept, uint64(fixed.Share(old[k])))
		moved[count] = packBond(e, uint16(cell))
		sum += e
		if e > 0 {
			count++
		}
	}
	return w.decayBonds(moved, count, sum, lone)
}

// decayBonds adds to count bonds and their sum those without a weight,
// E = (1 − a)·B.
func (w *worker) decayBonds(moved []uint64, count int, sum uint64, lone []uint32) ([]uint64, uint64) {
	kept := w.run.formula.kept
	for _, cell := range lone {
		e := fixed.Mul(kept, uint64(fixed.Share(uint16(cell>>16))))
		moved[count] = packBond(e, uint16(cell))
		sum += e
		if e > 0 {
			count++
		}
	}
	return moved[:count], sum
}

// moveLiquidBonds moves every bond at its own speed. A pair without a
// weight, or whose weight step 7 or 9 removed, loses its bond at once; with
// Params.DecayAbsentBonds it decays as a weight of zero would.
func (w *worker) moveLiquidBonds(weights, bonds []uint32, consensus uint64) (moved []uint64, sum uint64) {
	f, decay := &w.run.formula, w.run.params.DecayAbsentBonds
	old, lone := w.matchBonds(weights, bonds)
	moved = w.moved[:0]
	for k, cell := range weights {
		if !decay && !f.staysEntry(w.weight[k], w.blend[k]) {
			continue
		}
		if e := f.curve.move(consensus, w.blend[k], old[k]); e > 0 {
			moved = append(moved, packBond(e, uint16(cell)))
			sum += e
		}
	}
	if !decay {
		return moved, sum
	}
	for _, cell := range lone {
		if e := f.curve.move(consensus, 0, uint16(cell>>16)); e > 0 {
			moved = append(moved, packBond(e, uint16(cell)))
			sum += e
		}
	}
	return moved, sum
}

// staysEntry reports whether a weight is still an entry after steps 7 and 9:
// clipping to zero removes it, an explicit zero stays, and a blend of both keeps
// only what is positive.
func (f *formula) staysEntry(weight, blend uint64) bool {
	pure := f.beta == fixed.Zero || f.beta == fixed.One
	return blend > 0 || pure && weight == 0
}

// keepAbsoluteBonds stores E and, where the column pays, notes its normalised
// form En = E / Σ_i E for the dividends.
func (w *worker) keepAbsoluteBonds(j int, moved []uint64, sum uint64, pays bool) {
	arena, fill := w.arena, w.fill
	for _, bond := range moved {
		write(arena, fill, j, uint16(bond), bond>>16)
	}
	if !pays {
		return
	}
	divisor := fixed.NewDivisor(sum)
	shares := w.room(len(moved))[:len(moved)]
	for k, bond := range moved {
		shares[k] = packBond(divisor.Quotient(bond>>16), uint16(bond))
	}
}

// room returns space for count more shares at the end of the list.
func (w *worker) room(count int) []uint64 {
	used := len(w.shares)
	w.shares = slices.Grow(w.shares, count)[:used+count]
	return w.shares[used:]
}

// moveRelativeBonds is step 11 of Yuma2 up to E: shares of the column,
//
//	E_ij = a·ΔB_ij + (1 − a)·B_ij,   ΔB = A_i·Wb_ij / Σ_i,   B = bond / Σ_i
//
// keeping what is positive. It returns E and its sum over the column.
func (w *worker) moveRelativeBonds(weights, bonds []uint32) (moved []uint64, sum uint64) {
	f := &w.run.formula
	var sumOld uint64
	for _, cell := range bonds {
		sumOld += uint64(cell >> 16)
	}
	share := fixed.NewDivisor(sumOld)
	w.newBonds(weights)
	old, lone := w.matchBonds(weights, bonds)
	moved = w.moved[:0]
	for k, cell := range weights {
		e := fixed.Mul(f.alpha, w.delta[k]) + fixed.Mul(f.kept, share.Quotient(uint64(old[k])))
		if e > 0 {
			moved = append(moved, packBond(e, uint16(cell)))
			sum += e
		}
	}
	for _, cell := range lone {
		if e := fixed.Mul(f.kept, share.Quotient(uint64(cell>>16))); e > 0 {
			moved = append(moved, packBond(e, uint16(cell)))
			sum += e
		}
	}
	return moved, sum
}

// newBonds computes ΔB of the column.
func (w *worker) newBonds(weights []uint32) {
	stake, delta := w.run.stake, w.delta[:len(weights)]
	var sum uint64
	for k, cell := range weights {
		delta[k] = fixed.Mul(stake[uint16(cell)], w.blend[k])
		sum += delta[k]
	}
	share := fixed.NewDivisor(sum)
	for k := range delta {
		delta[k] = share.Quotient(delta[k])
	}
}

// keepRelativeBonds normalises E for the dividends, E / Σ_i E, and stores it
// relative to the greatest of the column.
func (w *worker) keepRelativeBonds(j int, moved []uint64, sum uint64) {
	divisor := fixed.NewDivisor(sum)
	shares := w.room(len(moved))
	var greatest uint64
	for k, bond := range moved {
		share := divisor.Quotient(bond >> 16)
		greatest = max(greatest, share)
		shares[k] = packBond(share, uint16(bond))
	}
	scale := fixed.NewDivisor(greatest)
	for _, bond := range shares {
		write(w.arena, w.fill, j, uint16(bond), scale.Quotient(bond>>16))
	}
}

// write appends the bond of uid i on j to the new rows, as u16 rounded down. fill
// holds where each row goes on, −1 for a row that is not kept.
func write(arena []byte, fill []int, j int, i uint16, share uint64) {
	to := fill[i]
	if to < 0 {
		return
	}
	fill[i] = to + entrySize
	binary.LittleEndian.PutUint32(arena[to:to+entrySize], uint32(share*65535>>32<<16)|uint32(j))
}
