// Package tensor names the number formats of model files and decodes them.
package tensor

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Type is a number format, by its number in GGUF.
type Type uint32

// The formats that are read. A block of Q40 … Q80 holds 32 weights, one of Q4K and Q6K 256.
const (
	F32  Type = 0
	F16  Type = 1
	Q40  Type = 2
	Q41  Type = 3
	Q50  Type = 6
	Q80  Type = 8
	Q4K  Type = 12
	Q6K  Type = 14
	BF16 Type = 30
)

type layout struct {
	name           string
	weights, bytes int // of a block
}

var layouts = [...]layout{
	F32: {"F32", 1, 4}, F16: {"F16", 1, 2}, BF16: {"BF16", 1, 2}, Q40: {"Q4_0", 32, 18}, Q41: {"Q4_1", 32, 20},
	Q50: {"Q5_0", 32, 22}, Q80: {"Q8_0", 32, 34}, Q4K: {"Q4_K", 256, 144}, Q6K: {"Q6_K", 256, 210},
}

// foreign names the formats that files may have and this program does not read.
var foreign = map[Type]string{
	7: "Q5_1", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 13: "Q5_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
	20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M",
	34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
}

// String is the format's name as GGUF files spell it.
func (t Type) String() string {
	if l := t.layout(); l.weights > 0 {
		return l.name
	}
	if name, ok := foreign[t]; ok {
		return name
	}
	return fmt.Sprintf("format %d", uint32(t))
}

// Block is how many weights share a block of how many bytes. ok is false for a format that is not read.
func (t Type) Block() (weights, bytes int, ok bool) {
	l := t.layout()
	return l.weights, l.bytes, l.weights > 0
}

// layout is nothing for a format that is not read.
func (t Type) layout() layout {
	if t < Type(len(layouts)) {
		return layouts[t]
	}
	return layout{}
}

// Tensor is a named array. Shape[0] runs fastest: a matrix has Shape[0] columns and Shape[1] rows. Data may be a part of
// a mapped file and is only read.
type Tensor struct {
	Name  string
	Type  Type
	Shape []int
	Data  []byte
}

// Elements is the number of weights.
func (t Tensor) Elements() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Row is the bytes of row r of a matrix.
func (t Tensor) Row(r int) []byte {
	weights, bytes, _ := t.Type.Block()
	size := t.Shape[0] / weights * bytes
	return t.Data[r*size : (r+1)*size]
}

// Floats decodes the whole tensor.
func (t Tensor) Floats() []float32 {
	out := make([]float32, t.Elements())
	Decode(out, t.Type, t.Data)
	return out
}

// Decode turns len(out) weights of whole blocks into numbers. data has exactly their bytes.
func Decode(out []float32, t Type, data []byte) {
	weights, bytes, ok := t.Block()
	if !ok || len(out)%weights != 0 || len(data) < len(out)/weights*bytes {
		panic(fmt.Sprintf("tensor: %d weights of %s in %d bytes", len(out), t, len(data)))
	}
	switch t {
	case F32:
		for i := 0; i < len(out) && len(data) >= 4; i, data = i+1, data[4:] {
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(data))
		}
		return
	case F16:
		for i := 0; i < len(out) && len(data) >= 2; i, data = i+1, data[2:] {
			out[i] = Half(binary.LittleEndian.Uint16(data))
		}
		return
	case BF16:
		for i := 0; i < len(out) && len(data) >= 2; i, data = i+1, data[2:] {
			out[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(data)) << 16)
		}
		return
	}
	for ; len(out) > 0; out, data = out[weights:], data[bytes:] {
		decodeBlock(out[:weights], t, data[:bytes])
	}
}

func decodeBlock(out []float32, t Type, b []byte) {
	switch t {
	case Q4K:
		decodeQ4K(out, b)
	case Q6K:
		decodeQ6K(out, b)
	default:
		decodeSmall(out, t, b)
	}
}

