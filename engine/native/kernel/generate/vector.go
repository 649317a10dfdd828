package main

import (
	"fmt"
	"math"
)

func constants(o *file) {
	single := func(name string, x float32) { o.table(name, math.Float32bits(x)) }
	o.code.WriteString("\n")
	o.table("nibbles", 0x0f0f0f0f)
	o.table("sixteens", 0x10101010)
	o.table("signs8", 0x80808080)
	o.table("ones8", 0x01010101)
	o.table("ones16", 0x00010001)
	o.table("spread", 0, 0, 0x01010101, 0x01010101, 0x02020202, 0x02020202, 0x03030303, 0x03030303) // VPSHUFB sees each 16 bytes alone
	o.table("bits", 0x08040201, 0x80402010)
	o.table("order", 0, 4, 1, 5, 2, 6, 3, 7)
	o.table("magnitude", 0x7fffffff)
	o.table("sign", 0x80000000)
	o.table("magicBits", 0x4b400000)
	o.table("limit", (127+48)<<23-1)
	single("magic", 12582912)
	single("one", 1)
	single("expLow", -86)
	single("expHigh", 88)
	single("log2e", 1.44269504)
	for i, x := range []float32{0.6931472, 0.2402265, 0.05550411, 0.009618129, 0.0013333558, 0.00015468} {
		single(fmt.Sprintf("e%d", i+1), x)
	}
	single("gelu1", -1.5957691)
	single("gelu3", -0.07135481)
}

// vectors are the loops over plain vectors, eight lanes at a time.
func vectors(o *file) {
	squares(o)
	o.function("scale256", "is out = x·by·w over 16·n numbers.", pointer("out", "DI"), pointer("x", "SI"), pointer("w", "DX"), pointer("by", "AX"), number("n", "CX"))
	o.f("VBROADCASTSS (AX), Y0")
	o.loop("CX", func() {
		for h := range 2 {
			o.f("VMULPS %d(SI), Y0, Y1", 32*h)
			o.f("VMULPS %d(DX), Y1, Y1", 32*h)
			o.f("VMOVUPS Y1, %d(DI)", 32*h)
		}
		o.f("ADDQ $64, SI")
		o.f("ADDQ $64, DX")
		o.f("ADDQ $64, DI")
	})
	o.end()
	o.function("add256", "is x += y over 16·n numbers.", pointer("x", "DI"), pointer("y", "SI"), number("n", "CX"))
	o.loop("CX", func() {
		for h := range 2 {
			o.f("VMOVUPS %d(DI), Y0", 32*h)
			o.f("VADDPS %d(SI), Y0, Y0", 32*h)
			o.f("VMOVUPS Y0, %d(DI)", 32*h)
		}
		o.f("ADDQ $64, SI")
		o.f("ADDQ $64, DI")
	})
	o.end()
	bounded(o)
	activation(o, "silu256", "is g = g÷(1+e⁻ᵍ)·u over 8·n numbers.", func() { o.f("VXORPS sign<>(SB), Y8, Y0") })
	activation(o, "gelu256", "is g = g÷(1+e^(gelu1·g+gelu3·g³))·u over 8·n numbers.", func() {
		o.f("VMULPS Y8, Y8, Y0")
		o.f("VMULPS Y8, Y0, Y0")
		o.f("VMULPS gelu3<>(SB), Y0, Y0")
		o.f("VMULPS gelu1<>(SB), Y8, Y1")
		o.f("VADDPS Y0, Y1, Y0")
	})
	softmax(o)
	quantise(o)
}

func squares(o *file) {
	o.function("squares256", "adds the squares of 16·n numbers in sixteen interleaved sums.", pointer("x", "SI"), pointer("sums", "DI"), number("n", "CX"))
	o.f("VPXOR Y0, Y0, Y0")
	o.f("VPXOR Y1, Y1, Y1")
	o.loop("CX", func() {
		for h := range 2 {
			o.f("VMOVUPS %d(SI), Y2", 32*h)
			o.f("VMULPS Y2, Y2, Y2")
			o.f("VADDPS Y2, Y%d, Y%d", h, h)
		}
		o.f("ADDQ $64, SI")
	})
	o.f("VMOVUPS Y0, (DI)")
	o.f("VMOVUPS Y1, 32(DI)")
	o.end()
}

