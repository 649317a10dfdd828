package main

import "fmt"

// The loops for arm64 use 128-bit vectors and SDOT, which adds four products of signed bytes to a lane. Go's assembler does
// not know the vector instructions on floats, nor SDOT: they stand as words (Arm Architecture Reference Manual, C7.2).

// Three registers of four floats or integers.
func (o *file) word(code uint32, d, n, m int, comment string) {
	o.f("WORD $%#08x // %s V%d, V%d, V%d", code|uint32(m)<<16|uint32(n)<<5|uint32(d), comment, d, n, m)
}

func (o *file) fadd(d, n, m int) { o.word(0x4e20d400, d, n, m, "FADD") }
func (o *file) fmul(d, n, m int) { o.word(0x6e20dc00, d, n, m, "FMUL") }

// element is the code of an instruction whose last operand is element i of its register.
func element(code uint32, i int) uint32 { return code | uint32(i&1)<<21 | uint32(i>>1)<<11 }

func (o *file) fmulBy(d, n, m, i int) {
	o.word(element(0x4f809000, i), d, n, m, fmt.Sprintf("FMUL by element %d", i))
}

func (o *file) sdotBy(d, n, m, i int) {
	o.word(element(0x4f80e000, i), d, n, m, fmt.Sprintf("SDOT by element %d", i))
}

// Two registers.
func (o *file) scvtf(d, n int)  { o.word(0x4e21d800, d, n, 0, "SCVTF") }
func (o *file) fcvtl(d, n int)  { o.word(0x0e217800, d, n, 0, "FCVTL") }
func (o *file) fcvtl2(d, n int) { o.word(0x4e217800, d, n, 0, "FCVTL2") }
func (o *file) shll(d, n int)   { o.word(0x2e613800, d, n, 0, "SHLL 16") }

func (o *file) load(register, offset int, base string) {
	o.f("FMOVQ %d(%s), F%d", offset, base, register)
}
func (o *file) zero(r int) { o.f("VEOR V%[1]d.B16, V%[1]d.B16, V%[1]d.B16", r) }

// neon writes all loops for arm64.
func neon(o *file) {
	bytesTable(o, "first", func(i int) int { return i / 8 })
	bytesTable(o, "bit", func(i int) int { return 1 << (i % 8) })
	for _, k := range kinds {
		neonQuants(o, k, 1, 4)
		if k.halves {
			neonQuants(o, k, 4, 1) // two integer sums do not fit otherwise
		} else {
			neonQuants(o, k, 4, 2)
		}
	}
	for _, k := range floats {
		neonFloats(o, k, 1, 4)
		neonFloats(o, k, 4, 1)
	}
	neonAttention(o)
}

// bytesTable is a constant of 16 bytes.
func bytesTable(o *file, name string, at func(i int) int) {
	for i := range 16 {
		fmt.Fprintf(&o.code, "DATA %s<>+%d(SB)/1, $%d\n", name, i, at(i))
	}
	fmt.Fprintf(&o.code, "GLOBL %s<>(SB), RODATA|NOPTR, $16\n", name)
}

// neonRows calls body once for every 4·vectors rows of every group of 16, with R12 at their quants' group, R13 at their scales
// and R8 up at the tokens' activations, and stores the sums that it leaves.
func neonRows(o *file, tokens, vectors int, sum func(t, v int) int, body func(pass int)) {
	o.counted("R6", func() {
		for pass := range 4 / vectors {
			o.f("MOVD R2, R12")
			o.f("MOVD R3, R13")
			for t := range tokens {
				if t == 0 {
					o.f("MOVD R4, R8")
				} else {
					o.f("ADD R5, R%d, R%d", 7+t, 8+t)
				}
			}
			o.f("MOVD blocks+48(FP), R7")
			body(pass)
			o.f("MOVD R0, R14")
			for t := range tokens {
				for v := range vectors {
					o.f("FMOVQ F%d, %d(R14)", sum(t, v), 16*(pass*vectors+v))
				}
				o.f("ADD R1, R14")
			}
		}
		o.f("MOVD R12, R2")
		o.f("MOVD R13, R3")
		o.f("ADD $64, R0")
	})
	o.f("RET")
}

