package main

import "fmt"

// quant is a format of few bits. How its chunks lie stands in kernel/matrix.go.
type quant struct {
	name           string
	bits           int
	quants, scales int
	less           int  // where an activation block has the sum that takes the offset away, 0 for none
	minimum        bool // adds m·Σx
	single         bool // scales are float32
	halves         bool // a scale for each 16 columns
}

var kinds = []quant{
	{name: "Q40", bits: 4, quants: 256, scales: 32, less: 40},
	{name: "Q41", bits: 4, quants: 256, scales: 64, minimum: true},
	{name: "Q50", bits: 5, quants: 320, scales: 32, less: 44},
	{name: "Q80", bits: 8, quants: 512, scales: 32, less: 48},
	{name: "Q4K", bits: 4, quants: 256, scales: 128, minimum: true, single: true},
	{name: "Q6K", bits: 8, quants: 512, scales: 128, single: true, halves: true},
}

const (
	actBytes = 64
	actScale = 32
	actSum   = 36
	actLow   = 52
	actHigh  = 56
	ahead    = 2048 // bytes that are fetched before their turn
)

// begin opens a function that multiplies groups of 16 rows with some tokens, and leaves: SI quants, DI scales, R8
// activations, R9 groups, R10 out, R11 bytes between tokens' activations, R12 between their outputs, blocks in memory.
func begin(o *file, name string, tokens int) {
	o.function(name, fmt.Sprintf("multiplies groups of 16 rows with %d tokens.", tokens), pointer("out", "R10"), number("outStride", "R12"),
		pointer("quants", "SI"), pointer("scales", "DI"), pointer("acts", "R8"), number("actStride", "R11"), number("blocks", "CX"), number("groups", "R9"))
	if tokens > 3 {
		o.f("LEAQ (R11)(R11*2), R13")
	}
	if tokens > 5 {
		o.f("LEAQ (R11)(R11*4), R14")
		o.f("LEAQ (R13)(R11*4), R15")
	}
}

// at is the address of a byte of token t's activations, whose first token is at DX.
func at(t, offset int) string {
	return fmt.Sprintf("%d(DX)%s", offset, []string{"", "(R11*1)", "(R11*2)", "(R13*1)", "(R11*4)", "(R14*1)", "(R13*2)", "(R15*1)"}[t])
}

// columns is where the activations of unpacked vector v lie in a block: nibbles give columns 0 to 15 first.
func columns(v int) int { return 4 * v }

// wide multiplies with 512-bit vectors and VPDPBUSD, which adds four products of an unsigned and a signed byte to a lane.
// Z0 to Z7 hold the weights of a block, Z8 and Z9 its scales, Z12 up the sums of the tokens.
func wide(o *file, k quant, tokens int) {
	begin(o, fmt.Sprintf("mul%sx%dx512", k.name, tokens), tokens)
	o.f("VMOVDQU64 nibbles<>(SB), Z30")
	o.f("VMOVDQU64 sixteens<>(SB), Z31")
	o.loop("R9", func() {
		for t := range tokens {
			o.f("VPXORD Z%[1]d, Z%[1]d, Z%[1]d", 12+t)
		}
		o.f("MOVQ R8, DX")
		o.f("MOVQ blocks+48(FP), CX")
		o.loop("CX", func() {
			unpack(o, k)
			for t := range tokens {
				wideToken(o, k, t)
			}
			o.f("ADDQ $%d, SI", k.quants)
			o.f("ADDQ $%d, DI", k.scales)
			o.f("ADDQ $%d, DX", actBytes)
		})
		o.f("MOVQ R10, AX")
		for t := range tokens {
			o.f("VMOVUPS Z%d, (AX)", 12+t)
			o.f("ADDQ R12, AX")
		}
		o.f("ADDQ $64, R10")
	})
	o.end()
}

// unpack loads a block's weights and scales.
func unpack(o *file, k quant) {
	for line := 0; line < k.quants; line += 64 {
		o.f("PREFETCHT0 %d(SI)", ahead+line)
	}
	o.f("PREFETCHT0 %d(DI)", ahead/4)
	if k.bits == 8 {
		for v := range 8 {
			o.f("VMOVDQU64 %d(SI), Z%d", 64*v, v)
		}
	} else {
		for v := range 4 {
			o.f("VMOVDQU64 %d(SI), Z%d", 64*v, v)
			o.f("VPSRLW $4, Z%d, Z%d", v, 4+v)
			o.f("VPANDD Z30, Z%[1]d, Z%[1]d", v)
			o.f("VPANDD Z30, Z%[1]d, Z%[1]d", 4+v)
		}
	}
	for v := 0; v < 8 && k.bits == 5; v++ {
		o.f("KMOVQ %d(SI), K1", 256+8*v)
		o.f("VPADDB Z31, Z%[1]d, K1, Z%[1]d", v)
	}
	load, second := "VCVTPH2PS", 32
	if k.single {
		load, second = "VMOVUPS", 64
	}
	o.f("%s (DI), Z8", load)
	if k.minimum || k.halves {
		o.f("%s %d(DI), Z9", load, second)
	}
}