func bounded(o *file) {
	o.function("over256", "sets the sign of a lane of over where one of 16·n numbers reaches Limit.", pointer("x", "SI"), pointer("over", "DI"), number("n", "CX"))
	o.f("VMOVDQU limit<>(SB), Y4")
	o.f("VMOVDQU magnitude<>(SB), Y5")
	o.f("VPXOR Y0, Y0, Y0")
	o.loop("CX", func() {
		for h := range 2 {
			o.f("VPAND %d(SI), Y5, Y1", 32*h)
			o.f("VPSUBD Y1, Y4, Y1")
			o.f("VPOR Y1, Y0, Y0")
		}
		o.f("ADDQ $64, SI")
	})
	o.f("VMOVDQU Y0, (DI)")
	o.end()
}

// exp turns Y0 into its exponential. It uses Y1 to Y3.
func exp(o *file) {
	o.f("VCMPPS $13, expLow<>(SB), Y0, Y3") // not below
	o.f("VMINPS expHigh<>(SB), Y0, Y0")
	o.f("VMULPS log2e<>(SB), Y0, Y0")
	o.f("VADDPS magic<>(SB), Y0, Y1")
	o.f("VSUBPS magic<>(SB), Y1, Y2")
	o.f("VSUBPS Y2, Y0, Y0")
	o.f("VPSLLD $23, Y1, Y1")
	o.f("VMULPS e6<>(SB), Y0, Y2")
	o.f("VADDPS e5<>(SB), Y2, Y2")
	for _, c := range []string{"e4", "e3", "e2", "e1", "one"} {
		o.f("VMULPS Y0, Y2, Y2")
		o.f("VADDPS %s<>(SB), Y2, Y2", c)
	}
	o.f("VPADDD Y1, Y2, Y0")
	o.f("VANDPS Y3, Y0, Y0")
}

// activation is a loop g = g ÷ (1 + e^t)·u, where t of g in Y8 is put into Y0.
func activation(o *file, name, comment string, t func()) {
	o.function(name, comment, pointer("gate", "DI"), pointer("up", "SI"), number("n", "CX"))
	o.loop("CX", func() {
		o.f("VMOVUPS (DI), Y8")
		t()
		exp(o)
		o.f("VADDPS one<>(SB), Y0, Y0")
		o.f("VDIVPS Y0, Y8, Y0")
		o.f("VMULPS (SI), Y0, Y0")
		o.f("VMOVUPS Y0, (DI)")
		o.f("ADDQ $32, SI")
		o.f("ADDQ $32, DI")
	})
	o.end()
}

func softmax(o *file) {
	o.function("largest256", "keeps the largest of each lane of 16·n numbers.", pointer("p", "SI"), pointer("top", "DI"), number("n", "CX"))
	o.f("VMOVUPS (SI), Y0")
	o.loop("CX", func() {
		o.f("VMAXPS (SI), Y0, Y0")
		o.f("VMAXPS 32(SI), Y0, Y0")
		o.f("ADDQ $64, SI")
	})
	o.f("VMOVUPS Y0, (DI)")
	o.end()
	o.function("exp256", "is p = exp(p−top) over 16·n numbers, added up in sixteen interleaved sums.", pointer("p", "SI"), pointer("top", "AX"), pointer("sums", "DI"), number("n", "CX"))
	o.f("VBROADCASTSS (AX), Y9")
	o.f("VPXOR Y10, Y10, Y10")
	o.f("VPXOR Y11, Y11, Y11")
	o.loop("CX", func() {
		for h := range 2 {
			o.f("VMOVUPS %d(SI), Y0", 32*h)
			o.f("VSUBPS Y9, Y0, Y0")
			exp(o)
			o.f("VMOVUPS Y0, %d(SI)", 32*h)
			o.f("VADDPS Y0, Y%d, Y%d", 10+h, 10+h)
		}
		o.f("ADDQ $64, SI")
	})
	o.f("VMOVUPS Y10, (DI)")
	o.f("VMOVUPS Y11, 32(DI)")
	o.end()
}

