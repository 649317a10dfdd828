package kernel

import (
	"encoding/binary"
	"math"
	"unsafe"

	"agora/engine/native/tensor"
)

// portableMultiply computes rows 16·lo to 16·hi for all tokens. For every block of 32 columns, in order,
//
//	Q4_0, Q5_0, Q8_0   sum += (d·Σ(q−offset)x) · dx
//	Q4_1, Q4_K         sum += (d·Σqx + m·Σx) · dx
//	Q6_K               sum += (d₀·Σ(q−32)x + d₁·Σ(q−32)x) · dx, halves of 16 columns
//
// where x are the activations' numbers and dx their scale; the inner sums are integers. Floats: four sums, of the columns
// that are 0, 1, 2, 3 modulo 4, added as (0+1)+(2+3).
func portableMultiply(out []float32, stride int, m *Matrix, a *Activations, lo, hi int) {
	if m.layout.scales == 0 {
		multiplyFloats(out, stride, m, a, lo, hi)
		return
	}
	blocks := m.Cols / Block
	for g := lo; g < hi; g++ {
		for i := range a.n {
			var sum [Lanes]float32
			for b := range blocks {
				q, s := m.chunk(g, b)
				n := i*blocks + b
				block := a.blocks[n*actBytes : (n+1)*actBytes]
				m.block(&sum, q, s, block, a.pairs[16*n:16*n+16])
			}
			copy(out[i*stride+g*Lanes:], sum[:])
		}
	}
}

// block adds one block of 32 columns to the sums of 16 rows.
func (m *Matrix) block(sum *[Lanes]float32, q, s, act []byte, pairs []uint64) {
	var low, high [Lanes]int32
	x := (*[Block]int8)(unsafe.Pointer(unsafe.SliceData(act)))
	word := func(at int) int32 { return int32(binary.LittleEndian.Uint32(act[at:])) }
	number := func(at int) float32 { return math.Float32frombits(uint32(word(at))) }
	less, scaled := int32(0), number(actScale)
	switch m.kind {
	case tensor.Q80:
		bytesDot(&low, q, x, 0, 8)
		less = word(act128)
	case tensor.Q6K:
		bytesDot(&low, q, x, 0, 4)
		bytesDot(&high, q, x, 4, 8)
	case tensor.Q50:
		fiveDot(&low, q, x)
		less = word(actLess16)
	case tensor.Q40:
		nibbles(&low, q, pairs)
		less = word(actLess8)
	default:
		nibbles(&low, q, pairs)
	}
	switch m.kind {
	case tensor.Q41:
		all := number(actSum)
		for r := range sum {
			d, min := tensor.Half(binary.LittleEndian.Uint16(s[2*r:])), tensor.Half(binary.LittleEndian.Uint16(s[32+2*r:]))
			sum[r] += float32((float32(d*float32(low[r])) + float32(min*all)) * scaled)
		}
	case tensor.Q4K:
		all := number(actSum)
		for r := range sum {
			d, min := math.Float32frombits(binary.LittleEndian.Uint32(s[4*r:])), math.Float32frombits(binary.LittleEndian.Uint32(s[64+4*r:]))
			sum[r] += float32((float32(d*float32(low[r])) + float32(min*all)) * scaled)
		}
	case tensor.Q6K:
		l, h := word(actLow), word(actHigh)
		for r := range sum {
			d, e := math.Float32frombits(binary.LittleEndian.Uint32(s[4*r:])), math.Float32frombits(binary.LittleEndian.Uint32(s[64+4*r:]))
			sum[r] += float32((float32(d*float32(low[r]+l)) + float32(e*float32(high[r]+h))) * scaled)
		}
	default:
		for r := range sum {
			d := tensor.Half(binary.LittleEndian.Uint16(s[2*r:]))
			sum[r] += float32(float32(d*float32(low[r]+less)) * scaled)
		}
	}
}

