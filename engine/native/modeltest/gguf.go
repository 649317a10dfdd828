// Package modeltest writes small model files of random weights, for tests of what reads and runs them.
package modeltest

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"agora/engine/native/gguf"
	"agora/engine/native/tensor"
)

// File is a GGUF file in the making.
type File = gguf.Writer

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
	half := func(at int, x float64) { binary.LittleEndian.PutUint16(b[at:], tensor.ToHalf(float32(x))) }
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

// Floats is an F32 tensor of these numbers.
func Floats(name string, x []float32, shape ...int) tensor.Tensor {
	t := tensor.Tensor{Name: name, Type: tensor.F32, Shape: shape}
	for _, v := range x {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(v))
	}
	return t
}
