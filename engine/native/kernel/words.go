package kernel

import (
	"encoding/binary"
	"math"
	"unsafe"

	"agora/engine/native/tensor"
)

// Without vectors a word of 64 bits is one: four lanes of 16 bits hold weights a, b of a row, and c, d of the next. Times
// y + x·2¹⁶ it has a·x + b·y in lane 1 and c·x + d·y in lane 3: four products by one multiplication. Lanes are signed and borrow
// from the next; with 2¹⁵ added to each they are whole, and after as many multiplications as they have room for both sums go to
// lanes of 32 bits.
//
// Words are numbers modulo 2⁶⁴, which saves work. Weights less the middle of their range make sums half as large; it is taken
// off all at once, times the sum of the activations, before the first product. And a word that holds more than one weight in 16
// bits need not be masked for the lowest: if it is u + 2ⁿ·v for the masked u and v, then u·x + v·y is word·x + v·(y − 2ⁿ·x).
const (
	lanes16 = 0x0001000100010001
	middle  = 0x8000 * lanes16
	lanes32 = 0x0000000100000001
	outer   = 0xffff * lanes32
)

// words are what a block of activations makes of that: what weights are multiplied by, and what sums begin with.
type words struct{ by, begin [16]uint64 }

// totals are sums of two rows each, in lanes of 32 bits, as the bits of floats: see float.
type totals [Lanes / 2]uint64

// begin stores one by one: what is loaded from a copy of sixteen bytes waits for it.
func (t *totals) begin(s uint64) {
	t[0], t[1], t[2], t[3] = s, s, s, s
	t[4], t[5], t[6], t[7] = s, s, s, s
}

// float is the number in a lane of 32 bits that has magicBits added.
func float(lane uint64) float32 { return math.Float32frombits(uint32(lane)) - magic }

// biased is added to the sum of n lanes of 16 bits, to make of it the bits of a float.
const (
	biased1  = (uint64(magicBits) - 1<<15) * lanes32
	biased2  = (uint64(magicBits) - 2<<15) * lanes32
	biased16 = (uint64(magicBits) - 16<<15) * lanes32
)

// biasedBy is biased1 with more added to each lane.
func biasedBy(more int32) uint64 { return uint64(uint32(magicBits-1<<15+more)) * lanes32 }

// wordsFor are those of all blocks, row by row, for weights of this kind.
func (a *Activations) wordsFor(kind tensor.Type) []words {
	c := classes[kind]
	if w := a.words[c.at]; len(w) > 0 {
		return w
	}
	n := len(a.blocks) / actBytes
	if cap(a.words[c.at]) < n {
		a.words[c.at] = make([]words, n)
	}
	a.words[c.at] = a.words[c.at][:n]
	for i := range n {
		raw := rawWords((*[Block]int8)(unsafe.Pointer(&a.blocks[i*actBytes])))
		c.make(&a.words[c.at][i], &raw)
	}
	return a.words[c.at]
}

// class is how the weights of some formats are multiplied.
type class struct {
	at   int
	make func(w *words, raw *[16]uint64)
}

var classes = map[tensor.Type]class{
	tensor.Q40: {0, makeFours}, tensor.Q41: {0, makeFours}, tensor.Q4K: {0, makeFours},
	tensor.Q50: {1, makeFives}, tensor.Q6K: {2, makeSixes}, tensor.Q80: {3, makeEights},
}

// rawWords are y + x·2¹⁶ for each two columns whose weights are two bytes apart: of 0 and 2, 1 and 3, 4 and 6, 5 and 7, ….
func rawWords(q *[Block]int8) (raw [16]uint64) {
	for j := range raw {
		at := 4*(j/2) + j%2
		raw[j] = uint64(int64(q[at+2]) + int64(q[at])<<16)
	}
	return raw
}

// beginning is what sums begin with: the middle of lanes, less that of the weights times the activations.
func beginning(half uint64, raw []uint64) uint64 {
	all := uint64(0)
	for _, x := range raw {
		all += x
	}
	return middle - half*lanes16*all
}

func makeFours(w *words, raw *[16]uint64) {
	for j := range 4 {
		x, y := raw[2*j], raw[2*j+1]
		w.by[4*j], w.by[4*j+1], w.by[4*j+2], w.by[4*j+3] = x, raw[8+2*j]-x<<4, y-x<<8, raw[9+2*j]-x<<12
	}
	w.begin[0] = beginning(8, raw[:])
}

func makeFives(w *words, raw *[16]uint64) {
	for j := range 4 {
		x, y := raw[2*j], raw[8+2*j]
		w.by[4*j], w.by[4*j+1], w.by[4*j+2], w.by[4*j+3] = x, raw[2*j+1]-x<<8, y, raw[9+2*j]-y<<8
	}
	w.begin[0], w.begin[1] = beginning(16, raw[:8]), beginning(16, raw[8:])
}

func makeSixes(w *words, raw *[16]uint64) {
	for j := 0; j < 16; j += 2 {
		w.by[j], w.by[j+1] = raw[j], raw[j+1]-raw[j]<<8
	}
	for j := range 4 {
		w.begin[j] = beginning(32, raw[4*j:4*j+4])
	}
}

