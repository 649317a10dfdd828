package gguf

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"strings"
)

// Type is the type of a metadata value, by its number in the file.
type Type uint32

const (
	typeU8 Type = iota
	typeI8
	typeU16
	typeI16
	typeU32
	typeI32
	typeF32
	typeBool
	typeString
	typeArray
	typeU64
	typeI64
	typeF64
	missing Type = math.MaxUint32
)

// sizes of values in the file; a string has at least its length's 8 bytes.
var sizes = map[Type]int{
	typeU8: 1, typeI8: 1, typeU16: 2, typeI16: 2, typeU32: 4, typeI32: 4, typeF32: 4, typeBool: 1, typeString: 8, typeU64: 8, typeI64: 8, typeF64: 8,
}

// Value is a metadata value as it lies in the file. Arrays stay there and are read one element at a time.
type Value struct {
	Kind Type
	raw  []byte // of a scalar, a string's bytes, an array's elements
	elem Type
	n    int
}

// Present says whether the file has the key.
func (v Value) Present() bool { return v.Kind != missing }

// Text is a string's value.
func (v Value) Text() (string, bool) {
	if v.Kind != typeString {
		return "", false
	}
	return string(v.raw), true
}

// Int is an integer's value where an int of 32 bits holds it.
func (v Value) Int() (int, bool) {
	var n int64
	switch v.Kind {
	case typeU8, typeBool:
		n = int64(v.raw[0])
	case typeI8:
		n = int64(int8(v.raw[0]))
	case typeU16:
		n = int64(binary.LittleEndian.Uint16(v.raw))
	case typeI16:
		n = int64(int16(binary.LittleEndian.Uint16(v.raw)))
	case typeU32:
		n = int64(binary.LittleEndian.Uint32(v.raw))
	case typeI32:
		n = int64(int32(binary.LittleEndian.Uint32(v.raw)))
	case typeU64, typeI64:
		n = int64(binary.LittleEndian.Uint64(v.raw))
	default:
		return 0, false
	}
	if n != int64(int32(n)) {
		return 0, false
	}
	return int(n), true
}

// Float is a number's value.
func (v Value) Float() (float64, bool) {
	switch v.Kind {
	case typeF32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(v.raw))), true
	case typeF64:
		return math.Float64frombits(binary.LittleEndian.Uint64(v.raw)), true
	}
	n, ok := v.Int()
	return float64(n), ok
}

// Bool is a truth value.
func (v Value) Bool() (value, ok bool) {
	if v.Kind != typeBool {
		return false, false
	}
	return v.raw[0] != 0, true
}

// Len is an array's number of elements, 0 for anything else.
func (v Value) Len() int { return v.n }

// Strings goes over an array of strings, which are parts of one copy; over nothing where the value is none.
func (v Value) Strings() iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		if v.elem != typeString {
			return
		}
		var all strings.Builder
		all.Grow(len(v.raw) - 8*v.n)
		for rest := v.raw; len(rest) > 0; {
			end := 8 + binary.LittleEndian.Uint64(rest)
			all.Write(rest[8:end])
			rest = rest[end:]
		}
		at, rest := v.raw, all.String()
		for i := range v.n {
			n := binary.LittleEndian.Uint64(at)
			if !yield(i, rest[:n]) {
				return
			}
			at, rest = at[8+n:], rest[n:]
		}
	}
}

// Elements goes over an array of scalars; over nothing where the value is none.
func (v Value) Elements() iter.Seq2[int, Value] {
	return func(yield func(int, Value) bool) {
		size, ok := sizes[v.elem]
		if !ok || v.elem == typeString {
			return
		}
		for i := range v.n {
			if !yield(i, Value{Kind: v.elem, raw: v.raw[i*size : (i+1)*size]}) {
				return
			}
		}
	}
}

// reader walks the directory. After the first error everything it reads is zero.
type reader struct {
	data    []byte
	at      int
	err     error
	offsets []uint64
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w at byte %d: %s", ErrDamaged, r.at, fmt.Sprintf(format, args...))
	}
}

var zeros [8]byte

// take is the next n bytes; where there are fewer it fails and gives at most 8 zeros.
func (r *reader) take(n uint64) []byte {
	if r.err == nil && n > uint64(len(r.data)-r.at) {
		r.fail("%d bytes wanted, %d left", n, len(r.data)-r.at)
	}
	if r.err != nil {
		return zeros[:min(n, 8)]
	}
	b := r.data[r.at : r.at+int(n) : r.at+int(n)]
	r.at += int(n)
	return b
}

func (r *reader) u32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

// count reads a number of things of at least size bytes each, of which at most most may follow.
func (r *reader) count(most, size int) int {
	n := r.u64()
	if n > uint64(most) || n > uint64(len(r.data)-r.at)/uint64(size) {
		r.fail("%d entries are announced, %d bytes follow", n, len(r.data)-r.at)
		return 0
	}
	return int(n)
}

func (r *reader) name() string {
	n := r.u64()
	if n < 1 || n > maxName {
		r.fail("a name of %d bytes", n)
		return ""
	}
	return string(r.take(n))
}

func (r *reader) value(kind Type) Value {
	v := Value{Kind: kind}
	switch kind {
	case typeString:
		v.raw = r.take(r.u64())
	case typeArray:
		v.elem = Type(r.u32())
		v.n, v.raw = r.array(v.elem)
	default:
		size, ok := sizes[kind]
		if !ok {
			r.fail("a value of unknown type %d", kind)
			return v
		}
		v.raw = r.take(uint64(size))
	}
	return v
}

// array steps over an array's elements after checking each, and returns the bytes that they take. Arrays in arrays,
// which no model file has, are refused.
func (r *reader) array(elem Type) (n int, raw []byte) {
	size, ok := sizes[elem]
	if !ok {
		r.fail("an array of type %d", elem)
		return 0, nil
	}
	n = r.count(math.MaxInt32, size)
	from := r.at
	if elem != typeString {
		r.take(uint64(n) * uint64(size))
	}
	for i := 0; elem == typeString && i < n && r.err == nil; i++ {
		r.take(r.u64())
	}
	if r.err != nil {
		return 0, nil
	}
	return n, r.data[from:r.at:r.at]
}
