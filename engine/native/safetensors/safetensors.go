// Package safetensors reads the files in which models are published for training: a JSON directory of tensors and their
// bytes. Like package gguf it trusts nothing and allocates nothing larger than the file.
package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"agora/engine/native/tensor"
)

// Errors that callers tell apart.
var (
	ErrFormat      = errors.New("not a safetensors file, get it again")
	ErrDamaged     = errors.New("damaged safetensors file, get it again")
	ErrUnsupported = errors.New("not supported")
)

const (
	maxTensors = 1 << 16
	maxShape   = 4
	maxSide    = 1 << 31
)

var types = map[string]tensor.Type{"F32": tensor.F32, "F16": tensor.F16, "BF16": tensor.BF16}

// File is the directory of a file whose bytes lie in memory. Tensors' data are parts of them. A matrix has its columns in
// Shape[0], the other way round than the file.
type File struct {
	tensors []tensor.Tensor
	index   map[string]int
}

type entry struct {
	DType   string    `json:"dtype"`
	Shape   []int64   `json:"shape"`
	Offsets [2]uint64 `json:"data_offsets"`
}

// Parse reads the directory of a file that lies in data, which must not change while the File is used.
func Parse(data []byte) (*File, error) {
	if len(data) < 10 {
		return nil, fmt.Errorf("%w: it has %d bytes", ErrFormat, len(data))
	}
	n := binary.LittleEndian.Uint64(data)
	if n < 2 || n > uint64(len(data)-8) || data[8] != '{' {
		return nil, fmt.Errorf("%w: a directory of %d bytes in %d", ErrFormat, n, len(data))
	}
	f := &File{index: map[string]int{}}
	if err := f.directory(data[8:8+n], data[8+n:]); err != nil {
		return nil, err
	}
	return f, nil
}

// directory reads one entry at a time, so that an announced list costs nothing before it is there.
func (f *File) directory(text, body []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if key == "__metadata__" {
			err = d.Decode(&struct{}{})
		} else {
			var e entry
			if err = d.Decode(&e); err == nil {
				err = f.add(key.(string), e, body)
			}
		}
		if err != nil {
			return fmt.Errorf("%w: %v: %w", ErrDamaged, key, err)
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}

func (f *File) add(name string, e entry, body []byte) error {
	kind, ok := types[e.DType]
	if !ok {
		return fmt.Errorf("%w: numbers of %q; F32, F16 and BF16 are read", ErrUnsupported, e.DType)
	}
	if _, twice := f.index[name]; twice || name == "" || len(f.tensors) == maxTensors || len(e.Shape) < 1 || len(e.Shape) > maxShape {
		return fmt.Errorf("it is there twice, has no name, or has the shape %v", e.Shape)
	}
	t := tensor.Tensor{Name: name, Type: kind}
	_, size, _ := kind.Block()
	bytes := uint64(size)
	for _, side := range slices.Backward(e.Shape) {
		if side < 1 || side >= maxSide {
			return fmt.Errorf("a side of %d", side)
		}
		if bytes *= uint64(side); bytes > 1<<48 {
			return fmt.Errorf("the shape %v", e.Shape)
		}
		t.Shape = append(t.Shape, int(side))
	}
	from, to := e.Offsets[0], e.Offsets[1]
	if from > to || to > uint64(len(body)) || to-from != bytes {
		return fmt.Errorf("bytes %d to %d of %d for the shape %v of %s", from, to, len(body), e.Shape, e.DType)
	}
	t.Data = body[from:to:to]
	f.index[name] = len(f.tensors)
	f.tensors = append(f.tensors, t)
	return nil
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
