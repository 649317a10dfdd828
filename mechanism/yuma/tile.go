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

// tile is a block of columns gathered from packed rows. Column j of the block
// holds cells[(j−first)·height:end[j]], seats ascending.
type tile struct {
	cells       []uint64
	end         []int    // by column up to the last of the block
	cursor      []cursor // by seat
	first, last int      // columns, half open
	height      int
}

// cursor is how far a seat's rows have been read, in bytes.
type cursor struct {
	weights, bonds int
}

// A cell of a column is score<<32 | bond<<16 | seat: the weight W as a score, the
// old bond (u16), and whose they are.

// bondOf returns the old bond in a cell, as a share.
func bondOf(cell uint64) uint64 { return uint64(fixed.Share(uint16(cell >> 16))) }

// reset prepares the tile for blocks of the given width over so many seats, in
// columns below last.
func (t *tile) reset(width, seats, last int) {
	t.height = staggered(seats, cellsPerLine)
	t.cells = grown(t.cells, width*t.height)
	t.end = grown(t.end, last)
	t.cursor = grown(t.cursor, seats)
}

// move empties the tile and puts it over other columns.
func (t *tile) move(first, last int) {
	t.first, t.last = first, last
	for j := first; j < last; j++ {
		t.end[j] = (j - first) * t.height
	}
}

// column returns the cells of column j.
func (t *tile) column(j int) []uint64 { return t.cells[(j-t.first)*t.height : t.end[j]] }

// gather reads the weights and old bonds of one seat that lie in the block, both
// in the order of uids. It is the second half of step 5, W_ij = v_ij / Σ_j v_ij. A
// bond without a weight counts only where lone.
func (t *tile) gather(seat int, row *row, lone bool) {
	cursor, weights, bonds := &t.cursor[seat], row.weights, row.bonds
	for {
		at, next := cursor.weights, cursor.bonds
		w, b := columnAt(weights, at), columnAt(bonds, next)
		switch {
		case min(w, b) >= t.last:
			return
		case w == b:
			size := t.gatherInStep(seat, weights[at:], bonds[next:], row.sum)
			cursor.weights, cursor.bonds = at+size, next+size
		case w < b:
			cursor.weights += t.gatherWeights(seat, weights[at:], row.sum, min(b, t.last))
		default:
			if _, bond := bonds.At(next / entrySize); lone {
				t.cells[t.end[b]] = uint64(bond)<<16 | uint64(seat)
				t.end[b]++
			}
			cursor.bonds += entrySize
		}
	}
}

// gatherWeights gathers weights without bonds on the columns below last. It
// returns how many bytes it read.
func (t *tile) gatherWeights(seat int, weights Row, sum rowSum, last int) int {
	cells, ends, whose := t.cells, t.end[:last], uint64(seat)
	at := 0
	for ; at < len(weights); at += entrySize {
		w := binary.LittleEndian.Uint32(weights[at : at+entrySize])
		j := uint(uint16(w))
		if j >= uint(len(ends)) {
			break
		}
		end := ends[j]
		cells[end] = sum.score(uint64(w>>16))<<32 | whose
		ends[j] = end + 1
	}
	return at
}

// columnAt returns the column of the entry at a place of a row, and one beyond all
// columns at its end.
func columnAt(row Row, at int) int {
	if at >= len(row) {
		return MaxN
	}
	return int(binary.LittleEndian.Uint16(row[at:]))
}

// gatherInStep gathers as long as both rows name the same columns, as they do
// where a validator keeps grading the same miners. It returns how many bytes of
// each it read.
func (t *tile) gatherInStep(seat int, weights, bonds Row, sum rowSum) int {
	size := min(len(weights), len(bonds))
	weights, bonds = weights[:size:size], bonds[:size:size]
	cells, ends, whose := t.cells, t.end[:t.last], uint64(seat)
	at := 0
	for ; at < size; at += entrySize {
		w := binary.LittleEndian.Uint32(weights[at : at+entrySize])
		b := binary.LittleEndian.Uint32(bonds[at : at+entrySize])
		j := uint(uint16(w))
		if uint16(w) != uint16(b) || j >= uint(len(ends)) {
			break
		}
		end := ends[j]
		cells[end] = sum.score(uint64(w>>16))<<32 | uint64(b&^0xffff) | whose
		ends[j] = end + 1
	}
	return at
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
