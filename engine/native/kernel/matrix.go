package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"

	"agora/engine/native/tensor"
)

// ErrWeights says that a matrix cannot be used: its shape, or a number that is not finite.
var ErrWeights = errors.New("unusable weights")

// layout of a packed matrix: how many bytes 16 rows of 32 columns take.
type layout struct {
	quants, scales int
}

// Quants of 4 bits: vector j of 4 holds in byte 4r+i column 4j+i of row r in its low and column 16+4j+i in its high nibble.
// Q5_0 adds 8 words of 64 bits, one per 4 columns, bit 4r+i the fifth bit of column 4j+i of row r.
// Quants of 8 bits: vector j of 8 holds column 4j+i of row r in byte 4r+i, offset by 128 (Q8_0) or 32 (Q6_K).
// Scales: float16 d (Q4_0, Q5_0, Q8_0), d and m (Q4_1); float32 d and m (Q4_K), d of each half (Q6_K).
// Floats lie column by column, 16 rows each, as in the file.
var layouts = map[tensor.Type]layout{
	tensor.Q40: {256, 32}, tensor.Q41: {256, 64}, tensor.Q50: {320, 32}, tensor.Q80: {512, 32},
	tensor.Q4K: {256, 128}, tensor.Q6K: {512, 128},
	tensor.F16: {1024, 0}, tensor.BF16: {1024, 0}, tensor.F32: {2048, 0},
}

// Matrix holds weights packed for multiplication. It is only read, by any number of goroutines.
type Matrix struct {
	Rows, Cols     int
	kind           tensor.Type
	layout         layout
	quants, scales []byte
	room           *Room // that they lie in
}

// Width is the room that a product takes: Rows rounded up to a multiple of 16.
func (m *Matrix) Width() int { return (m.Rows + Lanes - 1) / Lanes * Lanes }

// Bytes is the memory that the weights take.
func (m *Matrix) Bytes() int { return len(m.quants) + len(m.scales) }

// Pack copies a matrix of Shape [cols, rows] into the order of the loops. cols must be a multiple of 32, and
// of the format's own blocks.
func Pack(t tensor.Tensor) (*Matrix, error) { return NewRoom(Packed(t)).Pack(t) }

// Pack is Pack into this room.
func (r *Room) Pack(t tensor.Tensor) (*Matrix, error) {
	l, ok := layouts[t.Type]
	weights, _, _ := t.Type.Block()
	if whole := max(Block, weights); !ok || len(t.Shape) != 2 || t.Shape[0]%whole != 0 {
		return nil, fmt.Errorf("%w: %s is %v of %s; a matrix needs columns in a multiple of %d", ErrWeights, t.Name, t.Shape, t.Type, whole)
	}
	m := &Matrix{Rows: t.Shape[1], Cols: t.Shape[0], kind: t.Type, layout: l, room: r}
	chunks := m.Width() / Lanes * (m.Cols / Block)
	m.quants, m.scales = r.take(chunks*l.quants), r.take(chunks*l.scales)
	return m, (&packer{m: m, t: t}).pack()
}

// group is the packed quants and scales of 16 rows.
func (m *Matrix) group(i int) (quants, scales []byte) {
	chunks := m.Cols / Block
	return m.quants[i*chunks*m.layout.quants : (i+1)*chunks*m.layout.quants], m.scales[i*chunks*m.layout.scales : (i+1)*chunks*m.layout.scales]
}

// chunk is the packed quants and scales of 16 rows and 32 columns.
func (m *Matrix) chunk(group, block int) (quants, scales []byte) {
	i := group*(m.Cols/Block) + block
	return m.quants[i*m.layout.quants : (i+1)*m.layout.quants], m.scales[i*m.layout.scales : (i+1)*m.layout.scales]
}

// Row decodes a row, for a matrix that is also a table of embeddings.
func (m *Matrix) Row(out []float32, r int) {
	for b := range m.Cols / Block {
		q, s := m.chunk(r/Lanes, b)
		m.decode(out[b*Block:(b+1)*Block], q, s, r%Lanes)
	}
}

func (m *Matrix) decode(out []float32, q, s []byte, r int) {
	half := func(at int) float32 { return tensor.Half(binary.LittleEndian.Uint16(s[at+2*r:])) }
	single := func(at int) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(s[at+4*r:])) }
	for k := range out {
		v := float32(m.quant(q, r, k))
		switch m.kind {
		case tensor.Q40:
			out[k] = float32(half(0) * (v - 8))
		case tensor.Q50:
			out[k] = float32(half(0) * (v - 16))
		case tensor.Q80:
			out[k] = float32(half(0) * (v - 128))
		case tensor.Q41:
			out[k] = float32(half(0)*v) + half(32)
		case tensor.Q4K:
			out[k] = float32(single(0)*v) + single(64)
		case tensor.Q6K:
			out[k] = float32(single(k/16*64) * (v - 32))
		default:
			out[k] = m.float(q, r, k)
		}
	}
}

// quant is the unsigned number of column k of row r; 0 for floats.
func (m *Matrix) quant(q []byte, r, k int) byte {
	switch m.kind {
	case tensor.Q80, tensor.Q6K:
		return q[k/4*64+4*r+k%4]
	case tensor.F16, tensor.BF16, tensor.F32:
		return 0
	}
	v := q[k%16/4*64+4*r+k%4] >> (k / 16 * 4) & 15
	if m.kind == tensor.Q50 {
		bits := binary.LittleEndian.Uint64(q[256+k/4*8:])
		v |= byte(bits>>(4*r+k%4)&1) << 4
	}
	return v
}

func (m *Matrix) float(q []byte, r, k int) (v float32) {
	size := m.layout.quants / (Lanes * Block)
	at := (k*Lanes + r) * size
	var out [1]float32
	tensor.Decode(out[:], m.kind, q[at:at+size])
	return out[0]
}

// Multiply computes out[i·stride + r] = Σ_c m[r][c]·a[i][c] for all rows of a. stride is at least Width.
func (m *Matrix) Multiply(out []float32, stride int, a *Activations) {
	if a.cols != m.Cols || a.n > 0 && len(out) < (a.n-1)*stride+m.Width() || stride < m.Width() {
		panic(fmt.Sprintf("kernel: %d×%d times %d×%d into %d of stride %d", m.Rows, m.Cols, a.cols, a.n, len(out), stride))
	}
	if m.layout.scales != 0 {
		a.quantise()
	}
	// A tile of rows stays in the second cache while all tokens pass over it.
	groups := m.Width() / Lanes
	tile := max(1, (1<<18)/(m.Cols/Block*m.layout.quants))
	for lo := 0; lo < groups; lo += tile {
		multiply(out, stride, m, a, lo, min(lo+tile, groups))
	}
	runtime.KeepAlive(m) // its memory goes with it
}
