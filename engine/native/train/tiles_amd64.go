//go:build goexperiment.simd

package train

import (
	"sync"
	"syscall"
	"unsafe"
)

// A processor with AMX multiplies tiles of 16 × 32 by 32 × 16 numbers in bfloat16 and adds up in float32, twenty times as
// fast as its vector units do it in float32. Others have an instruction that adds two products of bfloat16 at once. bfloat16
// keeps eight bits of a number; weights and sums stay in float32.

// hasTiles says whether this processor and kernel let the program use AMX.
var hasTiles = sync.OnceValue(func() bool {
	const archPrctl, requestPermission, tileData = 158, 0x1023, 18
	if _, _, failed := syscall.RawSyscall(archPrctl, requestPermission, tileData, 0); failed != 0 {
		return false
	}
	_, _, _, d := cpuid(7, 0)
	const amxBF16, amxTile = 1 << 22, 1 << 24
	return d&amxBF16 != 0 && d&amxTile != 0
})

// hasDots says whether this processor's vector units multiply bfloat16.
var hasDots = sync.OnceValue(func() bool {
	const bf16 = 1 << 5
	a, _, _, _ := cpuid(7, 1)
	return a&bf16 != 0
})

func cpuid(leaf, sub uint32) (a, b, c, d uint32)

// tiles computes 32 rows of C, pairs × 32 columns: C = A·B, or C += A·B with add. row is a row of C in bytes; A is two rows
// of blocks tiles, B has two such rows per pair.
//
//go:noescape
func tiles(c unsafe.Pointer, row uintptr, a, b unsafe.Pointer, blocks, pairs, add uintptr)

// dots computes 8 rows of C, pairs × 32 columns, likewise. In a block of A rows are aRow and pairs aPair bytes apart.
//
//go:noescape
func dots(c unsafe.Pointer, row uintptr, a unsafe.Pointer, aRow, aPair uintptr, b unsafe.Pointer, blocks, pairs, add uintptr)

// worthPacking says whether gemm's product is of a shape for bfloat16, and large enough.
func worthPacking(aRow, aCol, rows, inner, cols int) bool {
	const enough = 1 << 19
	fits := aCol == 1 && inner%32 == 0 || aRow == 1 && rows%32 == 0
	return fits && rows >= 32 && cols%32 == 0 && rows*inner*cols >= enough && (hasTiles() || hasDots())
}

// packed is working memory of gemmPacked.
type packed struct {
	a, b []uint32
	rest []float32 // the last rows of C where they are fewer than are worked on at once
}

var packedPool = sync.Pool{New: func() any { return new(packed) }}

func room[T any](s *[]T, n int) []T {
	if cap(*s) < n {
		*s = make([]T, n)
	}
	return (*s)[:n]
}

const tileWords = 256 // of 32 bits

// gemmPacked is gemm for the shapes of worthPacking.
func gemmPacked(c []float32, cRow int, a []float32, aRow, aCol int, b []float32, bRow, rows, inner, cols int, add bool) {
	p := packedPool.Get().(*packed)
	defer packedPool.Put(p)
	if hasTiles() {
		p.tiles(c, cRow, a, aRow, aCol, b, bRow, rows, inner, cols, add)
		return
	}
	p.dots(c, cRow, a, aRow, aCol, b, bRow, rows, inner, cols, add)
}

func (p *packed) dots(c []float32, cRow int, a []float32, aRow, aCol int, b []float32, bRow, rows, inner, cols int, add bool) {
	blocks := (inner + 31) / 32
	pa, pb := room(&p.a, blocks*tileWords), room(&p.b, cols/16*blocks*tileWords)
	packRight(pb, b, bRow, inner, cols)
	byRow, byPair, more := uintptr(64), uintptr(4), uintptr(0)
	if aCol != 1 {
		byRow, byPair = byPair, byRow
	}
	if add {
		more = 1
	}
	for i := 0; i < rows; i += 8 {
		half := i % 16
		if half == 0 && aCol == 1 {
			packRows(pa, a[i*aRow:], 0, min(16, rows-i), aRow, blocks)
		} else if half == 0 {
			packRight(pa, a[i:], aCol, inner, 16)
		}
		to, toRow := c[i*cRow:], cRow
		if rows-i < 8 {
			to, toRow = room(&p.rest, 8*cols), cols
			copyRows(to, cols, c[i*cRow:], cRow, rows-i, cols)
		}
		dots(at(to, 0), uintptr(floats(toRow)), unsafe.Add(unsafe.Pointer(&pa[0]), uintptr(half)*byRow), byRow, byPair, unsafe.Pointer(&pb[0]), uintptr(blocks), uintptr(cols/32), more)
		if rows-i < 8 {
			copyRows(c[i*cRow:], cRow, to, cols, rows-i, cols)
		}
	}
}

func copyRows(to []float32, toRow int, from []float32, fromRow, rows, cols int) {
	for i := range rows {
		copy(to[i*toRow:i*toRow+cols], from[i*fromRow:])
	}
}

