package yuma

import (
	"encoding/binary"
	"sort"
)

// A block of columns is as wide as keeps about blockCells entries in the
// processor's second-level cache, at least minBlock so that rows are not visited
// for nothing, and no wider than tileCells allow if every cell were filled.
const (
	blockCells = 1 << 15
	minBlock   = 16
	tileCells  = 1 << 20
)

// tile is a block of columns gathered from packed rows. Column c of the block
// holds cells[c·height:end[c]], each value<<16 | uid of the row, rows ascending.
type tile struct {
	cells  []uint32
	end    []int
	cursor []int32 // by position in the list of rows: the next entry to read
	height int
}

// reset prepares the tile for blocks of the given width over so many rows.
func (t *tile) reset(width, rows int) {
	t.height = staggered(rows, cellsPerLine)
	t.cells = grown(t.cells, width*t.height)
	t.end = grown(t.end, width)
	t.cursor = sized(t.cursor, rows)
}

// seek puts the cursor of one row at its first entry on column first or later
// and returns it.
func (t *tile) seek(position int, row Row, first int) int {
	k := sort.Search(row.Len(), func(k int) bool { return int(row.entry(k)&0xffff) >= first })
	t.cursor[position] = int32(k)
	return k
}

// gather reads the entries of one row that lie in the block and count: those on
// columns registered before reach, except self. limit holds the registrations of
// the block's columns, the first of which is first.
func (t *tile) gather(position int, row Row, uid int32, reach uint64, self, first int, limit []uint64) {
	at := int(t.cursor[position]) * entrySize
	cells, ends := t.cells, t.end[:len(limit)]
	self -= first
	for ; at+entrySize <= len(row); at += entrySize {
		e := binary.LittleEndian.Uint32(row[at : at+entrySize])
		c := int(e&0xffff) - first
		if c >= len(limit) {
			break
		}
		if limit[c] < reach && c != self {
			end := ends[c]
			cells[end] = e&^0xffff | uint32(uid)
			ends[c] = end + 1
		}
	}
	t.cursor[position] = int32(at / entrySize)
}

// column returns the cells of column c of the block.
func (t *tile) column(c int) []uint32 {
	return t.cells[c*t.height : t.end[c]]
}

// clear empties every column of the block.
func (t *tile) clear() {
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
	cellsPerLine = 16
	bytesPerLine = 64
)

// staggered rounds a stride up to an odd number of cache lines, so that equal
// offsets of neighbours do not compete for the same places in the cache.
func staggered(stride, line int) int { return ((stride+line-1)/line | 1) * line }
