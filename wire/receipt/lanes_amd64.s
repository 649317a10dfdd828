#include "textflag.h"

// Eight numbers modulo p = 2^255 − 19 at once: limb i of all, of weight 2^51i, is one vector, and less than 2^52.

DATA twiceP0<>+0(SB)/8, $0xFFFFFFFFFFFDA // 2p, limb 0 and the others
GLOBL twiceP0<>(SB), RODATA, $8
DATA twiceP1<>+0(SB)/8, $0xFFFFFFFFFFFFE
GLOBL twiceP1<>(SB), RODATA, $8

// PREPARE loads what CARRY needs: 19, and 2^51 − 1.
#define PREPARE \
	MOVQ         $19, AX              \
	VPBROADCASTQ AX, Z30              \
	MOVQ         $0x7FFFFFFFFFFFF, AX \
	VPBROADCASTQ AX, Z31

// CARRY leaves limbs of less than 2^51 + 2^15 of limbs of less than 2^61, and stores them.
#define CARRY(r0, r1, r2, r3, r4) \
	VPSRLQ      $51, r0, Z24  \
	VPSRLQ      $51, r1, Z25  \
	VPSRLQ      $51, r2, Z26  \
	VPSRLQ      $51, r3, Z27  \
	VPSRLQ      $51, r4, Z28  \
	VPANDQ      Z31, r0, r0   \
	VPANDQ      Z31, r1, r1   \
	VPANDQ      Z31, r2, r2   \
	VPANDQ      Z31, r3, r3   \
	VPANDQ      Z31, r4, r4   \
	VPMADD52LUQ Z30, Z28, r0  \
	VPADDQ      Z24, r1, r1   \
	VPADDQ      Z25, r2, r2   \
	VPADDQ      Z26, r3, r3   \
	VPADDQ      Z27, r4, r4   \
	VMOVDQU64   r0, (DI)      \
	VMOVDQU64   r1, 64(DI)    \
	VMOVDQU64   r2, 128(DI)   \
	VMOVDQU64   r3, 192(DI)   \
	VMOVDQU64   r4, 256(DI)   \
	VZEROUPPER

// ROW adds the products of a limb of b with all of a: low halves to l, high ones, of weight 2^52, to h.
#define ROW(limb, l0, l1, l2, l3, l4, h0, h1, h2, h3, h4) \
	VMOVDQU64   limb(DX), Z5 \
	VPMADD52LUQ Z0, Z5, l0   \
	VPMADD52HUQ Z0, Z5, h0   \
	VPMADD52LUQ Z1, Z5, l1   \
	VPMADD52HUQ Z1, Z5, h1   \
	VPMADD52LUQ Z2, Z5, l2   \
	VPMADD52HUQ Z2, Z5, h2   \
	VPMADD52LUQ Z3, Z5, l3   \
	VPMADD52HUQ Z3, Z5, h3   \
	VPMADD52LUQ Z4, Z5, l4   \
	VPMADD52HUQ Z4, Z5, h4

// TWICE adds a sum of high halves, which count for two of the next limb.
#define TWICE(h, l) \
	VPADDQ h, h, h \
	VPADDQ h, l, l

// FOLD adds 19 times a limb of weight 2^255 and more to the one that is 255 bits below.
#define FOLD(high, low) \
	VPSLLQ $4, high, Z24   \
	VPADDQ high, high, Z25 \
	VPADDQ high, low, low  \
	VPADDQ Z24, low, low   \
	VPADDQ Z25, low, low

// func mul8(out, a, b *eight)
TEXT ·mul8(SB), NOSPLIT, $0-24
	MOVQ out+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	PREPARE
	VMOVDQU64 (SI), Z0
	VMOVDQU64 64(SI), Z1
	VMOVDQU64 128(SI), Z2
	VMOVDQU64 192(SI), Z3
	VMOVDQU64 256(SI), Z4
	VPXORQ Z6, Z6, Z6 // low halves: Z6 to Z14, limbs 0 to 8
	VPXORQ Z7, Z7, Z7
	VPXORQ Z8, Z8, Z8
	VPXORQ Z9, Z9, Z9
	VPXORQ Z10, Z10, Z10
	VPXORQ Z11, Z11, Z11
	VPXORQ Z12, Z12, Z12
	VPXORQ Z13, Z13, Z13
	VPXORQ Z14, Z14, Z14
	VPXORQ Z15, Z15, Z15 // high halves: Z15 to Z23, limbs 1 to 9
	VPXORQ Z16, Z16, Z16
	VPXORQ Z17, Z17, Z17
	VPXORQ Z18, Z18, Z18
	VPXORQ Z19, Z19, Z19
	VPXORQ Z20, Z20, Z20
	VPXORQ Z21, Z21, Z21
	VPXORQ Z22, Z22, Z22
	VPXORQ Z23, Z23, Z23
	ROW(0, Z6, Z7, Z8, Z9, Z10, Z15, Z16, Z17, Z18, Z19)
	ROW(64, Z7, Z8, Z9, Z10, Z11, Z16, Z17, Z18, Z19, Z20)
	ROW(128, Z8, Z9, Z10, Z11, Z12, Z17, Z18, Z19, Z20, Z21)
	ROW(192, Z9, Z10, Z11, Z12, Z13, Z18, Z19, Z20, Z21, Z22)
	ROW(256, Z10, Z11, Z12, Z13, Z14, Z19, Z20, Z21, Z22, Z23)
	TWICE(Z15, Z7)
	TWICE(Z16, Z8)
	TWICE(Z17, Z9)
	TWICE(Z18, Z10)
	TWICE(Z19, Z11)
	TWICE(Z20, Z12)
	TWICE(Z21, Z13)
	TWICE(Z22, Z14)
	VPADDQ Z23, Z23, Z23
	FOLD(Z11, Z6)
	FOLD(Z12, Z7)
	FOLD(Z13, Z8)
	FOLD(Z14, Z9)
	FOLD(Z23, Z10)
	CARRY(Z6, Z7, Z8, Z9, Z10)
	RET

// func add8(out, a, b *eight)
TEXT ·add8(SB), NOSPLIT, $0-24
	MOVQ out+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	PREPARE
	VMOVDQU64 (SI), Z0
	VMOVDQU64 64(SI), Z1
	VMOVDQU64 128(SI), Z2
	VMOVDQU64 192(SI), Z3
	VMOVDQU64 256(SI), Z4
	VPADDQ (DX), Z0, Z0
	VPADDQ 64(DX), Z1, Z1
	VPADDQ 128(DX), Z2, Z2
	VPADDQ 192(DX), Z3, Z3
	VPADDQ 256(DX), Z4, Z4
	CARRY(Z0, Z1, Z2, Z3, Z4)
	RET

// func sub8(out, a, b *eight)
TEXT ·sub8(SB), NOSPLIT, $0-24
	MOVQ out+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	PREPARE
	VPBROADCASTQ twiceP0<>(SB), Z0 // 2p, so that no limb is negative
	VPBROADCASTQ twiceP1<>(SB), Z1
	VPADDQ 64(SI), Z1, Z5
	VPADDQ 128(SI), Z1, Z6
	VPADDQ 192(SI), Z1, Z7
	VPADDQ 256(SI), Z1, Z8
	VPADDQ (SI), Z0, Z4
	VPSUBQ (DX), Z4, Z4
	VPSUBQ 64(DX), Z5, Z5
	VPSUBQ 128(DX), Z6, Z6
	VPSUBQ 192(DX), Z7, Z7
	VPSUBQ 256(DX), Z8, Z8
	CARRY(Z4, Z5, Z6, Z7, Z8)
	RET