// decodeSmall decodes a block of 32: d·(q−8), d·q+m, d·(q−16), d·q.
func decodeSmall(out []float32, t Type, b []byte) {
	d, m := Half(binary.LittleEndian.Uint16(b)), float32(0)
	switch t {
	case Q40:
		m = float32(-8 * d)
	case Q50:
		m = float32(-16 * d)
	case Q41:
		m = Half(binary.LittleEndian.Uint16(b[2:]))
	}
	var q [32]int8
	switch t {
	case Q80:
		for k := range q {
			q[k] = int8(b[2+k])
		}
	case Q50:
		high := binary.LittleEndian.Uint32(b[2:])
		for k := range 16 {
			q[k] = int8(b[6+k]&15) | int8(high>>k&1)<<4
			q[k+16] = int8(b[6+k]>>4) | int8(high>>(k+16)&1)<<4
		}
	default:
		nibbles := b[len(b)-16:]
		for k := range 16 {
			q[k], q[k+16] = int8(nibbles[k]&15), int8(nibbles[k]>>4)
		}
	}
	for k := range q {
		out[k] = float32(d*float32(q[k])) + m
	}
}

// ScalesQ4K are the scale and the minimum of part i of 8 of a Q4_K block: its weights are scale·q − minimum.
func ScalesQ4K(b []byte, i int) (scale, minimum float32) {
	d, dmin, s := Half(binary.LittleEndian.Uint16(b)), Half(binary.LittleEndian.Uint16(b[2:])), b[4:16]
	var sc, m byte
	if i < 4 {
		sc, m = s[i]&63, s[i+4]&63
	} else {
		sc, m = s[i+4]&15|s[i-4]>>6<<4, s[i+4]>>4|s[i]>>6<<4
	}
	return float32(d * float32(sc)), float32(dmin * float32(m))
}

// ones has a one in each byte: eight numbers are unpacked at a time.
const ones = 0x0101010101010101

// QuantsQ4K are the 32 numbers of 0 to 15 of part i of 8.
func QuantsQ4K(q *[32]byte, b []byte, i int) {
	b = b[16+i/2*32:][:32]
	for k := 0; k < 32; k += 8 {
		binary.LittleEndian.PutUint64(q[k:], binary.LittleEndian.Uint64(b[k:])>>(4*(i&1))&(15*ones))
	}
}

func decodeQ4K(out []float32, b []byte) {
	var q [32]byte
	for i := range 8 {
		d, m := ScalesQ4K(b, i)
		QuantsQ4K(&q, b, i)
		for k, v := range q {
			out[32*i+k] = float32(d*float32(v)) - m
		}
	}
}

// ScaleQ6K is the scale of part i of 16 of a Q6_K block, each of 16 weights scale·(q−32).
func ScaleQ6K(b []byte, i int) float32 {
	return float32(Half(binary.LittleEndian.Uint16(b[208:])) * float32(int8(b[192+i])))
}

// QuantsQ6K are the 32 numbers of 0 to 63 of parts 2i and 2i+1.
func QuantsQ6K(q *[32]byte, b []byte, i int) {
	half, quarter := i/4, i%4 // of 128 weights, of 32
	low, high := b[64*half+32*(quarter&1):][:32], b[128+32*half:][:32]
	for k := 0; k < 32; k += 8 {
		l := binary.LittleEndian.Uint64(low[k:]) >> (4 * (quarter >> 1)) & (15 * ones)
		h := binary.LittleEndian.Uint64(high[k:]) >> (2 * quarter) & (3 * ones)
		binary.LittleEndian.PutUint64(q[k:], l|h<<4)
	}
}

func decodeQ6K(out []float32, b []byte) {
	var q [32]byte
	for i := range 8 {
		QuantsQ6K(&q, b, i)
		for k, v := range q {
			out[32*i+k] = float32(ScaleQ6K(b, 2*i+k/16) * float32(int(v)-32))
		}
	}
}

// Half is the number of a finite float16; an infinity or NaN becomes a large finite number: see Finite.
func Half(h uint16) float32 {
	return float32(math.Float32frombits(uint32(int32(int16(h))<<13)&0x8fffe000) * 0x1p112)
}

// ToHalf is the float16 next to a number that it can hold, halves to even.
func ToHalf(f float32) uint16 {
	b := math.Float32bits(float32(f * 0x1p-112))
	sign := uint16(b >> 16 & 0x8000)
	b &= 0x7fffffff
	return sign | uint16((b+0xfff+b>>13&1)>>13)
}

// FiniteHalf says whether a float16 is a number.
func FiniteHalf(h uint16) bool { return h>>10&31 != 31 }
