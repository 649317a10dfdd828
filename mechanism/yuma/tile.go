package yuma

import (
	"encoding/binary"
	"math"

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
//
// A score is W in 32 bits. W is 2^32, where the row has one positive weight, or
// at most 2^32 − 2^16, so the greatest score is free to stand for 2^32.
const wholeScore = math.MaxUint32

// scoreOf returns the score of a weight.
func scoreOf(weight uint64) uint64 { return weight - weight>>32 }

// weightOf returns the weight of a score.
func weightOf(score uint64) uint64 { return score + (score+1)>>32 }

// bondOf returns the old bond in a cell, as a share.
func bondOf(cell uint64) uint64 { return uint64(fixed.Share(uint16(cell >> 16))) }

// reset prepares the tile for blocks of the given width over so many seats.
func (t *tile) reset(width, seats int) {
	t.height = staggered(seats, cellsPerLine)
	t.cells = grown(t.cells, width*t.height)
	t.end = grown(t.end, width)
	t.cursor = grown(t.cursor, seats)
}

// putWeights puts the weights of one seat into the block, whose first column is
// first: the second half of step 5, W_ij = v_ij / Σ_j v_ij.
func (t *tile) putWeights(seat uint16, weights Row, sum fixed.RowSum, first uint32) {
	cells, ends, at := t.cells, t.end, t.cursor[seat].weights
	for at < len(weights) {
		e := binary.LittleEndian.Uint32(weights[at : at+entrySize])
		c := e&0xffff - first
		if c >= uint32(len(ends)) {
			break
		}
		end := ends[c]
		cells[end] = scoreOf(sum.Share(uint64(e>>16)))<<32 | uint64(seat)
		ends[c] = end + 1
		at += entrySize
	}
	t.cursor[seat].weights = at
}

// putBonds adds the old bonds of one seat to the block: each to the cell of its
// weight, which is the last of its column so far, or to one of its own where
// there is none and lone bonds count.
func (t *tile) putBonds(seat uint16, bonds Row, lone bool, first uint32) {
	cells, ends, at := t.cells, t.end, t.cursor[seat].bonds
	for at < len(bonds) {
		e := binary.LittleEndian.Uint32(bonds[at : at+entrySize])
		c := e&0xffff - first
		if c >= uint32(len(ends)) {
			break
		}
		bond, end := uint64(e&^0xffff), ends[c]
		if end > int(c)*t.height && uint16(cells[end-1]) == seat {
			cells[end-1] |= bond
		} else if lone {
			cells[end] = bond | uint64(seat)
			ends[c] = end + 1
		}
		at += entrySize
	}
	t.cursor[seat].bonds = at
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