// wideToken adds a block's product to token t's sums, in two integer sums so that they wait less for each other.
func wideToken(o *file, k quant, t int) {
	sums, inits := [2]int{10, 11}, [2]int{k.less, 0}
	if k.halves {
		inits = [2]int{actLow, actHigh}
	}
	for i, r := range sums {
		if inits[i] == 0 {
			o.f("VPXORD Z%[1]d, Z%[1]d, Z%[1]d", r)
		} else {
			o.f("VPBROADCASTD %s, Z%d", at(t, inits[i]), r)
		}
	}
	for v := range 8 {
		o.f("VPDPBUSD.BCST %s, Z%d, Z%d", at(t, columns(v)), v, sums[v/4])
	}
	if k.halves {
		o.f("VCVTDQ2PS Z10, Z10")
		o.f("VCVTDQ2PS Z11, Z11")
		o.f("VMULPS Z8, Z10, Z10")
		o.f("VMULPS Z9, Z11, Z11")
		o.f("VADDPS Z11, Z10, Z10")
	} else {
		o.f("VPADDD Z11, Z10, Z10")
		o.f("VCVTDQ2PS Z10, Z10")
		o.f("VMULPS Z8, Z10, Z10")
		if k.minimum {
			o.f("VMULPS.BCST %s, Z9, Z11", at(t, actSum))
			o.f("VADDPS Z11, Z10, Z10")
		}
	}
	o.f("VMULPS.BCST %s, Z10, Z10", at(t, actScale))
	o.f("VADDPS Z10, Z%[1]d, Z%[1]d", 12+t)
}

// real is a format of floats.
type real struct {
	name  string
	bytes int // of a weight
}

var floats = []real{{"F16", 2}, {"BF16", 2}, {"F32", 4}}

// floatLoop multiplies plain floats: four sums per row and token, of columns modulo 4. blocks counts four columns each.
// At 256 bits the rows of a group go in two passes.
func floatLoop(o *file, w width, k real, tokens int) {
	begin(o, fmt.Sprintf("mul%sx%dx%s", k.name, tokens, w.name), tokens)
	first := 16 - 4*tokens // of the sums
	if w.lanes == 16 {
		first = 12
	}
	row := w.lanes * k.bytes // of one pass in one column
	o.loop("R9", func() {
		for pass := range 16 / w.lanes {
			for i := range 4 * tokens {
				o.f("%s %[2]s, %[2]s, %[2]s", w.xor(), w.r(first+i))
			}
			o.f("MOVQ SI, BX")
			o.f("MOVQ R8, DX")
			o.f("MOVQ blocks+48(FP), CX")
			o.loop("CX", func() {
				for c := range 4 {
					loadFloats(o, w, k, fmt.Sprintf("%d(BX)", c*16*k.bytes+pass*row))
					for t := range tokens {
						o.f("VBROADCASTSS %s, %s", at(t, 4*c), w.r(1))
						o.f("VMULPS %s, %s, %s", w.r(1), w.r(0), w.r(1))
						o.f("VADDPS %s, %[2]s, %[2]s", w.r(1), w.r(first+4*t+c))
					}
				}
				o.f("ADDQ $%d, BX", 64*k.bytes)
				o.f("ADDQ $16, DX")
			})
			o.f("MOVQ R10, AX")
			for t := range tokens {
				s := func(i int) string { return w.r(first + 4*t + i) }
				o.f("VADDPS %s, %[2]s, %[2]s", s(1), s(0))
				o.f("VADDPS %s, %[2]s, %[2]s", s(3), s(2))
				o.f("VADDPS %s, %[2]s, %[2]s", s(2), s(0))
				o.f("VMOVUPS %s, %d(AX)", s(0), pass*w.bytes())
				o.f("ADDQ R12, AX")
			}
		}
		o.f("MOVQ BX, SI")
		o.f("ADDQ $64, R10")
	})
	o.end()
}

func loadFloats(o *file, w width, k real, from string) {
	switch k.name {
	case "F16":
		o.f("VCVTPH2PS %s, %s", from, w.r(0))
	case "BF16":
		o.f("VPMOVZXWD %s, %s", from, w.r(0))
		o.f("VPSLLD $16, %[1]s, %[1]s", w.r(0))
	default:
		o.f("VMOVUPS %s, %s", from, w.r(0))
	}
}
