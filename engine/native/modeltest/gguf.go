// Package modeltest writes small model files of random weights, for tests of what reads and runs them.
package modeltest

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"

	"agora/engine/native/tensor"
)

// File is a GGUF file in the making.
type File struct {
	keys, tensors   int
	meta, directory []byte
	data            []byte
}

const align = 32

func text(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

// Set adds a metadata value: string, int, float32, bool, []string, []float32 or []int32.
func (f *File) Set(key string, value any) {
	le := binary.LittleEndian
	kind := func(k uint32) { f.meta = le.AppendUint32(f.meta, k) }
	list := func(k uint32, n int) { kind(9); kind(k); f.meta = le.AppendUint64(f.meta, uint64(n)) }
	f.keys++
	f.meta = text(f.meta, key)
	switch v := value.(type) {
	case string:
		kind(8)
		f.meta = text(f.meta, v)
	case int:
		kind(4)
		kind(uint32(v))
	case float32:
		kind(6)
		kind(math.Float32bits(v))
	case bool:
		kind(7)
		b := byte(0)
		if v {
			b = 1
		}
		f.meta = append(f.meta, b)
	case []string:
		list(8, len(v))
		for _, s := range v {
			f.meta = text(f.meta, s)
		}
	case []float32:
		list(6, len(v))
		for _, x := range v {
			kind(math.Float32bits(x))
		}
	case []int32:
		list(5, len(v))
		for _, x := range v {
			kind(uint32(x))
		}
	default:
		panic(fmt.Sprintf("modeltest: a value of type %T", value))
	}
}

// Add adds a tensor.
func (f *File) Add(t tensor.Tensor) {
	le := binary.LittleEndian
	f.tensors++
	f.directory = le.AppendUint32(text(f.directory, t.Name), uint32(len(t.Shape)))
	for _, d := range t.Shape {
		f.directory = le.AppendUint64(f.directory, uint64(d))
	}
	f.directory = le.AppendUint32(f.directory, uint32(t.Type))
	f.directory = le.AppendUint64(f.directory, uint64(len(f.data)))
	f.data = pad(append(f.data, t.Data...))
}

func pad(b []byte) []byte { return append(b, make([]byte, -len(b)&(align-1))...) }

// Bytes is the file.
func (f *File) Bytes() []byte {
	le := binary.LittleEndian
	b := le.AppendUint32([]byte("GGUF"), 3)
	b = le.AppendUint64(b, uint64(f.tensors))
	b = le.AppendUint64(b, uint64(f.keys))
	b = append(append(b, f.meta...), f.directory...)
	return append(pad(b), f.data...)
}

// Random is a tensor of random weights of about the given size.
func Random(r *rand.Rand, name string, t tensor.Type, size float64, shape ...int) tensor.Tensor {
	out := tensor.Tensor{Name: name, Type: t, Shape: shape}
	weights, bytes, _ := t.Block()
	out.Data = make([]byte, out.Elements()/weights*bytes)
	for b := out.Data; len(b) > 0; b = b[bytes:] {
		randomBlock(r, b[:bytes], t, size)
	}
	return out
}

func randomBlock(r *rand.Rand, b []byte, t tensor.Type, size float64) {
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	half := func(at int, x float64) { binary.LittleEndian.PutUint16(b[at:], Half(float32(x))) }
	some := size * (0.5 + r.Float64())
	switch t {
	case tensor.F32:
		binary.LittleEndian.PutUint32(b, math.Float32bits(float32(r.NormFloat64()*size)))
	case tensor.F16:
		half(0, r.NormFloat64()*size)
	case tensor.BF16:
		binary.LittleEndian.PutUint16(b, uint16(math.Float32bits(float32(r.NormFloat64()*size))>>16))
	case tensor.Q40:
		half(0, some/4)
	case tensor.Q41:
		half(0, some/4)
		half(2, -some*2)
	case tensor.Q50:
		half(0, some/8)
	case tensor.Q80:
		half(0, some/64)
	case tensor.Q4K: // scales of 0 to 63
		half(0, some/128)
		half(2, some/16)
	case tensor.Q6K: // scales of -128 to 127
		half(208, some/1024)
	}
}

// Half is the float16 next to a number that it can hold, halves to even.
func Half(f float32) uint16 {
	b := math.Float32bits(float32(f * 0x1p-112))
	sign := uint16(b >> 16 & 0x8000)
	b &= 0x7fffffff
	return sign | uint16((b+0xfff+b>>13&1)>>13)
}

// Floats is an F32 tensor of these numbers.
func Floats(name string, x []float32, shape ...int) tensor.Tensor {
	t := tensor.Tensor{Name: name, Type: tensor.F32, Shape: shape}
	for _, v := range x {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(v))
	}
	return t
}
