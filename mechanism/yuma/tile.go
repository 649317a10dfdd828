package yuma

import (
	"encoding/binary"

	"agora/mechanism/fixed"
)

// A block of columns is as wide as keeps about blockCells cells in the
// processor's cache, at least minBlock so that rows are not visited for nothing,
// and no wider than tileCells allow if every cell were filled.
const (
	blockCells = 1 << 14
	minBlock   = 16
	tileCells  = 1 << 20
)

// tile is a block of columns gathered from packed rows. Column c of the block
// holds cells[c·height:end[c]], seats ascending.
type tile struct {
	cells  []uint64
	end    []int
	cursor []cursor // by seat
	height int
}

// cursor is how far a seat's rows have been read, in bytes.
type cursor struct {
	weights, bonds int
}

// A cell of a column is score<<32 | bond<<16 | seat: the weight W as a score, the
// old bond (u16), and whose they are.
// bondOf returns the old bond in a cell, as a share.
func bondOf(cell uint64) uint64 { return uint64(fixed.Share(uint16(cell >> 16))) }

// reset prepares the tile for blocks of the given width over so many seats.
func (t *tile) reset(width, seats int) {
	t.height = staggered(seats, cellsPerLine)
	t.cells = grown(t.cells, width*t.height)
	t.end = grown(t.end, width)
	t.cursor = grown(t.cursor, seats)
}

// gather reads the weights and old bonds of one seat that lie in the block, whose
// first column is first, both in the order of uids. It is the second half of step
// 5, W_ij = v_ij / Σ_j v_ij. A bond without a weight counts only where lone.
func (t *tile) gather(seat int, row *row, first uint, lone bool) {
	weights, bonds, sum, whose := row.weights, row.bonds, row.sum, uint64(seat)
	at, next := t.cursor[seat].weights, t.cursor[seat].bonds
	cells, ends := t.cells, t.end
	for at < len(weights) && next < len(bonds) {
		w := binary.LittleEndian.Uint32(weights[at : at+entrySize])
		b := binary.LittleEndian.Uint32(bonds[next : next+entrySize])
		c := uint(min(w&0xffff, b&0xffff)) - first
		if c >= uint(len(ends)) {
			break
		}
		cell, end := whose, ends[c]
		switch {
		case uint16(w) == uint16(b):
			cell |= sum.score(uint64(w>>16))<<32 | uint64(b&^0xffff)
			at += entrySize
			next += entrySize
		case uint16(w) < uint16(b):
			cell |= sum.score(uint64(w>>16)) << 32
			at += entrySize
		default:
			cell |= uint64(b &^ 0xffff)
			next += entrySize
			if !lone {
				continue
			}
		}
		cells[end] = cell
		ends[c] = end + 1
	}
	for at < len(weights) {
		w := binary.LittleEndian.Uint32(weights[at : at+entrySize])
		c := uint(w&0xffff) - first
		if c >= uint(len(ends)) {
			break
		}
		cells[ends[c]] = sum.score(uint64(w>>16))<<32 | whose
		ends[c]++
		at += entrySize
	}
	for next < len(bonds) {
		b := binary.LittleEndian.Uint32(bonds[next : next+entrySize])
		c := uint(b&0xffff) - first
		if c >= uint(len(ends)) {
			break
		}
		if lone {
			cells[ends[c]] = uint64(b&^0xffff) | whose
			ends[c]++
		}
		next += entrySize
	}
	t.cursor[seat] = cursor{weights: at, bonds: next}
}

// column returns the cells of column c of the block.
func (t *tile) column(c int) []uint64 { return t.cells[c*t.height : t.end[c]] }

// clear empties the block and sets its width.
func (t *tile) clear(width int) {
	t.end = t.end[:width]
	for c := range t.end {
		t.end[c] = c * t.height
	}
}

// grown returns s with length n, reusing its memory; the elements are arbitrary.
func grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// Cells and bytes in a line of the processor's cache.
const (
	cellsPerLine = 8
	bytesPerLine = 64
)

// staggered rounds a stride up to an odd number of cache lines, so that equal
// offsets of neighbours do not compete for the same places in the cache.
func staggered(stride, line int) int { return ((stride+line-1)/line | 1) * line }