func neonBegin(o *file, name string, tokens int) {
	o.function(name, fmt.Sprintf("multiplies groups of 16 rows with %d tokens.", tokens), pointer("out", "R0"), number("outStride", "R1"),
		pointer("quants", "R2"), pointer("scales", "R3"), pointer("acts", "R4"), number("actStride", "R5"), number("blocks", "R7"), number("groups", "R6"))
}

// registers of a loop over quants: where the sums, the integer sums (of each half), the activations and the weights stand.
type registers struct {
	tokens, vectors                           int
	sums, ints, highs, acts, weights, scratch int
}

func (r registers) sum(t, v int) int { return r.sums + t*r.vectors + v }

// int is the integer sum of a half of the columns; there is one for both where the format has no scales for halves.
func (r registers) int(k quant, t, v, half int) int {
	if k.halves && half == 1 {
		return r.highs + t*r.vectors + v
	}
	return r.ints + t*r.vectors + v
}

// neonQuants multiplies quants: 4·vectors rows of some tokens at a time.
func neonQuants(o *file, k quant, tokens, vectors int) {
	n := tokens * vectors
	r := registers{tokens: tokens, vectors: vectors, ints: n, acts: 2 * n}
	if k.halves {
		r.highs, r.acts = 2*n, 3*n
	}
	r.weights = r.acts + 2*tokens
	r.scratch = r.weights + 2*vectors
	neonBegin(o, fmt.Sprintf("mul%sx%dxNeon", k.name, tokens), tokens)
	if k.bits == 5 {
		o.f("MOVD $first<>(SB), R15")
		o.f("MOVD $bit<>(SB), R16")
	}
	neonRows(o, tokens, vectors, r.sum, func(pass int) {
		for t := range tokens {
			for v := range vectors {
				o.zero(r.sum(t, v))
			}
		}
		o.counted("R7", func() {
			neonDots(o, k, r, pass)
			neonScale(o, k, r, pass)
			o.f("ADD $%d, R12", k.quants)
			o.f("ADD $%d, R13", k.scales)
			for t := range tokens {
				o.f("ADD $%d, R%d", actBytes, 8+t)
			}
		})
	})
}

// neonDots leaves a block's integer sums.
func neonDots(o *file, k quant, r registers, pass int) {
	for t := range r.tokens {
		o.load(r.acts+2*t, 0, fmt.Sprintf("R%d", 8+t))
		o.load(r.acts+2*t+1, 16, fmt.Sprintf("R%d", 8+t))
		neonStart(o, k, r, t)
	}
	if k.bits == 8 {
		o.f("VMOVI $128, V%d.B16", r.scratch)
	} else {
		o.f("VMOVI $15, V%d.B16", r.scratch)
	}
	dot := func(weight, v, column int) {
		for t := range r.tokens {
			o.sdotBy(r.int(k, t, v, column/4), weight, r.acts+2*t+column/4, column%4)
		}
	}
	for line := range k.lines() {
		for v := range r.vectors {
			low, high := r.weights+2*v, r.weights+2*v+1
			o.load(low, 64*line+16*(pass*r.vectors+v), "R12")
			if k.bits == 8 {
				if !k.halves { // Q6_K stays below 64
					o.f("VEOR V%d.B16, V%[2]d.B16, V%[2]d.B16", r.scratch, low)
				}
				dot(low, v, line)
				continue
			}
			o.f("VUSHR $4, V%d.B16, V%d.B16", low, high)
			o.f("VAND V%d.B16, V%[2]d.B16, V%[2]d.B16", r.scratch, low)
			if k.bits == 5 {
				neonFifth(o, r, low, line, pass*r.vectors+v)
				neonFifth(o, r, high, 4+line, pass*r.vectors+v)
			}
			dot(low, v, line)
			dot(high, v, 4+line)
		}
	}
}