func (p *packed) tiles(c []float32, cRow int, a []float32, aRow, aCol int, b []float32, bRow, rows, inner, cols int, add bool) {
	blocks := (inner + 31) / 32
	pa, pb := room(&p.a, 2*blocks*tileWords), room(&p.b, cols/16*blocks*tileWords)
	packRight(pb, b, bRow, inner, cols)
	more := uintptr(0)
	if add {
		more = 1
	}
	for i := 0; i < rows; i += 32 {
		n := min(32, rows-i)
		packLeft(pa, a[i*aRow:], aRow, aCol, n, inner)
		if n == 32 {
			tiles(at(c, i*cRow), uintptr(floats(cRow)), unsafe.Pointer(&pa[0]), unsafe.Pointer(&pb[0]), uintptr(blocks), uintptr(cols/32), more)
			continue
		}
		rest := room(&p.rest, 32*cols)
		if add {
			copyRows(rest, cols, c[i*cRow:], cRow, n, cols)
		}
		tiles(at(rest, 0), uintptr(floats(cols)), unsafe.Pointer(&pa[0]), unsafe.Pointer(&pb[0]), uintptr(blocks), uintptr(cols/32), more)
		copyRows(c[i*cRow:], cRow, rest, cols, n, cols)
	}
}

// Within a block of 32 inner indices k, a 32-bit word holds the bfloat16 of k in its low and of k+16 in its high half, in A
// and in B alike.

// packPairs writes n vectors of 16 words, toStep bytes apart: the bfloat16 of the 16 numbers at low in their low halves, of those
// at high in their high halves. low and high move on by step bytes.
//
//go:noescape
func packPairs(to, low, high unsafe.Pointer, n, toStep, step uintptr)

// packTurned is packPairs for 16 vectors, of which it writes the i-th words of all one after the other.
//
//go:noescape
func packTurned(to, low, high unsafe.Pointer, step uintptr)

// zeros stand in for rows after the last.
var zeros [16]float32

// packRight writes B: for each 16 columns the blocks in order, 16 words for each of a block's 16 pairs.
func packRight(to []uint32, b []float32, bRow, inner, cols int) {
	step := uintptr(floats(bRow))
	for j := 0; j < cols; j += 16 {
		k := 0
		for ; k+32 <= inner; k += 32 {
			packPairs(unsafe.Pointer(&to[0]), at(b, k*bRow+j), at(b, (k+16)*bRow+j), 16, 64, step)
			to = to[tileWords:]
		}
		if k < inner {
			packRest(to, b[j:], bRow, k, inner, packOne)
			to = to[min(tileWords, len(to)):]
		}
	}
}

// packRest packs the last block, whose inner indices from k on end before 32 are full, pair by pair.
func packRest(to []uint32, a []float32, row, k, inner int, pack func(to []uint32, pair int, low, high unsafe.Pointer)) {
	from := func(k int) unsafe.Pointer {
		if k >= inner {
			return unsafe.Pointer(&zeros)
		}
		return at(a, k*row)
	}
	for pair := range 16 {
		pack(to, pair, from(k+pair), from(k+pair+16))
	}
}

func packOne(to []uint32, pair int, low, high unsafe.Pointer) {
	packPairs(unsafe.Pointer(&to[16*pair]), low, high, 1, 64, 0)
}

func packOneTurned(to []uint32, pair int, low, high unsafe.Pointer) {
	var column [16]uint32
	packPairs(unsafe.Pointer(&column), low, high, 1, 64, 0)
	for i, w := range column {
		to[16*i+pair] = w
	}
}

// packLeft writes up to 32 rows of A as two rows of tiles, zeros for those that are missing.
func packLeft(to []uint32, a []float32, aRow, aCol, rows, inner int) {
	blocks := (inner + 31) / 32
	for i := 0; i < 32; i += 16 {
		half := to[i/16*blocks*tileWords:][:blocks*tileWords]
		if aCol == 1 && aRow != 1 {
			packRows(half, a, i, min(rows, i+16), aRow, blocks)
		} else {
			packColumns(half, a[i:], aCol, inner)
		}
	}
}

// packRows packs the rows from first up to last, at most 16, whose numbers lie in memory one after the other.
func packRows(to []uint32, a []float32, first, last, aRow, blocks int) {
	for i := range 16 {
		if row := first + i; row < last {
			packPairs(unsafe.Pointer(&to[16*i]), at(a, row*aRow), at(a, row*aRow+16), uintptr(blocks), 4*tileWords, 128)
			continue
		}
		for k := range blocks {
			clear(to[k*tileWords+i*16:][:16])
		}
	}
}

// packColumns packs 16 rows of which the numbers of one inner index lie together.
func packColumns(to []uint32, a []float32, aCol, inner int) {
	k := 0
	for ; k+32 <= inner; k += 32 {
		packTurned(unsafe.Pointer(&to[k/32*tileWords]), at(a, k*aCol), at(a, (k+16)*aCol), uintptr(floats(aCol)))
	}
	if k < inner {
		packRest(to[k/32*tileWords:], a, aCol, k, inner, packOneTurned)
	}
}
