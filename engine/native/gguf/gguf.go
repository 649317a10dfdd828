// Package gguf reads GGUF version 3, the file format of llama.cpp. It trusts nothing: every size, count, offset and name
// is checked against the bytes that are there before it is used, and nothing larger than the file is allocated.
package gguf

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"agora/engine/native/mapping"
	"agora/engine/native/tensor"
)

// Errors that callers tell apart. Each is wrapped with what was found and where.
var (
	ErrFormat      = errors.New("not a GGUF file of version 3, which is what is read, as are folders of config.json, tokenizer.json and safetensors")
	ErrDamaged     = errors.New("damaged GGUF file, get it again")
	ErrUnsupported = errors.New("not supported")
)

const (
	maxEntries = 1 << 16 // metadata keys, and tensors
	maxName    = 1 << 10 // bytes of a key or a tensor's name
	maxShape   = 4       // dimensions
	maxSide    = 1 << 31 // of one dimension
)

// File is the directory of a file whose bytes lie in memory. Tensors' data are parts of those bytes.
type File struct {
	metadata map[string]Value
	tensors  []tensor.Tensor
	index    map[string]int
	file     *mapping.File // nil where the bytes are the caller's
}

// Open maps a file and reads its directory; the errors of what it holds do not name it. Close it when no tensor of it is read any more.
func Open(path string) (*File, error) {
	file, err := mapping.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := Parse(file.Data)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	f.file = file
	return f, nil
}

// Close gives the file's memory back.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}

// Forget gives back the memory of what was read so far; tensors can be read again.
func (f *File) Forget() {
	if f.file != nil {
		f.file.Forget()
	}
}

// Parse reads the directory of a file that lies in data, which must not change while the File is used.
func Parse(data []byte) (*File, error) {
	r := &reader{data: data}
	if r.u32() != 0x46554747 {
		return nil, fmt.Errorf("%w: it does not begin with GGUF", ErrFormat)
	}
	if v := r.u32(); v != 3 {
		return nil, fmt.Errorf("%w: it has version %d", ErrFormat, v)
	}
	tensors, keys := r.count(maxEntries, 1), r.count(maxEntries, 1)
	f := &File{metadata: map[string]Value{}, index: map[string]int{}}
	for i := 0; i < keys && r.err == nil; i++ {
		f.addKey(r)
	}
	for i := 0; i < tensors && r.err == nil; i++ {
		f.addTensor(r)
	}
	if r.err != nil {
		return nil, r.err
	}
	return f, f.place(r)
}

func (f *File) addKey(r *reader) {
	name := r.name()
	v := r.value(Type(r.u32()))
	if _, twice := f.metadata[name]; twice {
		r.fail("key %q is there twice", name)
		return
	}
	f.metadata[name] = v
}

func (f *File) addTensor(r *reader) {
	t := tensor.Tensor{Name: r.name()}
	if _, twice := f.index[t.Name]; twice {
		r.fail("tensor %q is there twice", t.Name)
		return
	}
	n := r.u32()
	if n < 1 || n > maxShape {
		r.fail("tensor %q has %d dimensions, want 1 to %d", t.Name, n, maxShape)
		return
	}
	for range n {
		d := r.u64()
		if d < 1 || d >= maxSide {
			r.fail("tensor %q has a side of %d", t.Name, d)
			return
		}
		t.Shape = append(t.Shape, int(d))
	}
	t.Type = tensor.Type(r.u32())
	r.offsets = append(r.offsets, r.u64())
	f.index[t.Name] = len(f.tensors)
	f.tensors = append(f.tensors, t)
}

// place cuts the tensors' bytes out of what follows the directory.
func (f *File) place(r *reader) error {
	align, err := f.alignment()
	if err != nil {
		return err
	}
	base := uint64(r.at+align-1) / uint64(align) * uint64(align)
	for i := range f.tensors {
		t := &f.tensors[i]
		size, err := bytesOf(t)
		if err != nil {
			return err
		}
		from, all := r.offsets[i], uint64(len(r.data))
		if base > all || from%uint64(align) != 0 || from > all-base || size > all-base-from {
			return fmt.Errorf("%w: tensor %q wants %d bytes at %d after byte %d, the file has %d", ErrDamaged, t.Name, size, from, base, all)
		}
		t.Data = r.data[base+from : base+from+size : base+from+size]
	}
	return nil
}

func (f *File) alignment() (int, error) {
	v, ok := f.metadata["general.alignment"]
	if !ok {
		return 32, nil
	}
	n, ok := v.Int()
	if !ok || n < 8 || n > 1<<16 || n&(n-1) != 0 {
		return 0, fmt.Errorf("%w: an alignment of %d", ErrDamaged, n)
	}
	return n, nil
}

// bytesOf is the size of a tensor's data; the product of its sides is kept below 2⁴⁷ so that nothing overflows.
func bytesOf(t *tensor.Tensor) (uint64, error) {
	weights, bytes, ok := t.Type.Block()
	if !ok {
		return 0, fmt.Errorf("%w: tensor %q is %s; F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q4_K and Q6_K are read", ErrUnsupported, t.Name, t.Type)
	}
	if t.Shape[0]%weights != 0 {
		return 0, fmt.Errorf("%w: rows of tensor %q have %d weights, no multiple of %d", ErrDamaged, t.Name, t.Shape[0], weights)
	}
	n := uint64(1)
	for _, d := range t.Shape {
		if n *= uint64(d); n > 1<<46 || n > math.MaxInt {
			return 0, fmt.Errorf("%w: tensor %q has more than 2⁴⁶ weights", ErrDamaged, t.Name)
		}
	}
	return n / uint64(weights) * uint64(bytes), nil
}

// Tensor is the tensor of this name.
func (f *File) Tensor(name string) (tensor.Tensor, bool) {
	i, ok := f.index[name]
	if !ok {
		return tensor.Tensor{}, false
	}
	return f.tensors[i], true
}

// Tensors lists all tensors in the file's order. The list is not to be changed.
func (f *File) Tensors() []tensor.Tensor { return f.tensors }

// Keys lists the metadata's keys in alphabetical order.
func (f *File) Keys() []string { return slices.Sorted(maps.Keys(f.metadata)) }

// Meta is the metadata of a key; a missing one has Kind 0xffffffff and answers every question with "no".
func (f *File) Meta(key string) Value {
	if v, ok := f.metadata[key]; ok {
		return v
	}
	return Value{Kind: missing}
}
