// Package assemble writes small WebAssembly modules, instruction by instruction, for tests of what runs them: the ones that lie,
// loop and trap no compiler would write.
package assemble

import (
	"slices"
	"strings"
)

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
	return importing(nil, pages, data, funcs...)
}

// importing is Module with functions of the host, which come before its own. Their names have a dot between module and name.
func importing(from []Func, pages uint32, data []byte, funcs ...Func) []byte {
	var types, imports, indices, exports, elements, bodies [][]byte
	for i, f := range from {
		module, field, _ := strings.Cut(f.Name, ".")
		types = append(types, slices.Concat([]byte{0x60}, vec(f.Params), vec(f.Results)))
		imports = append(imports, slices.Concat(name(module), name(field), []byte{0}, Unsigned(uint64(i))))
	}
	exports = append(exports, slices.Concat(name("memory"), []byte{2, 0}))
	for i, f := range funcs {
		i += len(from)
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
	var imported []byte
	if len(imports) > 0 {
		imported = section(2, list(imports))
	}
	return slices.Concat([]byte("\x00asm\x01\x00\x00\x00"),
		section(1, list(types)), imported, section(3, list(indices)),
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
func Task(item, score []byte, more ...Func) []byte { return task(nil, 40, item, score, more...) }

// SmallTask is Task with little memory, so that many of them run in a second.
func SmallTask(item, score []byte, more ...Func) []byte { return task(nil, 1, item, score, more...) }

// Puppet is a task that does what it is told: its item is at the address and of the size that the seed's first 8 bytes say. Its score
// calls what the bits of the key's first byte say with arguments from the key (ask, random_get, fd_write, poll_oneoff, clock_time_get,
// and growing its memory), and is at the address and of the size that the key says at 80.
func Puppet() []byte {
	arg32 := func(at int) []byte { return slices.Concat([]byte{0x20, 0, 0x28, 0}, Unsigned(uint64(at))) }
	arg64 := func(at int) []byte { return slices.Concat([]byte{0x20, 0, 0x29, 0}, Unsigned(uint64(at))) }
	told := func(bit byte, code ...[]byte) []byte {
		return slices.Concat([]byte{0x20, 0, 0x2d, 0, 0, 0x41}, Signed(int64(1<<bit)), []byte{0x71, 0x04, 0x40}, slices.Concat(code...), []byte{0x1a, 0x0b})
	}
	call := func(i byte) []byte { return []byte{0x10, i} }
	score := slices.Concat(
		told(0, arg32(4), arg32(8), arg32(12), arg32(16), call(0)), told(1, arg32(20), arg32(24), call(1)),
		told(2, arg32(28), arg32(32), arg32(36), arg32(40), call(2)), told(3, arg32(44), arg32(48), arg32(52), arg32(56), call(3)),
		told(4, arg32(60), arg64(64), arg32(72), call(4)), told(5, arg32(76), []byte{0x40, 0}), arg64(80))
	four := []byte{I32, I32, I32, I32}
	const wasi = "wasi_snapshot_preview1."
	return task([]Func{
		{Name: "agora.ask", Params: four, Results: []byte{I64}},
		{Name: wasi + "random_get", Params: four[:2], Results: []byte{I32}},
		{Name: wasi + "fd_write", Params: four, Results: []byte{I32}},
		{Name: wasi + "poll_oneoff", Params: four, Results: []byte{I32}},
		{Name: wasi + "clock_time_get", Params: []byte{I32, I64, I32}, Results: []byte{I32}},
	}, 1, []byte{0x20, 0, 0x29, 0, 0}, score)
}

func task(imports []Func, pages uint32, item, score []byte, more ...Func) []byte {
	const about = `{"name":"hostile"}`
	data := make([]byte, RoomAt)
	copy(data[DescriptionAt:], about)
	copy(data[ItemAt:], Item)
	return importing(imports, pages, data, append([]Func{
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
