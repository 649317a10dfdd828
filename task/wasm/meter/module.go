package meter

import "bytes"

// Sections of the binary form, by number.
const (
	secCustom, secType, secImport, secFunction, secTable, secMemory, secGlobal = 0, 1, 2, 3, 4, 5, 6
	secExport, secStart, secElement, secCode, secData, secDataCount            = 7, 8, 9, 10, 11, 12
)

var magic = []byte("\x00asm\x01\x00\x00\x00")

// signature is a function's type: the bytes of its parameters' and results' types.
type signature struct{ params, results []byte }

// Import names a function that a module asks its host for, as "module.name".
type Import string

// module is what a rewrite needs to know of a module; sections that stay as they are stay bytes.
type module struct {
	types    []signature
	rawTypes [][]byte
	imports  []Import
	importBy []uint32 // type of each import
	funcs    []uint32 // type of each function of its own
	globals  []global
	exports  []export
	bodies   [][]byte
	raw      map[byte][]byte // table, memory, element, data, import, data count
}

type global struct {
	mutable bool
	raw     []byte // type, mutability and initial value
}

type export struct {
	name string
	kind byte
	at   uint32
}

// parse reads a module.
func parse(code []byte) (*module, error) {
	r := &reader{data: code}
	if len(code) > MaxBytes {
		r.fail("it has %d bytes, at most %d are allowed; build with -ldflags=\"-s -w\" and drop what you do not need", len(code), MaxBytes)
		return nil, r.err
	}
	if !bytes.Equal(r.take(len(magic)), magic) {
		r.err = nil
		r.fail("it is not a WebAssembly module of version 1")
		return nil, r.err
	}
	m := &module{raw: map[byte][]byte{}}
	last := 0
	for r.more() {
		id := r.byte()
		body := &reader{data: r.take(int(r.u32()))}
		if r.err != nil {
			break
		}
		if id == secCustom {
			continue
		}
		if place := order(id); place <= last {
			r.fail("section %d is out of order", id)
		} else {
			last = place
		}
		m.section(id, body)
		if body.err == nil && body.at != len(body.data) {
			body.fail("section %d has bytes left over", id)
		}
		if body.err != nil {
			return nil, body.err
		}
	}
	if r.err == nil {
		m.check(r)
	}
	return m, r.err
}

// order is a section's place in a file: the count of data segments stands before the code.
func order(id byte) int {
	switch {
	case id == secDataCount:
		return 2*secElement + 1
	case id > secDataCount:
		return 0
	}
	return 2 * int(id)
}

func (m *module) section(id byte, r *reader) {
	switch id {
	case secType:
		m.readTypes(r)
	case secImport:
		m.readImports(r)
	case secFunction:
		for range r.count("functions") {
			m.funcs = append(m.funcs, r.below(len(m.types), "type"))
		}
	case secTable:
		m.readTables(r)
	case secMemory:
		m.readMemory(r)
	case secGlobal:
		m.readGlobals(r)
	case secExport:
		for range r.count("exports") {
			m.exports = append(m.exports, export{r.name(), r.byte(), r.u32()})
		}
	case secStart:
		r.fail("it has a start function; export it as _initialize instead (AssemblyScript: --exportStart _initialize)")
	case secCode:
		for range r.count("functions") {
			m.bodies = append(m.bodies, r.take(int(r.u32())))
		}
	case secElement, secData, secDataCount:
		r.at = len(r.data)
	}
	if id != secType && id != secFunction && id != secGlobal && id != secExport && id != secCode {
		m.raw[id] = r.data
	}
}

func (m *module) readTypes(r *reader) {
	for range r.count("types") {
		from := r.at
		if r.byte() != 0x60 {
			r.fail("a type is not a function's")
		}
		s := signature{r.take(r.count("parameters")), r.take(r.count("results"))}
		for _, t := range append(bytes.Clone(s.params), s.results...) {
			checkType(r, t)
		}
		m.types, m.rawTypes = append(m.types, s), append(m.rawTypes, r.since(from))
	}
}

// checkType allows numbers and references.
func checkType(r *reader, t byte) {
	switch t {
	case 0x7f, 0x7e, 0x7d, 0x7c, 0x70, 0x6f:
	case 0x7b:
		r.fail("it uses vectors (SIMD); build without them")
	default:
		r.fail("it uses a value type (%#x) that is not allowed", t)
	}
}

func (m *module) readImports(r *reader) {
	for range r.count("imports") {
		from := r.name() + "." + r.name()
		if kind := r.byte(); kind != 0 {
			r.fail("import %s is not a function: memory, tables and globals must be the module's own", from)
			return
		}
		m.imports, m.importBy = append(m.imports, Import(from)), append(m.importBy, r.below(len(m.types), "type"))
	}
}

func (m *module) readTables(r *reader) {
	for range r.count("tables") {
		checkType(r, r.byte())
		flags := r.byte()
		if low := r.u32(); low > maxTable || flags > 1 {
			r.fail("a table of %d entries is too large, at most %d", low, maxTable)
		}
		if flags == 1 {
			r.u32()
		}
	}
}

func (m *module) readMemory(r *reader) {
	if r.count("memories") != 1 {
		r.fail("it must have one memory")
		return
	}
	flags, low := r.byte(), r.u32()
	if flags > 1 {
		r.fail("its memory is shared or of 64 bits")
	}
	if flags == 1 {
		r.u32()
	}
	if low > MaxPages {
		r.fail("it wants %d pages of memory, at most %d (64 MiB)", low, MaxPages)
	}
}

func (m *module) readGlobals(r *reader) {
	for range r.count("globals") {
		from := r.at
		checkType(r, r.byte())
		mutable := r.byte()
		if mutable > 1 {
			r.fail("a global is neither constant nor mutable")
		}
		m.constant(r)
		m.globals = append(m.globals, global{mutable == 1, r.since(from)})
	}
}

// constant passes over an initial value.
func (m *module) constant(r *reader) {
	switch op := r.byte(); op {
	case 0x41:
		r.skipLEB(5)
	case 0x42:
		r.skipLEB(10)
	case 0x43:
		r.take(4)
	case 0x44:
		r.take(8)
	case 0xd0:
		r.byte()
	case 0xd2:
		r.below(len(m.imports)+len(m.funcs), "function")
	default:
		r.fail("a global's initial value is not a constant (%#x)", op)
	}
	if r.byte() != 0x0b {
		r.fail("a global's initial value is not one constant")
	}
}

// check compares sections with each other.
func (m *module) check(r *reader) {
	if len(m.bodies) != len(m.funcs) {
		r.fail("it has %d functions and %d bodies", len(m.funcs), len(m.bodies))
	}
	if m.raw[secMemory] == nil {
		r.fail("it has no memory")
	}
	limits := map[byte]int{0: len(m.imports) + len(m.funcs), 1: maxCount, 2: 1, 3: len(m.globals)}
	for _, e := range m.exports {
		if limit, known := limits[e.kind]; !known || int64(e.at) >= int64(limit) {
			r.fail("export %q is of nothing", e.name)
		}
	}
}
