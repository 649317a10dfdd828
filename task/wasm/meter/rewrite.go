package meter

import (
	"bytes"
	"fmt"
	"strconv"
)

// Result is a rewritten module.
type Result struct {
	Code    []byte
	Imports []Import // what it asks its host for
	Globals []string // names under which its own mutable globals are exported
}

// Rewrite returns the module with its counters. It gives the same bytes on every machine.
func Rewrite(code []byte) (*Result, error) {
	m, err := parse(code)
	if err != nil {
		return nil, err
	}
	own := &writer{module: m, fuel: uint32(len(m.globals)), depth: uint32(len(m.globals) + 1)}
	helper := own.typeOf(signature{[]byte{typeI32}, []byte{typeI32}})
	own.bytes = uint32(len(m.imports) + len(m.funcs))
	own.pages = own.bytes + 1
	bodies := make([][]byte, 0, len(m.bodies)+2)
	for i, body := range m.bodies {
		out, err := own.function(m.types[m.funcs[i]], body)
		if err != nil {
			return nil, fmt.Errorf("function %d: %w", i, err)
		}
		bodies = append(bodies, out)
	}
	bodies = append(bodies, own.charge(false), own.charge(true))
	m.funcs = append(m.funcs, helper, helper)
	names := own.exportGlobals()
	return &Result{own.assemble(bodies), m.imports, names}, nil
}

// exportGlobals adds the counters and gives every mutable global a name.
func (w *writer) exportGlobals() (names []string) {
	m := w.module
	for i, g := range m.globals {
		if g.mutable {
			name := Global + strconv.Itoa(i)
			names = append(names, name)
			m.exports = append(m.exports, export{name, 3, uint32(i)})
		}
	}
	m.globals = append(m.globals,
		global{true, []byte{typeI64, 1, opI64Const, 0, opEnd}},
		global{true, []byte{typeI32, 1, opI32Const, 0, opEnd}})
	m.exports = append(m.exports, export{Fuel, 3, w.fuel}, export{Depth, 3, w.depth})
	return names
}

// assemble writes the module's binary form.
func (w *writer) assemble(bodies [][]byte) []byte {
	m := w.module
	size := len(magic)
	for _, b := range bodies {
		size += 2 * len(b)
	}
	out := append(make([]byte, 0, size), magic...)
	put := func(id byte, body []byte) {
		if body != nil {
			out = append(out, id)
			out = u32(out, uint32(len(body)))
			out = append(out, body...)
		}
	}
	put(secType, vector(m.rawTypes, func(to, t []byte) []byte { return append(to, t...) }))
	put(secImport, m.raw[secImport])
	put(secFunction, vector(m.funcs, u32))
	put(secTable, m.raw[secTable])
	put(secMemory, m.raw[secMemory])
	put(secGlobal, vector(m.globals, func(to []byte, g global) []byte { return append(to, g.raw...) }))
	put(secExport, vector(m.exports, func(to []byte, e export) []byte { return u32(append(text(to, e.name), e.kind), e.at) }))
	put(secElement, m.raw[secElement])
	put(secDataCount, m.raw[secDataCount])
	put(secCode, joined(bodies))
	put(secData, m.raw[secData])
	return out
}

// joined is a vector of functions' bodies, which are most of a module.
func joined(bodies [][]byte) []byte {
	size := 5
	for _, b := range bodies {
		size += 5 + len(b)
	}
	out := u32(make([]byte, 0, size), uint32(len(bodies)))
	for _, b := range bodies {
		out = append(u32(out, uint32(len(b))), b...)
	}
	return out
}

func vector[T any](list []T, write func([]byte, T) []byte) []byte {
	out := u32(nil, uint32(len(list)))
	for _, v := range list {
		out = write(out, v)
	}
	return out
}

// typeOf is the number of a signature, added where it is missing.
func (w *writer) typeOf(s signature) uint32 {
	m := w.module
	for i, t := range m.types {
		if bytes.Equal(t.params, s.params) && bytes.Equal(t.results, s.results) {
			return uint32(i)
		}
	}
	raw := append([]byte{0x60}, u32(nil, uint32(len(s.params)))...)
	raw = append(append(raw, s.params...), u32(nil, uint32(len(s.results)))...)
	m.types, m.rawTypes = append(m.types, s), append(m.rawTypes, append(raw, s.results...))
	return uint32(len(m.types) - 1)
}
