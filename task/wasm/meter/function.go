package meter

// Instructions and types that a rewrite writes or treats apart.
const (
	opUnreachable, opBlock, opLoop, opIf, opElse, opEnd = 0x00, 0x02, 0x03, 0x04, 0x05, 0x0b
	opBr, opBrTable, opReturn, opCall, opCallIndirect   = 0x0c, 0x0e, 0x0f, 0x10, 0x11
	opSelect, opSelectOf                                = 0x1b, 0x1c
	opLocalGet, opLocalTee, opGlobalGet, opGlobalSet    = 0x20, 0x22, 0x23, 0x24
	opF32Store, opF64Store, opMemorySize, opMemoryGrow  = 0x38, 0x39, 0x3f, 0x40
	opI32Const, opI64Const, opF32Const, opF64Const      = 0x41, 0x42, 0x43, 0x44
	opI32LtS, opI64LtS, opF32Eq, opF64Eq                = 0x48, 0x53, 0x5b, 0x61
	opI32Add, opI32Sub, opI64Sub, opI64Shl, opI64ShrU   = 0x6a, 0x6b, 0x7d, 0x86, 0x88
	opF32Copysign, opF64Copysign                        = 0x98, 0xa6
	opI64ExtendU, opI32Reinterpret, opI64Reinterpret    = 0xad, 0xbc, 0xbd
	opRefNull, opRefFunc, opMore                        = 0xd0, 0xd2, 0xfc
	typeI32, typeI64, typeF32, typeF64, typeNone        = 0x7f, 0x7e, 0x7d, 0x7c, 0x40
	moreCopy, moreFill, moreTableSize                   = 10, 11, 16
)

// writer rewrites the functions of one module.
type writer struct {
	module       *module
	fuel, depth  uint32 // numbers of the counters
	bytes, pages uint32 // numbers of the functions that charge for lengths
}

// body is one function under rewriting.
type body struct {
	*writer
	r      *reader
	out    []byte
	nest   int    // open blocks
	locals int    // parameters included
	nan32  uint32 // the local through which an f32 is made canonical, 0xffffffff while there is none
	nan64  uint32
	calls  bool

	price   int // where the length of the current straight run is written, 0 before its first instruction
	length  int // instructions of the current straight run
	checked bool
}

// function rewrites one body:
//
//	locals…, take the frame; block { the body, each return a branch to the block's end }, give the frame back
func (w *writer) function(s signature, code []byte) ([]byte, error) {
	b := &body{writer: w, r: &reader{data: code}, locals: len(s.params)}
	if len(code) > maxBody {
		b.r.fail("it has %d bytes, at most %d", len(code), maxBody)
	}
	groups, declared := b.declared()
	b.nan32, b.nan64 = uint32(b.locals), uint32(b.locals+1)
	from := b.r.at
	size := b.scan()
	b.r.at = from
	if b.r.err != nil {
		return nil, b.r.err
	}
	head := u32(nil, uint32(groups+2))
	head = append(append(head, declared...), 1, typeF32, 1, typeF64)
	frame := int64(16 + b.locals + size/4)
	if b.calls {
		head = b.takeFrame(head, frame)
		head = append(head, opBlock)
		head = append(head, b.resultOf(s.results)...)
	}
	b.out = make([]byte, 0, 2*len(code)+16) // what metering adds is less, as a rule
	b.instructions()
	if b.r.err != nil {
		return nil, b.r.err
	}
	out := append(head, b.out...)
	if b.calls {
		out = b.move(out, opGlobalGet, opI32Const, b.depth, frame, opI32Add)
		out = append(out, opEnd)
	}
	return out, nil
}

// declared reads the local variables.
func (b *body) declared() (groups int, raw []byte) {
	groups = b.r.count("groups of locals")
	from := b.r.at
	for range groups {
		n := b.r.u32()
		checkType(b.r, b.r.byte())
		if n > maxLocals || b.locals+int(n) > maxLocals {
			b.r.fail("a function has more than %d locals", maxLocals)
			return groups, nil
		}
		b.locals += int(n)
	}
	return groups, b.r.since(from)
}

// resultOf is the type of a block that leaves what the function returns.
func (b *body) resultOf(results []byte) []byte {
	switch len(results) {
	case 0:
		return []byte{typeNone}
	case 1:
		return results
	}
	return s64(nil, int64(b.typeOf(signature{nil, results})))
}

// move writes: counter = counter (sub or add) n.
func (w *writer) move(to []byte, get, constant byte, counter uint32, n int64, op byte) []byte {
	to = u32(append(to, get), counter)
	to = s64(append(to, constant), n)
	return u32(append(to, op, opGlobalSet), counter)
}

// trapIfNegative writes the check of a counter.
func trapIfNegative(to []byte, counter uint32, constant, less byte) []byte {
	to = u32(append(to, opGlobalGet), counter)
	return append(to, constant, 0, less, opIf, typeNone, opUnreachable, opEnd)
}

func (w *writer) takeFrame(to []byte, frame int64) []byte {
	to = w.move(to, opGlobalGet, opI32Const, w.depth, frame, opI32Sub)
	return trapIfNegative(to, w.depth, opI32Const, opI32LtS)
}

// charge is the body of a function that takes the fuel for a length and returns the length: an eighth of a number of bytes, or
// 8,192 for each page.
func (w *writer) charge(pages bool) []byte {
	out := []byte{0}
	out = u32(append(out, opGlobalGet), w.fuel)
	out = append(out, opLocalGet, 0, opI64ExtendU)
	if pages {
		out = append(out, opI64Const, 13, opI64Shl)
	} else {
		out = append(out, opI64Const, 3, opI64ShrU)
	}
	out = u32(append(out, opI64Sub, opGlobalSet), w.fuel)
	out = trapIfNegative(out, w.fuel, opI64Const, opI64LtS)
	return append(out, opLocalGet, 0, opEnd)
}
