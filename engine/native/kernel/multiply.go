package kernel

import (
	"encoding/binary"
	"math"

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
				m.block(&sum, q, s, block, &a.pairs[n])
			}
			copy(out[i*stride+g*Lanes:], sum[:])
		}
	}
}

// block adds one block of 32 columns to the sums of 16 rows.
func (m *Matrix) block(sum *[Lanes]float32, q, s, act []byte, p *pairs) {
	var low, high [Lanes]int32
	word := func(at int) int32 { return int32(binary.LittleEndian.Uint32(act[at:])) }
	number := func(at int) float32 { return math.Float32frombits(uint32(word(at))) }
	less, scaled := int32(0), number(actScale)
	switch m.kind {
	case tensor.Q80:
		eights(&low, q, p)
	case tensor.Q6K:
		sixes(&low, q, p, 0)
		sixes(&high, q, p, 4)
	case tensor.Q50:
		fives(&low, q, p)
		less = word(actLess16)
	case tensor.Q40:
		fours(&low, q, p)
		less = word(actLess8)
	default:
		fours(&low, q, p)
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

// Without vectors a word of 64 bits is one: four lanes of 16 bits hold weights a, b of a row, and c, d of the next. Times
// y + x·2¹⁶ it has a·x + b·y in lane 1 and c·x + d·y in lane 3: four products by one multiplication. Lanes are signed and borrow
// from the next; with 2¹⁵ added to each they are whole, and after as many multiplications as they have room for both sums go to
// lanes of 32 bits.
const (
	lanes16 = 0x0001000100010001
	middle  = 0x8000 * lanes16
)

// sums are those of two rows, each with 2¹⁵ for every time that they were taken out of lanes of 16 bits.
func sums(lanes uint64) uint64 { return lanes >> 16 & 0x0000ffff0000ffff }

// split takes the sums of rows r and r+1 apart, which were taken out n times.
func split(sum *[Lanes]int32, r int, s uint64, n int32) {
	sum[r], sum[r+1] = int32(uint32(s))-n<<15, int32(s>>32)-n<<15
}

// fours multiplies sixteen rows of numbers below 16 by 32 activations. Eight multiplications make 8·2·15·127 = 30480 at most.
func fours(sum *[Lanes]int32, q []byte, p *pairs) {
	const mask = 15 * lanes16
	for r := 0; r < Lanes; r += 2 {
		row := q[4*r:][:200]
		w0, w1 := binary.LittleEndian.Uint64(row), binary.LittleEndian.Uint64(row[64:])
		w2, w3 := binary.LittleEndian.Uint64(row[128:]), binary.LittleEndian.Uint64(row[192:])
		s := w0&mask*p.by[0] + w0>>8&mask*p.by[1] + w1&mask*p.by[2] + w1>>8&mask*p.by[3] + w2&mask*p.by[4] + w2>>8&mask*p.by[5] + w3&mask*p.by[6] + w3>>8&mask*p.by[7]
		t := w0>>4&mask*p.by[8] + w0>>12&mask*p.by[9] + w1>>4&mask*p.by[10] + w1>>12&mask*p.by[11] + w2>>4&mask*p.by[12] + w2>>12&mask*p.by[13] + w3>>4&mask*p.by[14] + w3>>12&mask*p.by[15]
		split(sum, r, sums(s+middle)+sums(t+middle), 2)
	}
}

// fives multiplies rows of numbers below 32. Four multiplications make 4·2·31·127 = 31496 at most.
func fives(sum *[Lanes]int32, q []byte, p *pairs) {
	const mask = 31 * lanes16
	for r := 0; r < Lanes; r += 2 {
		row, bits, all := q[4*r:][:200], q[256+r/2:][:57], uint64(0)
		for j := 0; j < 8; j += 2 { // eight columns
			at, shift := j%4*64, j/4*4
			v := binary.LittleEndian.Uint64(row[at:])>>shift&nibbles | fifths[bits[8*j]]
			w := binary.LittleEndian.Uint64(row[at+64:])>>shift&nibbles | fifths[bits[8*j+8]]
			by := p.by[2*j:][:4]
			all += sums(v&mask*by[0] + v>>8&mask*by[1] + w&mask*by[2] + w>>8&mask*by[3] + middle)
		}
		split(sum, r, all, 4)
	}
}

const nibbles = 0x0f0f0f0f0f0f0f0f

// fifths spreads eight bits over the fifth bits of eight bytes.
var fifths = func() (t [256]uint64) {
	for b := range t {
		for i := range 8 {
			t[b] |= uint64(b>>i&1) << (8*i + 4)
		}
	}
	return t
}()

// sixes multiplies columns 4·from to 4·from+16 of rows of numbers below 64. Two multiplications make 2·2·63·127 = 32004 at most.
func sixes(sum *[Lanes]int32, q []byte, p *pairs, from int) {
	const mask = 63 * lanes16
	by := p.by[2*from:][:8]
	for r := 0; r < Lanes; r += 2 {
		row := q[64*from+4*r:][:200]
		v, w := binary.LittleEndian.Uint64(row), binary.LittleEndian.Uint64(row[64:])
		all := sums(v&mask*by[0]+v>>8&mask*by[1]+middle) + sums(w&mask*by[2]+w>>8&mask*by[3]+middle)
		v, w = binary.LittleEndian.Uint64(row[128:]), binary.LittleEndian.Uint64(row[192:])
		all += sums(v&mask*by[4]+v>>8&mask*by[5]+middle) + sums(w&mask*by[6]+w>>8&mask*by[7]+middle)
		split(sum, r, all, 4)
	}
}

// eights multiplies rows of numbers from −128 to 127, kept with 128 more. One multiplication makes 2·128·127 = 32512 at most;
// less takes the 128 away, times what the lanes are multiplied by, and adds the middle.
func eights(sum *[Lanes]int32, q []byte, p *pairs) {
	const mask = 255 * lanes16
	for r := 0; r < Lanes; r += 2 {
		row, all := q[4*r:][:456], uint64(0)
		for j := range 8 {
			w := binary.LittleEndian.Uint64(row[64*j:])
			by, less := p.by[2*j:][:2], p.less[2*j:][:2]
			all += sums(w&mask*by[0]+less[0]) + sums(w>>8&mask*by[1]+less[1])
		}
		split(sum, r, all, 16)
	}
}

func multiplyFloats(out []float32, stride int, m *Matrix, a *Activations, lo, hi int) {
	var w [Block * Lanes]float32
	for g := lo; g < hi; g++ {
		for i := range a.n {
			var sum [Lanes][4]float32
			x := a.row(i)
			for b := range m.Cols / Block {
				q, _ := m.chunk(g, b)
				tensor.Decode(w[:], m.kind, q)
				addFloats(&sum, &w, (*[Block]float32)(x[b*Block:]))
			}
			for r, s := range sum {
				out[i*stride+g*Lanes+r] = (s[0] + s[1]) + (s[2] + s[3])
			}
		}
	}
}

// addFloats adds 32 columns to the four sums of each row.
func addFloats(sum *[Lanes][4]float32, w *[Block * Lanes]float32, x *[Block]float32) {
	for r := range sum {
		s := &sum[r]
		a, b, c, d := s[0], s[1], s[2], s[3]
		for k := 0; k < Block; k += 4 {
			a += float32(w[k*Lanes+r] * x[k])
			b += float32(w[(k+1)*Lanes+r] * x[k+1])
			c += float32(w[(k+2)*Lanes+r] * x[k+2])
			d += float32(w[(k+3)*Lanes+r] * x[k+3])
		}
		s[0], s[1], s[2], s[3] = a, b, c, d
	}
}