// lines of 64 bytes that a block's bytes or nibbles take.
func (k quant) lines() int {
	if k.bits == 8 {
		return 8
	}
	return 4
}

// neonStart begins token t's integer sums with what takes the offset of unsigned weights away.
func neonStart(o *file, k quant, r registers, t int) {
	var at [2]int // in the block's last 32 bytes
	switch {
	case k.halves:
		at = [2]int{actLow, actHigh}
	case k.bits != 8: // bytes are made signed
		at[0] = k.less
	}
	for half := range 2 {
		if half == 1 && !k.halves {
			break
		}
		if at[half] != 0 {
			o.load(r.scratch, at[half]/16*16, fmt.Sprintf("R%d", 8+t))
		}
		for v := range r.vectors {
			if to := r.int(k, t, v, half); at[half] == 0 {
				o.zero(to)
			} else {
				o.f("VDUP V%d.S[%d], V%d.S4", r.scratch, at[half]%16/4, to)
			}
		}
	}
}

// neonFifth adds the fifth bits of four rows in four columns to their nibbles.
func neonFifth(o *file, r registers, weight, columns, rows int) {
	bits, other := r.scratch+1, r.scratch+2
	o.f("FMOVD %d(R12), F%d", 256+8*columns, bits)
	if rows > 0 {
		o.f("VUSHR $%d, V%[2]d.D2, V%[2]d.D2", 16*rows, bits)
	}
	o.f("VLD1 (R15), [V%d.B16]", other)
	o.f("VTBL V%d.B16, [V%d.B16], V%[2]d.B16", other, bits)
	o.f("VLD1 (R16), [V%d.B16]", other)
	o.f("VCMTST V%d.B16, V%[2]d.B16, V%[2]d.B16", other, bits)
	o.f("VMOVI $16, V%d.B16", other)
	o.f("VAND V%d.B16, V%[2]d.B16, V%[2]d.B16", other, bits)
	o.f("VORR V%d.B16, V%[2]d.B16, V%[2]d.B16", bits, weight)
}

// neonScale turns a block's integer sums into floats, scales them and adds them up. The weights' registers are free by now:
// the even ones get the scales, the odd ones the minima or the scales of the second half.
func neonScale(o *file, k quant, r registers, pass int) {
	scale := func(v int) int { return r.weights + 2*v }
	second := func(v int) int { return r.weights + 2*v + 1 }
	neonScales(o, k, r, 0, pass, scale)
	if k.minimum || k.halves {
		neonScales(o, k, r, k.scales/2, pass, second)
	}
	act, other := r.scratch, r.scratch+1
	for t := range r.tokens {
		o.load(act, 32, fmt.Sprintf("R%d", 8+t)) // scale and sum
		for v := range r.vectors {
			s := r.int(k, t, v, 0)
			o.scvtf(s, s)
			o.fmul(s, s, scale(v))
			switch {
			case k.halves:
				h := r.int(k, t, v, 1)
				o.scvtf(h, h)
				o.fmul(h, h, second(v))
				o.fadd(s, s, h)
			case k.minimum:
				o.fmulBy(other, second(v), act, 1)
				o.fadd(s, s, other)
			}
			o.fmulBy(s, s, act, 0)
			o.fadd(r.sum(t, v), r.sum(t, v), s)
		}
	}
}

// neonScales loads scales of 4·vectors rows.
func neonScales(o *file, k quant, r registers, offset, pass int, to func(v int) int) {
	for v := range r.vectors {
		row := 4 * (pass*r.vectors + v)
		switch {
		case k.single:
			o.load(to(v), offset+4*row, "R13")
		case v%2 == 0:
			o.load(r.scratch, offset+2*row, "R13")
			o.fcvtl(to(v), r.scratch)
		default:
			o.fcvtl2(to(v), r.scratch)
		}
	}
}

