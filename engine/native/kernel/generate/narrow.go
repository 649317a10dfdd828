package main

import "fmt"

// narrow multiplies with 256-bit vectors and VPMADDUBSW, which adds two products of an unsigned and a signed byte to 16 bits.
// The rows of a group go in two passes of eight. Y12 to Y15 hold the sums of the tokens, Y8 to Y11 their integer sums.
func narrow(o *file, k quant, tokens int) {
	begin(o, fmt.Sprintf("mul%sx%dx256", k.name, tokens), tokens)
	o.loop("R9", func() {
		for pass := range 2 {
			for t := range tokens {
				o.f("VPXOR Y%[1]d, Y%[1]d, Y%[1]d", 12+t)
			}
			o.f("MOVQ SI, AX")
			o.f("MOVQ DI, BX")
			o.f("MOVQ R8, DX")
			o.f("MOVQ blocks+48(FP), CX")
			o.loop("CX", func() {
				narrowBlock(o, k, tokens, pass)
				o.f("ADDQ $%d, AX", k.quants)
				o.f("ADDQ $%d, BX", k.scales)
				o.f("ADDQ $%d, DX", actBytes)
			})
			to := "R10"
			if tokens > 1 {
				o.f("MOVQ R10, DX")
				to = "DX"
			}
			for t := range tokens {
				o.f("VMOVUPS Y%d, %d(%s)", 12+t, 32*pass, to)
				if t+1 < tokens {
					o.f("ADDQ R12, DX")
				}
			}
		}
		o.f("MOVQ AX, SI")
		o.f("MOVQ BX, DI")
		o.f("ADDQ $64, R10")
	})
	o.end()
}

// narrowBlock adds a block's product to the sums of eight rows.
func narrowBlock(o *file, k quant, tokens, pass int) {
	switch {
	case k.halves:
		for half := range 2 {
			clearSums(o, tokens)
			for v := range 4 {
				o.f("VMOVDQU %d(AX), Y0", 64*(4*half+v)+32*pass)
				for t := range tokens {
					o.f("VPBROADCASTD %s, Y1", at(t, columns(4*half+v)))
					o.f("VPMADDUBSW Y1, Y0, Y1")
					o.f("VPMADDWD ones16<>(SB), Y1, Y1")
					o.f("VPADDD Y1, Y%[1]d, Y%[1]d", 8+t)
				}
			}
			o.f("VMOVUPS %d(BX), Y2", 64*half+32*pass)
			for t := range tokens {
				o.f("VPBROADCASTD %s, Y1", at(t, actLow+4*half))
				o.f("VPADDD Y1, Y%[1]d, Y%[1]d", 8+t)
				o.f("VCVTDQ2PS Y%[1]d, Y%[1]d", 8+t)
				o.f("VMULPS Y2, Y%d, Y%d", 8+t, 8+t-4*(1-half))
			}
		}
		for t := range tokens {
			o.f("VADDPS Y%d, Y%d, Y1", 8+t, 4+t)
			scaled(o, t)
		}
		return
	case k.bits == 8:
		signedBytes(o, tokens, pass)
	case k.bits == 5:
		fiveBits(o, tokens, pass)
	default:
		fourBits(o, tokens, pass)
	}
	finish(o, k, tokens, pass)
}

func clearSums(o *file, tokens int) {
	for t := range tokens {
		o.f("VPXOR Y%[1]d, Y%[1]d, Y%[1]d", 8+t)
	}
}

// scaled adds Y1 times the activations' scale to the sums of token t.
func scaled(o *file, t int) {
	o.f("VBROADCASTSS %s, Y3", at(t, actScale))
	o.f("VMULPS Y3, Y1, Y1")
	o.f("VADDPS Y1, Y%[1]d, Y%[1]d", 12+t)
}