// nibbles multiplies sixteen rows of numbers below 16 by 32 activations. A word holds four columns of two rows; what one
// multiplication makes of it stands at pairOf. A lane holds at most 8·2·15·127 = 30480 in magnitude, so none overflows into
// the sign of the next before it is read.
func nibbles(sum *[Lanes]int32, q []byte, pairs []uint64) {
	const mask = 0x000f000f000f000f
	p := (*[16]uint64)(pairs)
	for r := 0; r < Lanes; r += 2 {
		w0, w1 := binary.LittleEndian.Uint64(q[4*r:]), binary.LittleEndian.Uint64(q[64+4*r:])
		w2, w3 := binary.LittleEndian.Uint64(q[128+4*r:]), binary.LittleEndian.Uint64(q[192+4*r:])
		s := w0&mask*p[0] + w0>>8&mask*p[1] + w1&mask*p[2] + w1>>8&mask*p[3] + w2&mask*p[4] + w2>>8&mask*p[5] + w3&mask*p[6] + w3>>8&mask*p[7]
		t := w0>>4&mask*p[8] + w0>>12&mask*p[9] + w1>>4&mask*p[10] + w1>>12&mask*p[11] + w2>>4&mask*p[12] + w2>>12&mask*p[13] + w3>>4&mask*p[14] + w3>>12&mask*p[15]
		sum[r] = int32(int16((s+0x8000)>>16)) + int32(int16((t+0x8000)>>16))
		sum[r+1] = int32(int16((s+1<<47)>>48)) + int32(int16((t+1<<47)>>48))
	}
}

// bytesDot adds columns 4·from to 4·to of sixteen rows of unsigned bytes times activations. A word holds two rows in lanes
// of 32 bits, which a sum of at most 32·255·127 does not leave.
func bytesDot(sum *[Lanes]int32, q []byte, x *[Block]int8, from, to int) {
	const mask = 0x000000ff000000ff
	for r := 0; r < Lanes; r += 2 {
		s := uint64(0)
		for j := from; j < to; j++ {
			w := binary.LittleEndian.Uint64(q[64*j+4*r:])
			y := (*[4]int8)(x[4*j:])
			s += w&mask*uint64(y[0]) + w>>8&mask*uint64(y[1]) + w>>16&mask*uint64(y[2]) + w>>24&mask*uint64(y[3])
		}
		sum[r] = int32(uint32(s))
		sum[r+1] = int32(uint32((s + 1<<31) >> 32))
	}
}

// fiveDot joins nibbles and fifth bits to bytes first.
func fiveDot(sum *[Lanes]int32, q []byte, x *[Block]int8) {
	var bytes [512]byte
	for j := range 8 {
		bits := binary.LittleEndian.Uint64(q[256+8*j:])
		for r := 0; r < Lanes; r += 2 {
			w := binary.LittleEndian.Uint64(q[j%4*64+4*r:]) >> (j / 4 * 4) & 0x0f0f0f0f0f0f0f0f
			// Each of 8 bits into bit 4 of its byte.
			b := bits >> (4 * r) & 255 * 0x0101010101010101 & 0x8040201008040201
			b = (b + 0x7f7f7f7f7f7f7f7f | b) >> 3 & 0x1010101010101010
			binary.LittleEndian.PutUint64(bytes[64*j+4*r:], w|b)
		}
	}
	bytesDot(sum, bytes[:], x, 0, 8)
}

func multiplyFloats(out []float32, stride int, m *Matrix, a *Activations, lo, hi int) {
	var w [4 * Lanes]float32
	size := m.layout.quants / Block // of 16 rows in one column
	for g := lo; g < hi; g++ {
		column := m.quants[g*m.Cols*size:][:m.Cols*size]
		for i := range a.n {
			var sum [4][Lanes]float32
			x := a.row(i)
			for c := 0; c < m.Cols; c += 4 {
				tensor.Decode(w[:], m.kind, column[c*size:(c+4)*size])
				for k := range 4 {
					f := x[c+k]
					for r := range Lanes {
						sum[k][r] += float32(w[k*Lanes+r] * f)
					}
				}
			}
			for r := range Lanes {
				out[i*stride+g*Lanes+r] = (sum[0][r] + sum[1][r]) + (sum[2][r] + sum[3][r])
			}
		}
	}
}
