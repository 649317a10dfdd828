package kernel

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// Activations are the inputs of a matrix for n tokens. Matrices of few bits read them quantised, which is done once for
// all matrices that share them. The zero value is ready for use; it is not safe for concurrent use.
//
// A block of 32 takes 64 bytes: the numbers q of one byte, the scale d, their sum s as a float, then −8s, −16s, −128s, and
// −32 times the sums of its two halves, which take the offset of unsigned weights away.
type Activations struct {
	n, cols int
	x       []float32 // n rows of cols numbers, stride apart
	stride  int
	memory  []byte
	blocks  []byte     // quantised, n rows; empty until a matrix wants them
	words   [4][]words // for portable code, one per block, for each class of weights; empty until they are wanted
}

const (
	actBytes  = 64
	actScale  = 32
	actSum    = 36
	actLess8  = 40
	actLess16 = 44
	act128    = 48
	actLow    = 52
	actHigh   = 56
)

// Set takes n rows of cols numbers from x, stride apart. They must not change before the last matrix has read them.
func (a *Activations) Set(x []float32, n, cols, stride int) {
	a.x, a.n, a.cols, a.stride, a.blocks = x, n, cols, stride, nil
}

func (a *Activations) row(i int) []float32 { return a.x[i*a.stride:][:a.cols] }

// quantise fills the blocks, for all rows.
func (a *Activations) quantise() {
	if a.blocks != nil {
		return
	}
	size := a.cols / Block * actBytes
	if len(a.memory) < a.n*size+64 {
		a.memory = make([]byte, a.n*size+64)
	}
	for i, w := range a.words {
		a.words[i] = w[:0]
	}
	a.blocks = aligned(a.memory)[:a.n*size]
	for i := range a.n {
		quantiseRow(a.blocks[i*size:(i+1)*size], a.row(i))
	}
}

// aligned is the part of b that begins at a multiple of 64, so that no vector straddles two lines of the cache.
func aligned(b []byte) []byte {
	return b[-uintptr(unsafe.Pointer(unsafe.SliceData(b)))&63:]
}

func portableQuantise(dst []byte, x []float32) {
	for ; len(x) > 0; x, dst = x[Block:], dst[actBytes:] {
		top := uint32(0)
		for _, v := range x[:Block] {
			top = max(top, math.Float32bits(v)&0x7fffffff)
		}
		d, factor := scaleOf(top)
		var half [2]int32
		for k, v := range x[:Block] {
			q := int32(0)
			if factor != 0 {
				q = int32(math.Float32bits(float32(v*factor)+magic)) - magicBits
			}
			dst[k] = byte(q)
			half[k/16] += q
		}
		s := half[0] + half[1]
		put := func(at int, v uint32) { binary.LittleEndian.PutUint32(dst[at:], v) }
		put(actScale, math.Float32bits(d))
		put(actSum, math.Float32bits(float32(s)))
		put(actLess8, uint32(-8*s))
		put(actLess16, uint32(-16*s))
		put(act128, uint32(-128*s))
		put(actLow, uint32(-32*half[0]))
		put(actHigh, uint32(-32*half[1]))
	}
}
