package gguf

import (
	"encoding/binary"
	"fmt"
	"math"

	"agora/engine/native/tensor"
)

// Writer is a file in the making. Its zero value is an empty file.
type Writer struct {
	keys, tensors   int
	meta, directory []byte
	data            []byte
}

const writeAlign = 32

func text(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

// Set adds a metadata value: a string, an int of 32 bits, a float32, a bool, or a list of strings, float32 or int32.
func (w *Writer) Set(key string, value any) {
	le := binary.LittleEndian
	kind := func(k uint32) { w.meta = le.AppendUint32(w.meta, k) }
	list := func(k uint32, n int) { kind(9); kind(k); w.meta = le.AppendUint64(w.meta, uint64(n)) }
	w.keys++
	w.meta = text(w.meta, key)
	switch v := value.(type) {
	case string:
		kind(8)
		w.meta = text(w.meta, v)
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
		w.meta = append(w.meta, b)
	case []string:
		list(8, len(v))
		for _, s := range v {
			w.meta = text(w.meta, s)
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
		panic(fmt.Sprintf("gguf: a metadata value of type %T", value))
	}
}

// Keep adds a metadata value of another file as it is there.
func (w *Writer) Keep(key string, v Value) {
	le := binary.LittleEndian
	w.keys++
	w.meta = le.AppendUint32(text(w.meta, key), uint32(v.Kind))
	switch v.Kind {
	case typeArray:
		w.meta = le.AppendUint64(le.AppendUint32(w.meta, uint32(v.elem)), uint64(v.n))
	case typeString:
		w.meta = le.AppendUint64(w.meta, uint64(len(v.raw)))
	}
	w.meta = append(w.meta, v.raw...)
}

// Add adds a tensor.
func (w *Writer) Add(t tensor.Tensor) {
	le := binary.LittleEndian
	w.tensors++
	w.directory = le.AppendUint32(text(w.directory, t.Name), uint32(len(t.Shape)))
	for _, d := range t.Shape {
		w.directory = le.AppendUint64(w.directory, uint64(d))
	}
	w.directory = le.AppendUint32(w.directory, uint32(t.Type))
	w.directory = le.AppendUint64(w.directory, uint64(len(w.data)))
	w.data = pad(append(w.data, t.Data...))
}

func pad(b []byte) []byte { return append(b, make([]byte, -len(b)&(writeAlign-1))...) }

// Bytes is the file.
func (w *Writer) Bytes() []byte {
	le := binary.LittleEndian
	b := le.AppendUint32([]byte("GGUF"), 3)
	b = le.AppendUint64(b, uint64(w.tensors))
	b = le.AppendUint64(b, uint64(w.keys))
	b = append(append(b, w.meta...), w.directory...)
	return append(pad(b), w.data...)
}
