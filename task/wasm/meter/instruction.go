package meter

import "encoding/binary"

// scan checks every instruction once, says how many there are and whether the function calls.
func (b *body) scan() (size int) {
	for nest := 1; nest > 0; size++ {
		op := b.r.byte()
		b.immediates(op)
		switch op {
		case opBlock, opLoop, opIf:
			nest++
		case opEnd:
			nest--
		case opCall, opCallIndirect:
			b.calls = true
		}
		if nest > maxNest {
			b.r.fail("blocks are nested more than %d deep", maxNest)
		}
		if b.r.err != nil {
			return size
		}
	}
	if b.r.more() {
		b.r.fail("a function goes on after its end")
	}
	return size
}

// instructions writes the function's instructions with what they cost.
func (b *body) instructions() {
	b.open(true)
	for b.nest = 1; b.nest > 0 && b.r.err == nil; {
		from := b.r.at
		op := b.r.byte()
		b.immediates(op)
		b.pay(op)
		b.before(op, from)
		switch {
		case op == opReturn && b.calls:
			b.out = u32(append(b.out, opBr), uint32(b.nest-1))
		default:
			b.out = append(b.out, b.r.since(from)...)
		}
		b.after(op)
	}
	b.settle()
}

// pay counts an instruction, and begins a run of them with its price if it is the first. Structure alone costs nothing.
func (b *body) pay(op byte) {
	switch op {
	case opBlock, opLoop, opElse, opEnd:
		return
	}
	if b.price == 0 {
		b.out = u32(append(b.out, opGlobalGet), b.fuel)
		b.out = append(b.out, opI64Const)
		b.price = len(b.out)
		b.out = append(b.out, 0, 0, 0, 0, 0, opI64Sub, opGlobalSet)
		b.out = u32(b.out, b.fuel)
		if b.checked {
			b.out = trapIfNegative(b.out, b.fuel, opI64Const, opI64LtS)
			b.checked = false
		}
	}
	b.length++
}

// open begins a new run of instructions.
func (b *body) open(check bool) {
	b.settle()
	b.checked = b.checked || check
}

// settle writes the price of the run that ends: five bytes of signed LEB128.
func (b *body) settle() {
	if b.price > 0 {
		n := b.length
		for i := range 4 {
			b.out[b.price+i] = byte(n>>(7*i))&0x7f | 0x80
		}
		b.out[b.price+4] = byte(n>>28) & 0x3f
	}
	b.price, b.length = 0, 0
}

// after follows the structure: where a run can be entered from elsewhere, a new one begins.
func (b *body) after(op byte) {
	switch op {
	case opBlock:
		b.nest++
	case opLoop:
		b.nest++
		b.open(true)
	case opIf:
		b.nest++
		b.open(false)
	case opElse:
		b.open(false)
	case opEnd:
		b.nest--
		b.open(false)
	}
}

// before writes what must stand before an instruction.
func (b *body) before(op byte, from int) {
	switch op {
	case opF32Store, opI32Reinterpret, opF32Copysign:
		b.canonical32()
	case opF64Store, opI64Reinterpret, opF64Copysign:
		b.canonical64()
	case opMemoryGrow:
		b.out = u32(append(b.out, opCall), b.pages)
	case opMore:
		sub := (&reader{data: b.r.data, at: from + 1}).u32()
		if sub == moreCopy || sub == moreFill {
			b.out = u32(append(b.out, opCall), b.bytes)
		}
	}
}

// canonical writes: x = x == x ? x : NaN.
func (b *body) canonical32() {
	b.out = u32(append(b.out, opLocalTee), b.nan32)
	b.out = binary.LittleEndian.AppendUint32(append(b.out, opF32Const), 0x7fc00000)
	b.out = u32(append(b.out, opLocalGet), b.nan32)
	b.out = u32(append(b.out, opLocalGet), b.nan32)
	b.out = append(b.out, opF32Eq, opSelect)
}

func (b *body) canonical64() {
	b.out = u32(append(b.out, opLocalTee), b.nan64)
	b.out = binary.LittleEndian.AppendUint64(append(b.out, opF64Const), 0x7ff8000000000000)
	b.out = u32(append(b.out, opLocalGet), b.nan64)
	b.out = u32(append(b.out, opLocalGet), b.nan64)
	b.out = append(b.out, opF64Eq, opSelect)
}

// immediates reads what follows an instruction's number and refuses what is not allowed. Numbers of functions, globals, locals and
// types must be the module's own, so that none reaches what the rewrite adds.
func (b *body) immediates(op byte) {
	r, m := b.r, b.module
	switch {
	case op == opBlock || op == opLoop || op == opIf:
		b.blockType()
	case op == opBr || op == opBr+1:
		r.u32()
	case op == opBrTable:
		for range r.count("targets") + 1 {
			r.u32()
		}
	case op == opCall, op == opRefFunc:
		r.below(len(m.imports)+len(m.bodies), "function")
	case op == opCallIndirect:
		r.below(len(m.types), "type")
		r.u32()
	case op == opSelectOf:
		r.take(r.count("types"))
	case op >= opLocalGet && op <= opLocalTee:
		r.below(b.locals, "local")
	case op == opGlobalGet, op == opGlobalSet:
		r.below(int(b.fuel), "global")
	case op == 0x25:
		r.u32()
	case op == 0x26:
		r.fail("it writes to a table")
	case op >= 0x28 && op <= 0x3e:
		r.u32()
		r.u32()
	case op == opMemorySize, op == opMemoryGrow, op == opRefNull:
		r.byte()
	case op == opI32Const:
		r.skipLEB(5)
	case op == opI64Const:
		r.skipLEB(10)
	case op == opF32Const:
		r.take(4)
	case op == opF64Const:
		r.take(8)
	case op == opMore:
		b.more()
	case op <= 1, op == opElse, op == opEnd, op == opReturn, op == 0x1a, op == opSelect, op >= 0x45 && op <= 0xc4, op == 0xd1:
	default:
		r.fail("it uses an instruction (%#x) that is not allowed: no vectors, threads, exceptions or tail calls", op)
	}
}

func (b *body) blockType() {
	r := b.r
	if t := r.byte(); t == typeNone {
		return
	} else if t >= 0x40 && t < 0x80 {
		checkType(r, t)
		return
	}
	r.at--
	r.below(len(b.module.types), "type")
}

// more reads an instruction of two numbers.
func (b *body) more() {
	r := b.r
	switch sub := r.u32(); {
	case sub <= 7:
	case sub == moreCopy:
		r.take(2)
	case sub == moreFill:
		r.take(1)
	case sub == moreTableSize:
		r.u32()
	default:
		r.fail("it uses passive segments or writes to a table (0xfc %d)", sub)
	}
}