func makeEights(w *words, raw *[16]uint64) {
	w.by = *raw
	for j := range raw {
		w.begin[j] = beginning(128, raw[j:j+1])
	}
}

// fours multiplies sixteen rows of numbers below 16 by 32 activations, up to lift. All sixteen multiplications together make
// 16·2·8·127 = 32512 at most.
func fours(out *totals, q *[256]byte, w *words) {
	out.begin(w.begin[0])
	for j := range 4 {
		foursOf(out, (*[64]byte)(q[64*j:]), (*[4]uint64)(w.by[4*j:]), 15*lanes16)
	}
}

// foursOf does one vector. A mask that is a variable stays in a register, as does all else here while this is not inlined.
//
//go:noinline
func foursOf(out *totals, q *[64]byte, x *[4]uint64, mask uint64) {
	x0, x1, x2, x3 := x[0], x[1], x[2], x[3]
	_, _ = out[0], q[0]
	for r := 0; r < len(out); r += 2 {
		w := binary.LittleEndian.Uint64(q[8*r:])
		out[r] += w*x0 + w>>4&mask*x1 + w>>8&mask*x2 + w>>12&mask*x3
		w = binary.LittleEndian.Uint64(q[8*r+8:])
		out[r+1] += w*x0 + w>>4&mask*x1 + w>>8&mask*x2 + w>>12&mask*x3
	}
}

// lift makes the bits of floats of sums in lanes of 16 bits.
func lift(out *totals) {
	for r, s := range out {
		out[r] = s>>16&outer + biased1
	}
}

// fives multiplies rows of numbers below 32. Eight multiplications make 8·2·16·127 = 32512 at most.
func fives(out *totals, q *[320]byte, w *words) {
	var high totals
	out.begin(w.begin[0])
	high.begin(w.begin[1])
	for j := range 4 {
		fivesOf(out, &high, (*[64]byte)(q[64*j:]), (*[40]byte)(q[256+8*j:]), (*[4]uint64)(w.by[4*j:]), 31*lanes16)
	}
	for r, h := range high {
		out[r] = out[r]>>16&outer + h>>16&outer + biased2
	}
}

//go:noinline
func fivesOf(low, high *totals, q *[64]byte, bits *[40]byte, x *[4]uint64, mask uint64) {
	const nibbles = 0x0f0f0f0f0f0f0f0f
	x0, x1, x2, x3 := x[0], x[1], x[2], x[3]
	_, _, _ = low[0], high[0], q[0]
	for r, b := range bits[:8] {
		w := binary.LittleEndian.Uint64(q[8*r:])&nibbles | fifths[b]
		low[r] += w*x0 + w>>8&mask*x1
	}
	for r, b := range bits[32:] {
		w := binary.LittleEndian.Uint64(q[8*r:])>>4&nibbles | fifths[b]
		high[r] += w*x2 + w>>8&mask*x3
	}
}

// fifths spreads eight bits over the fifth bits of eight bytes.
var fifths = func() (t [256]uint64) {
	for b := range t {
		for i := range 8 {
			t[b] |= uint64(b>>i&1) << (8*i + 4)
		}
	}
	return t
}()

// sixes multiplies 16 columns of rows of numbers below 64. Four multiplications make 4·2·32·127 = 32512 at most.
func sixes(out *totals, q *[256]byte, w *words, half int) {
	out.begin(biased2)
	for j := range 2 {
		sixesOf(out, (*[128]byte)(q[128*j:]), (*[4]uint64)(w.by[8*half+4*j:]), w.begin[2*half+j], 63*lanes16, outer)
	}
}

//go:noinline
func sixesOf(out *totals, q *[128]byte, x *[4]uint64, begin, mask, outer uint64) {
	x0, x1, x2, x3 := x[0], x[1], x[2], x[3]
	_, _ = out[0], q[0]
	for r := range out {
		a, b := binary.LittleEndian.Uint64(q[8*r:]), binary.LittleEndian.Uint64(q[8*r+64:])
		out[r] += (begin + a*x0 + a>>8&mask*x1 + b*x2 + b>>8&mask*x3) >> 16 & outer
	}
}

// eights multiplies rows of numbers from −128 to 127, kept with 128 more. One multiplication makes 2·128·127 = 32512 at most.
func eights(out *totals, q *[512]byte, w *words) {
	out.begin(biased16)
	for j := range 8 {
		eightsOf(out, (*[64]byte)(q[64*j:]), (*[2]uint64)(w.by[2*j:]), (*[2]uint64)(w.begin[2*j:]), 255*lanes16, outer)
	}
}

//go:noinline
func eightsOf(out *totals, q *[64]byte, x, begin *[2]uint64, mask, outer uint64) {
	x0, x1, begin0, begin1 := x[0], x[1], begin[0], begin[1]
	_, _ = out[0], q[0]
	for r := range out {
		w := binary.LittleEndian.Uint64(q[8*r:])
		out[r] += (w&mask*x0+begin0)>>16&outer + (w>>8&mask*x1+begin1)>>16&outer
	}
}
