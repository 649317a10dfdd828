package kernel

import (
	"encoding/binary"
	"math"
	"sync"

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
	fillHalves()
	if m.layout.scales == 0 {
		multiplyFloats(out, stride, m, a, lo, hi)
		return
	}
	blocks, words := m.Cols/Block, a.wordsFor(m.kind)
	for g := lo; g < hi; g++ {
		quants, scales := m.group(g)
		for i := range a.n {
			acts, ws := a.blocks[i*blocks*actBytes:], words[i*blocks:][:blocks]
			q, s := quants, scales
			var sum sums
			for b := range ws {
				sum.add(m.kind, q, s, (*[actBytes]byte)(acts), &ws[b])
				q, s, acts = q[m.layout.quants:], s[m.layout.scales:], acts[actBytes:]
			}
			to := out[i*stride+g*Lanes:][:Lanes]
			for r := range sum.even {
				to[2*r], to[2*r+1] = sum.even[r], sum.odd[r]
			}
		}
	}
}

// sums are those of sixteen rows, every other one apart, which makes their addresses simple.
type sums struct{ even, odd [Lanes / 2]float32 }

// add adds one block of 32 columns, the first of q and s.
func (sum *sums) add(kind tensor.Type, q, s []byte, act *[actBytes]byte, w *words) {
	word := func(at int) int32 { return int32(binary.LittleEndian.Uint32(act[at:])) }
	number := func(at int) float32 { return math.Float32frombits(uint32(word(at))) }
	scaled := number(actScale)
	var low, high totals
	switch kind {
	case tensor.Q41:
		fours(&low, (*[256]byte)(q), w)
		sum.offset(&low, (*[64]byte)(s), -word(actLess8), number(actSum), scaled)
	case tensor.Q40:
		fours(&low, (*[256]byte)(q), w)
		lift(&low)
		sum.scaled(&low, (*[32]byte)(s), scaled)
	case tensor.Q4K:
		fours(&low, (*[256]byte)(q), w)
		sum.offset32(&low, (*[128]byte)(s), -word(actLess8), number(actSum), scaled)
	case tensor.Q50:
		fives(&low, (*[320]byte)(q), w)
		sum.scaled(&low, (*[32]byte)(s), scaled)
	case tensor.Q6K:
		sixes(&low, (*[256]byte)(q), w, 0)
		sixes(&high, (*[256]byte)(q[256:]), w, 1)
		sum.halves32(&low, &high, (*[128]byte)(s), scaled)
	case tensor.Q80:
		eights(&low, (*[512]byte)(q), w)
		sum.scaled(&low, (*[32]byte)(s), scaled)
	}
}

// scaled is sum += (d·low)·scaled for d of 16 bits.
func (sum *sums) scaled(low *totals, s *[32]byte, scaled float32) {
	even, odd, b, h := sum.even[:], sum.odd[:], s[:], halves[:]
	for r, t := range low {
		d := binary.LittleEndian.Uint32(b[4*r:])
		even[r] += float32(float32(h[uint16(d)]*float(t)) * scaled)
		odd[r] += float32(float32(h[d>>16]*float(t>>32)) * scaled)
	}
}

// offset is sum += (d·(low + more) + m·all)·scaled for low in lanes of 16 bits, d and m of 16 bits.
func (sum *sums) offset(low *totals, s *[64]byte, more int32, all, scaled float32) {
	even, odd, b, h, biased := sum.even[:], sum.odd[:], s[:], halves[:], biasedBy(more)
	for r, t := range low {
		t = t>>16&outer + biased
		d, m := binary.LittleEndian.Uint32(b[4*r:]), binary.LittleEndian.Uint32(b[32+4*r:])
		even[r] += float32((float32(h[uint16(d)]*float(t)) + float32(h[uint16(m)]*all)) * scaled)
		odd[r] += float32((float32(h[d>>16]*float(t>>32)) + float32(h[m>>16]*all)) * scaled)
	}
}