// quantise turns 32·n numbers into blocks of activations.
func quantise(o *file) {
	o.function("quantise256", "quantises n blocks of 32 numbers.", pointer("dst", "DI"), pointer("x", "SI"), number("n", "CX"))
	o.f("VMOVDQU magnitude<>(SB), Y15")
	o.f("VMOVDQU magicBits<>(SB), Y14")
	o.f("MOVL $0x42fe0000, AX") // 127
	o.f("VMOVD AX, X13")
	o.loop("CX", func() {
		scaleOfBlock(o)
		quants(o)
		sumsOfQuants(o)
		o.f("ADDQ $128, SI")
		o.f("ADDQ $64, DI")
	})
	o.end()
}

// scaleOfBlock loads 32 numbers into Y0 to Y3 and finds their scale, X6, and the factor that quantises them, X7: both 0
// where the largest magnitude is next to zero or not finite.
func scaleOfBlock(o *file) {
	for i := range 4 {
		o.f("VMOVUPS %d(SI), Y%d", 32*i, i)
		o.f("VPAND Y%d, Y15, Y%d", i, 4+i)
	}
	o.f("VPMAXSD Y5, Y4, Y4")
	o.f("VPMAXSD Y7, Y6, Y6")
	o.f("VPMAXSD Y6, Y4, Y4")
	o.f("VEXTRACTI128 $1, Y4, X5")
	o.f("VPMAXSD X5, X4, X4")
	o.f("VPSHUFD $0x4e, X4, X5")
	o.f("VPMAXSD X5, X4, X4")
	o.f("VPSHUFD $0xb1, X4, X5")
	o.f("VPMAXSD X5, X4, X4")
	o.f("VMOVD X4, AX")
	o.f("VPXOR X6, X6, X6") // scale
	o.f("VPXOR X7, X7, X7") // factor
	skip := fmt.Sprintf("skip%d", o.labels)
	o.f("SUBL $0x0da24261, AX") // above 1e-30 …
	o.f("CMPL AX, $0x71ddbd9f") // … and below infinity
	o.f("JCC %s", skip)
	o.f("VDIVSS X13, X4, X6")
	o.f("VDIVSS X4, X13, X7")
	fmt.Fprintf(&o.code, "%s:\n", skip)
}

// quants stores the scale and the 32 numbers as int8, which stay in Y0.
func quants(o *file) {
	o.f("VMOVSS X6, 32(DI)")
	o.f("VBROADCASTSS X7, Y7")
	o.f("VXORPS Y5, Y5, Y5")
	o.f("VCMPPS $0, Y7, Y5, Y5") // no factor: the numbers may be anything, their quants are 0
	for i := range 4 {
		o.f("VMULPS Y%d, Y7, Y%d", i, i)
		o.f("VADDPS magic<>(SB), Y%d, Y%d", i, i)
		o.f("VPSUBD Y14, Y%d, Y%d", i, i)
		o.f("VPANDN Y%d, Y5, Y%d", i, i)
	}
	o.f("VPACKSSDW Y1, Y0, Y0")
	o.f("VPACKSSDW Y3, Y2, Y2")
	o.f("VPACKSSWB Y2, Y0, Y0")
	o.f("VMOVDQU order<>(SB), Y1")
	o.f("VPERMD Y0, Y1, Y0")
	o.f("VMOVDQU Y0, (DI)")
}