// neonFloats multiplies plain floats: four sums per row and token, of columns modulo 4. blocks counts four columns each.
func neonFloats(o *file, k real, tokens, vectors int) {
	sum := func(t, c, v int) int { return (t*4+c)*vectors + v }
	acts := 4 * tokens * vectors
	weights, scratch := acts+tokens, acts+tokens+vectors
	neonBegin(o, fmt.Sprintf("mul%sx%dxNeon", k.name, tokens), tokens)
	neonRows(o, tokens, vectors, func(t, v int) int { return sum(t, 0, v) }, func(pass int) {
		for i := range acts {
			o.zero(i)
		}
		o.counted("R7", func() {
			for t := range tokens {
				o.load(acts+t, 0, fmt.Sprintf("R%d", 8+t))
				o.f("ADD $16, R%d", 8+t)
			}
			for c := range 4 {
				for v := range vectors {
					neonWeights(o, k, weights+v, scratch, c*16*k.bytes+(pass*vectors+v)*4*k.bytes)
					for t := range tokens {
						o.fmulBy(scratch, weights+v, acts+t, c)
						o.fadd(sum(t, c, v), sum(t, c, v), scratch)
					}
				}
			}
			o.f("ADD $%d, R12", 64*k.bytes)
		})
		for t := range tokens {
			for v := range vectors {
				o.fadd(sum(t, 0, v), sum(t, 0, v), sum(t, 1, v))
				o.fadd(sum(t, 2, v), sum(t, 2, v), sum(t, 3, v))
				o.fadd(sum(t, 0, v), sum(t, 0, v), sum(t, 2, v))
			}
		}
	})
}

// neonWeights loads four floats.
func neonWeights(o *file, k real, to, scratch, offset int) {
	switch k.name {
	case "F16":
		o.f("FMOVD %d(R12), F%d", offset, scratch)
		o.fcvtl(to, scratch)
	case "BF16":
		o.f("FMOVD %d(R12), F%d", offset, scratch)
		o.shll(to, scratch)
	default:
		o.load(to, offset, "R12")
	}
}

// neonAttention is the loops over keys and values.
func neonAttention(o *file) {
	o.function("scoresNeon", "multiplies a query of dim numbers with the keys of 16·groups positions.", pointer("p", "R0"), pointer("q", "R1"),
		pointer("keys", "R2"), number("dim", "R3"), number("groups", "R4"))
	o.counted("R4", func() {
		for v := range 4 {
			o.zero(v)
		}
		o.f("MOVD R1, R5")
		o.f("MOVD R3, R6")
		o.counted("R6", func() {
			o.f("FMOVS.P 4(R5), F8")
			for v := range 4 {
				o.load(4+v, 16*v, "R2")
				o.fmulBy(4+v, 4+v, 8, 0)
				o.fadd(v, v, 4+v)
			}
			o.f("ADD $64, R2")
		})
		for v := range 4 {
			o.f("FMOVQ F%d, %d(R0)", v, 16*v)
		}
		o.f("ADD $64, R0")
	})
	o.f("RET")
	for _, columns := range []int{16, 64} {
		o.function(fmt.Sprintf("mix%dxNeon", columns), fmt.Sprintf("adds n weighted values to %d numbers of a head whose rows are stride bytes apart.", columns),
			pointer("out", "R0"), pointer("p", "R1"), pointer("values", "R2"), number("stride", "R3"), number("n", "R4"))
		n := columns / 4
		for i := range n {
			o.load(i, 16*i, "R0")
		}
		o.counted("R4", func() {
			o.f("FMOVS.P 4(R1), F31")
			for i := range n {
				o.load(16+i%8, 16*i, "R2")
				o.fmulBy(16+i%8, 16+i%8, 31, 0)
				o.fadd(i, i, 16+i%8)
			}
			o.f("ADD R3, R2")
		})
		for i := range n {
			o.f("FMOVQ F%d, %d(R0)", i, 16*i)
		}
		o.f("RET")
	}
}

// counted emits body and counts the register down to zero around it. The count is at least one.
func (o *file) counted(counter string, body func()) {
	o.labels++
	label := fmt.Sprintf("loop%d", o.labels)
	fmt.Fprintf(&o.code, "%s:\n", label)
	body()
	o.f("SUBS $1, %s", counter)
	o.f("BNE %s", label)
}