// offset32 is offset for d and m of 32 bits.
func (sum *sums) offset32(low *totals, s *[128]byte, more int32, all, scaled float32) {
	even, odd, b, biased := sum.even[:], sum.odd[:], s[:], biasedBy(more)
	for r, t := range low {
		t = t>>16&outer + biased
		d, m := binary.LittleEndian.Uint64(b[8*r:]), binary.LittleEndian.Uint64(b[64+8*r:])
		even[r] += float32((float32(single(d)*float(t)) + float32(single(m)*all)) * scaled)
		odd[r] += float32((float32(single(d>>32)*float(t>>32)) + float32(single(m>>32)*all)) * scaled)
	}
}

// halves32 is sum += (d·low + e·high)·scaled for d and e of 32 bits.
func (sum *sums) halves32(low, high *totals, s *[128]byte, scaled float32) {
	even, odd, b := sum.even[:], sum.odd[:], s[:]
	for r, t := range low {
		u := high[r]
		d, e := binary.LittleEndian.Uint64(b[8*r:]), binary.LittleEndian.Uint64(b[64+8*r:])
		even[r] += float32((float32(single(d)*float(t)) + float32(single(e)*float(u))) * scaled)
		odd[r] += float32((float32(single(d>>32)*float(t>>32)) + float32(single(e>>32)*float(u>>32))) * scaled)
	}
}

func single(bits uint64) float32 { return math.Float32frombits(uint32(bits)) }

// halves are the numbers of 16 bits by their bits.
var halves [1 << 16]float32

var fillHalves = sync.OnceFunc(func() {
	for h := range halves {
		halves[h] = tensor.Half(uint16(h))
	}
})

// together is for how many tokens weights of 16 rows are decoded once.
const together = 8

func multiplyFloats(out []float32, stride int, m *Matrix, a *Activations, lo, hi int) {
	var w [Block * Lanes]float32
	for g := lo; g < hi; g++ {
		for from := 0; from < a.n; from += together {
			var sums [together][Lanes][4]float32
			n, quants := min(together, a.n-from), m.quants[g*m.Cols/Block*m.layout.quants:]
			for b := range m.Cols / Block {
				decodeFloats(&w, m.kind, quants[b*m.layout.quants:])
				for i := range n {
					addFloats(&sums[i], &w, (*[Block]float32)(a.row(from + i)[b*Block:]))
				}
			}
			for i := range n {
				for r, s := range sums[i] {
					out[(from+i)*stride+g*Lanes+r] = (s[0] + s[1]) + (s[2] + s[3])
				}
			}
		}
	}
}

// decodeFloats decodes 32 columns of 16 rows, column by column.
func decodeFloats(w *[Block * Lanes]float32, kind tensor.Type, q []byte) {
	switch kind {
	case tensor.F32:
		b := (*[4 * len(w)]byte)(q)[:]
		for i := range w {
			w[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
	case tensor.F16:
		b := (*[2 * len(w)]byte)(q)[:]
		for i := range w {
			w[i] = halves[binary.LittleEndian.Uint16(b[2*i:])]
		}
	case tensor.BF16:
		b := (*[2 * len(w)]byte)(q)[:]
		for i := range w {
			w[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(b[2*i:])) << 16)
		}
	}
}

// addFloats adds 32 columns to the four sums of each row.
func addFloats(sum *[Lanes][4]float32, w *[Block * Lanes]float32, x *[Block]float32) {
	for r := range sum {
		s := &sum[r]
		a, b, c, d := s[0], s[1], s[2], s[3]
		for k := 0; k < Block; k += 4 {
			v := (*[4 * Lanes]float32)(w[k*Lanes:])
			a += float32(v[r] * x[k])
			b += float32(v[Lanes+r] * x[k+1])
			c += float32(v[2*Lanes+r] * x[k+2])
			d += float32(v[3*Lanes+r] * x[k+3])
		}
		s[0], s[1], s[2], s[3] = a, b, c, d
	}
}