// sumsOfQuants stores the quants' sum as a float, and its multiples that kernels of unsigned weights start from.
func sumsOfQuants(o *file) {
	o.f("VMOVDQU ones8<>(SB), Y1")
	o.f("VPMADDUBSW Y0, Y1, Y0")
	o.f("VPMADDWD ones16<>(SB), Y0, Y0")
	o.f("VEXTRACTI128 $1, Y0, X1")
	o.f("VPHADDD X1, X0, X0")
	o.f("VPHADDD X0, X0, X0")
	o.f("VMOVD X0, AX")
	o.f("VPEXTRD $1, X0, BX")
	o.f("LEAL (AX)(BX*1), DX")
	o.f("VCVTSI2SSL DX, X1, X1")
	o.f("VMOVSS X1, 36(DI)")
	o.f("NEGL DX")
	for _, v := range []struct {
		register  string
		shift, at int
	}{{"DX", 3, 40}, {"DX", 1, 44}, {"DX", 3, 48}} { // -8, -16, -128 times the sum
		o.f("SHLL $%d, %s", v.shift, v.register)
		o.f("MOVL %s, %d(DI)", v.register, v.at)
	}
	for i, r := range []string{"AX", "BX"} {
		o.f("NEGL %s", r)
		o.f("SHLL $5, %s", r)
		o.f("MOVL %s, %d(DI)", r, 52+4*i)
	}
}

// attention is the loops over keys and values.
func attention(o *file, w width) {
	parts := 64 / w.bytes() // vectors per 16 lanes
	o.function("scores"+w.name, "multiplies a query of dim numbers with the keys of 64 positions.", pointer("p", "DI"), pointer("q", "SI"), pointer("keys", "DX"), number("dim", "R8"))
	o.f("MOVQ R8, R9")
	o.f("SHLQ $6, R9") // bytes of 16 positions
	o.f("LEAQ (R9)(R9*2), R10")
	groups := []string{"(DX)", "(DX)(R9*1)", "(DX)(R9*2)", "(DX)(R10*1)"}
	for part := range parts {
		o.f("MOVQ SI, AX")
		o.f("MOVQ R8, CX")
		for g := range groups {
			o.f("%s %[2]s, %[2]s, %[2]s", w.xor(), w.r(g))
		}
		o.loop("CX", func() {
			o.f("VBROADCASTSS (AX), %s", w.r(8))
			for g, at := range groups {
				o.f("VMULPS %d%s, %s, %s", part*w.bytes(), at, w.r(8), w.r(9+g))
				o.f("VADDPS %s, %[2]s, %[2]s", w.r(9+g), w.r(g))
			}
			o.f("ADDQ $4, AX")
			o.f("ADDQ $64, DX")
		})
		o.f("SUBQ R9, DX")
		for g := range groups {
			o.f("VMOVUPS %s, %d(DI)", w.r(g), 64*g+part*w.bytes())
		}
	}
	o.end()
	for _, columns := range []int{16, 64} {
		o.function(fmt.Sprintf("mix%dx%s", columns, w.name), fmt.Sprintf("adds n weighted values to %d numbers of a head whose rows are stride bytes apart.", columns),
			pointer("out", "DI"), pointer("p", "SI"), pointer("values", "DX"), number("stride", "R8"), number("n", "CX"))
		n := columns / w.lanes
		for i := range n {
			o.f("VMOVUPS %d(DI), %s", i*w.bytes(), w.r(i))
		}
		o.loop("CX", func() {
			o.f("VBROADCASTSS (SI), %s", w.r(8))
			for i := range n {
				o.f("VMULPS %d(DX), %s, %s", i*w.bytes(), w.r(8), w.r(9+i%4))
				o.f("VADDPS %s, %[2]s, %[2]s", w.r(9+i%4), w.r(i))
			}
			o.f("ADDQ $4, SI")
			o.f("ADDQ R8, DX")
		})
		for i := range n {
			o.f("VMOVUPS %s, %d(DI)", w.r(i), i*w.bytes())
		}
		o.end()
	}
}
