// Package assemble writes small WebAssembly modules, instruction by instruction, for tests of what runs them: the ones that lie,
// loop and trap no compiler would write.
package assemble

import "slices"

// Types of values.
const (
	I32 = 0x7f
	I64 = 0x7e
	F64 = 0x7c
)

// Func is one function; it is exported where it has a name.
type Func struct {
	Name            string
	Params, Results []byte
	Locals          []byte // types of its local variables
	Code            []byte // without the last end
}

// Module is a module with this many pages of memory, which begins with data, one mutable global of type i64, a table with its
// functions, and the functions.
func Module(pages uint32, data []byte, funcs ...Func) []byte {
	var types, indices, exports, elements, bodies [][]byte
	exports = append(exports, slices.Concat(name("memory"), []byte{2, 0}))
	for i, f := range funcs {
		types = append(types, slices.Concat([]byte{0x60}, vec(f.Params), vec(f.Results)))
		indices = append(indices, Unsigned(uint64(i)))
		elements = append(elements, Unsigned(uint64(i)))
		if f.Name != "" {
			exports = append(exports, slices.Concat(name(f.Name), []byte{0}, Unsigned(uint64(i))))
		}
		locals := Unsigned(uint64(len(f.Locals)))
		for _, t := range f.Locals {
			locals = append(locals, 1, t)
		}
		bodies = append(bodies, vec(slices.Concat(locals, f.Code, []byte{0x0b})))
	}
	count := Unsigned(uint64(len(funcs)))
	return slices.Concat([]byte("\x00asm\x01\x00\x00\x00"),
		section(1, list(types)), section(3, list(indices)),
		section(4, slices.Concat([]byte{1, 0x70, 0}, count)),
		section(5, slices.Concat([]byte{1, 0}, Unsigned(uint64(pages)))),
		section(6, []byte{1, I64, 1, 0x42, 0, 0x0b}),
		section(7, list(exports)),
		section(9, slices.Concat([]byte{1, 0, 0x41, 0, 0x0b}, list(elements))),
		section(10, list(bodies)),
		section(11, slices.Concat([]byte{1, 0, 0x41, 0, 0x0b}, vec(data))))
}

// Where a task's description and item stand in its memory, and where the host may write.
const (
	DescriptionAt = 1024
	ItemAt        = 2048
	RoomAt        = 8192
)

// Task is a module that describes itself as a task called "hostile" and gives these items and scores; item and score are the
// instructions of the interface's functions, which leave an i64.
func Task(item, score []byte, more ...Func) []byte {
	const about = `{"name":"hostile"}`
	data := make([]byte, RoomAt)
	copy(data[DescriptionAt:], about)
	copy(data[ItemAt:], Item)
	return Module(40, data, append([]Func{
		{Name: "agora_task_v1"},
		{Name: "agora_alloc", Params: []byte{I32}, Results: []byte{I32}, Code: slices.Concat([]byte{0x41}, Signed(RoomAt))},
		{Name: "agora_describe", Results: []byte{I64}, Code: Point(DescriptionAt, len(about))},
		{Name: "agora_item", Params: []byte{I32, I64}, Results: []byte{I64}, Locals: []byte{I32, F64}, Code: item},
		{Name: "agora_score", Params: []byte{I32, I32, I32, I32}, Results: []byte{I64}, Locals: []byte{I32, F64}, Code: score},
	}, more...)...)
}

// Item is an honest item, as agora_item gives it.
var Item = slices.Concat(field("/v1/chat/completions"), field(`{"model":"task"}`), field("key"))

// Point is the instruction that leaves an address and a size.
func Point(at, size int) []byte {
	return slices.Concat([]byte{0x42}, Signed(int64(at)<<32|int64(size)))
}

func field(s string) []byte {
	n := len(s)
	return append([]byte{byte(n), byte(n >> 8), 0, 0}, s...)
}

func section(id byte, body []byte) []byte {
	return slices.Concat([]byte{id}, Unsigned(uint64(len(body))), body)
}

func list(parts [][]byte) []byte {
	return slices.Concat(Unsigned(uint64(len(parts))), slices.Concat(parts...))
}

func vec(b []byte) []byte  { return slices.Concat(Unsigned(uint64(len(b))), b) }
func name(s string) []byte { return vec([]byte(s)) }

// Unsigned is a number in LEB128.
func Unsigned(v uint64) (out []byte) {
	for v >= 0x80 {
		out, v = append(out, byte(v)|0x80), v>>7
	}
	return append(out, byte(v))
}

// Signed is a number in signed LEB128.
func Signed(v int64) (out []byte) {
	for {
		b := byte(v & 0x7f)
		v >>= 7
		if v == 0 && b&0x40 == 0 || v == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}