// fourBits sums in 16 bits, which hold eight pairs of at most 2·15·127.
func fourBits(o *file, tokens, pass int) {
	o.f("VMOVDQU nibbles<>(SB), Y7")
	clearSums(o, tokens)
	for v := range 4 {
		o.f("VMOVDQU %d(AX), Y0", 64*v+32*pass)
		o.f("VPSRLW $4, Y0, Y1")
		o.f("VPAND Y7, Y0, Y0")
		o.f("VPAND Y7, Y1, Y1")
		for t := range tokens {
			for high := range 2 {
				o.f("VPBROADCASTD %s, Y2", at(t, columns(4*high+v)))
				o.f("VPMADDUBSW Y2, Y%d, Y2", high)
				o.f("VPADDW Y2, Y%[1]d, Y%[1]d", 8+t)
			}
		}
	}
	for t := range tokens {
		o.f("VPMADDWD ones16<>(SB), Y%[1]d, Y%[1]d", 8+t)
	}
}

// fiveBits joins nibbles and fifth bits, and sums two pairs of at most 2·31·127 in 16 bits before it goes on in 32.
func fiveBits(o *file, tokens, pass int) {
	clearSums(o, tokens)
	for v := range 4 {
		o.f("VMOVDQU %d(AX), Y0", 64*v+32*pass)
		o.f("VPSRLW $4, Y0, Y1")
		for high := range 2 {
			o.f("VPAND nibbles<>(SB), Y%[1]d, Y%[1]d", high)
			o.f("VPBROADCASTD %d(AX), Y2", 256+8*(4*high+v)+4*pass)
			o.f("VPSHUFB spread<>(SB), Y2, Y2")
			o.f("VPAND bits<>(SB), Y2, Y2")
			o.f("VPCMPEQB bits<>(SB), Y2, Y2")
			o.f("VPAND sixteens<>(SB), Y2, Y2")
			o.f("VPOR Y2, Y%[1]d, Y%[1]d", high)
		}
		for t := range tokens {
			for high := range 2 {
				o.f("VPBROADCASTD %s, Y%d", at(t, columns(4*high+v)), 2+high)
				o.f("VPMADDUBSW Y%[1]d, Y%[2]d, Y%[1]d", 2+high, high)
			}
			o.f("VPADDW Y3, Y2, Y2")
			o.f("VPMADDWD ones16<>(SB), Y2, Y2")
			o.f("VPADDD Y2, Y%[1]d, Y%[1]d", 8+t)
		}
	}
}

// signedBytes moves the sign of a weight to its activation, so that the weight is unsigned and a pair at most 2·128·127.
func signedBytes(o *file, tokens, pass int) {
	clearSums(o, tokens)
	for v := range 8 {
		o.f("VMOVDQU %d(AX), Y0", 64*v+32*pass)
		o.f("VPXOR signs8<>(SB), Y0, Y0")
		o.f("VPABSB Y0, Y1")
		for t := range tokens {
			o.f("VPBROADCASTD %s, Y2", at(t, columns(v)))
			o.f("VPSIGNB Y0, Y2, Y2")
			o.f("VPMADDUBSW Y2, Y1, Y2")
			o.f("VPMADDWD ones16<>(SB), Y2, Y2")
			o.f("VPADDD Y2, Y%[1]d, Y%[1]d", 8+t)
		}
	}
}

// finish turns the integer sums into floats, scales them and adds them up.
func finish(o *file, k quant, tokens, pass int) {
	load, size, second := "VCVTPH2PS", 16, 32
	if k.single {
		load, size, second = "VMOVUPS", 32, 64
	}
	o.f("%s %d(BX), Y4", load, size*pass)
	if k.minimum {
		o.f("%s %d(BX), Y5", load, second+size*pass)
	}
	for t := range tokens {
		if k.less != 0 && k.bits != 8 {
			o.f("VPBROADCASTD %s, Y1", at(t, k.less))
			o.f("VPADDD Y1, Y%[1]d, Y%[1]d", 8+t)
		}
		o.f("VCVTDQ2PS Y%d, Y1", 8+t)
		o.f("VMULPS Y4, Y1, Y1")
		if k.minimum {
			o.f("VBROADCASTSS %s, Y2", at(t, actSum))
			o.f("VMULPS Y5, Y2, Y2")
			o.f("VADDPS Y2, Y1, Y1")
		}
		scaled(o, t)
	}
}
