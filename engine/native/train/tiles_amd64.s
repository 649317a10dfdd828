//go:build goexperiment.simd

#include "textflag.h"

// The assembler knows no AMX; these are its instructions by their bytes, with the registers that this file uses.
#define SHAPE      BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0x00                 // LDTILECFG (AX)
#define RELEASE    BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0xc0                 // TILERELEASE
#define ZERO(t)    BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $(0xc0+8*t)           // TILEZERO
#define LOADC(t,m) BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x4b; BYTE $(0x04+8*t); BYTE $m  // TILELOADD
#define SAVEC(t,m) BYTE $0xc4; BYTE $0xe2; BYTE $0x7a; BYTE $0x4b; BYTE $(0x04+8*t); BYTE $m  // TILESTORED
#define LOADAB(t,m) BYTE $0xc4; BYTE $0x82; BYTE $0x7b; BYTE $0x4b; BYTE $(0x04+8*t); BYTE $m // TILELOADD of R8 to R15 by R9
#define DOT(c,a,nb) BYTE $0xc4; BYTE $0xe2; BYTE $nb; BYTE $0x5c; BYTE $(0xc0+8*c+a)          // TDPBF16PS

#define ATDI 0x37 // (DI)(SI*1)
#define ATAX 0x30
#define ATBX 0x33
#define ATDX 0x32
#define BY6 0x4a // the second factor is tile 6
#define BY7 0x42

// tileShape: palette 1, eight tiles of 16 rows of 64 bytes.
DATA tileShape<>+0(SB)/8, $1
DATA tileShape<>+8(SB)/8, $0
DATA tileShape<>+16(SB)/8, $0x0040004000400040
DATA tileShape<>+24(SB)/8, $0x0040004000400040
DATA tileShape<>+32(SB)/8, $0
DATA tileShape<>+40(SB)/8, $0
DATA tileShape<>+48(SB)/8, $0x1010101010101010
DATA tileShape<>+56(SB)/8, $0
GLOBL tileShape<>(SB), RODATA, $64

// func tiles(c unsafe.Pointer, row uintptr, a, b unsafe.Pointer, blocks, pairs, add uintptr)
//
// 32 rows of C, 32 columns at a time: tiles 0 to 3 add up, 4 and 5 hold A, 6 and 7 B.
TEXT ·tiles(SB), NOSPLIT, $0-56
	LEAQ tileShape<>(SB), AX
	SHAPE
	MOVQ c+0(FP), DI
	MOVQ row+8(FP), SI
	MOVQ b+24(FP), R10
	MOVQ blocks+32(FP), R13
	SHLQ $10, R13             // bytes of a row of tiles
	MOVQ pairs+40(FP), R14
	MOVQ $64, R9

pair:
	LEAQ 64(DI), AX
	MOVQ SI, BX
	SHLQ $4, BX
	ADDQ DI, BX
	LEAQ 64(BX), DX
	CMPQ add+48(FP), $0
	JEQ  fresh
	LOADC(0, ATDI)
	LOADC(1, ATAX)
	LOADC(2, ATBX)
	LOADC(3, ATDX)
	JMP  begin

fresh:
	ZERO(0)
	ZERO(1)
	ZERO(2)
	ZERO(3)

begin:
	MOVQ a+16(FP), R8
	LEAQ (R8)(R13*1), R11
	LEAQ (R10)(R13*1), R12
	MOVQ blocks+32(FP), CX

block:
	LOADAB(4, 0x08)
	LOADAB(6, 0x0a)
	DOT(0, 4, BY6)
	LOADAB(7, 0x0c)
	DOT(1, 4, BY7)
	LOADAB(5, 0x0b)
	DOT(2, 5, BY6)
	DOT(3, 5, BY7)
	ADDQ $1024, R8
	ADDQ $1024, R11
	ADDQ $1024, R10
	ADDQ $1024, R12
	DECQ CX
	JNZ  block

	SAVEC(0, ATDI)
	SAVEC(1, ATAX)
	SAVEC(2, ATBX)
	SAVEC(3, ATDX)
	ADDQ $128, DI
	ADDQ R13, R10             // over the second panel
	DECQ R14
	JNZ  pair
	RELEASE
	RET

// DOT2(c, b) is VDPBF16PS Zb, Z30, Zc, which the assembler does not know: to each number of c, below 16, it adds the products of
// the two bfloat16 in a word of b, 28 or 29, and in a word of Z30.
#define DOT2(c, b) \
	BYTE $0x62; BYTE $(0x12+0x80*(1-c/8)); BYTE $0x0e; BYTE $0x40; BYTE $0x52; BYTE $(0xc0+8*(c%8)+(b%8))

// ROW(at, c) adds one row's products to the accumulators c and c+1.
#define ROW(at, c) \
	VBROADCASTSS at, Z30 \
	DOT2(c, 28)          \
	DOT2((c+1), 29)

#define CLEAR2(c, d) \
	VPXORD c, c, c \
	VPXORD d, d, d

#define FETCH(c, d) \
	VMOVUPS (DI), c   \
	VMOVUPS 64(DI), d \
	ADDQ    SI, DI

#define KEEP(c, d) \
	VMOVUPS c, (DI)   \
	VMOVUPS d, 64(DI) \
	ADDQ    SI, DI

// func dots(c unsafe.Pointer, row uintptr, a unsafe.Pointer, aRow, aPair uintptr, b unsafe.Pointer, blocks, pairs, add uintptr)
//
// 8 rows of C, 32 columns at a time in Z0 to Z15. Within a block of A, rows are aRow and pairs aPair bytes apart.
TEXT ·dots(SB), NOSPLIT, $0-72
	MOVQ row+8(FP), SI
	MOVQ aRow+24(FP), R8
	LEAQ (R8)(R8*2), R9
	MOVQ b+40(FP), R10
	MOVQ blocks+48(FP), R13
	SHLQ $10, R13             // bytes of a row of tiles
	MOVQ pairs+56(FP), R14

columns:
	MOVQ c+0(FP), DI
	CMPQ add+64(FP), $0
	JEQ  none
	FETCH(Z0, Z1)
	FETCH(Z2, Z3)
	FETCH(Z4, Z5)
	FETCH(Z6, Z7)
	FETCH(Z8, Z9)
	FETCH(Z10, Z11)
	FETCH(Z12, Z13)
	FETCH(Z14, Z15)
	JMP  sum

none:
	CLEAR2(Z0, Z1)
	CLEAR2(Z2, Z3)
	CLEAR2(Z4, Z5)
	CLEAR2(Z6, Z7)
	CLEAR2(Z8, Z9)
	CLEAR2(Z10, Z11)
	CLEAR2(Z12, Z13)
	CLEAR2(Z14, Z15)

sum:
	MOVQ a+16(FP), R11
	LEAQ (R10)(R13*1), R12
	MOVQ blocks+48(FP), CX

dotBlock:
	MOVQ R11, AX
	LEAQ (AX)(R8*4), BX
	MOVQ $16, DX

dotPair:
	VMOVUPS (R10), Z28
	VMOVUPS (R12), Z29
	ROW((AX), 0)
	ROW((AX)(R8*1), 2)
	ROW((AX)(R8*2), 4)
	ROW((AX)(R9*1), 6)
	ROW((BX), 8)
	ROW((BX)(R8*1), 10)
	ROW((BX)(R8*2), 12)
	ROW((BX)(R9*1), 14)
	ADDQ $64, R10
	ADDQ $64, R12
	ADDQ aPair+32(FP), AX
	ADDQ aPair+32(FP), BX
	DECQ DX
	JNZ  dotPair
	ADDQ $1024, R11
	DECQ CX
	JNZ  dotBlock

	MOVQ c+0(FP), DI
	KEEP(Z0, Z1)
	KEEP(Z2, Z3)
	KEEP(Z4, Z5)
	KEEP(Z6, Z7)
	KEEP(Z8, Z9)
	KEEP(Z10, Z11)
	KEEP(Z12, Z13)
	KEEP(Z14, Z15)
	ADDQ $128, c+0(FP)
	ADDQ R13, R10             // over the second panel
	DECQ R14
	JNZ  columns
	VZEROUPPER
	RET

DATA turned<>+0(SB)/8, $0x0000004000000000
DATA turned<>+8(SB)/8, $0x000000c000000080
DATA turned<>+16(SB)/8, $0x0000014000000100
DATA turned<>+24(SB)/8, $0x000001c000000180
DATA turned<>+32(SB)/8, $0x0000024000000200
DATA turned<>+40(SB)/8, $0x000002c000000280
DATA turned<>+48(SB)/8, $0x0000034000000300
DATA turned<>+56(SB)/8, $0x000003c000000380
GLOBL turned<>(SB), RODATA, $64

// BOTH rounds the numbers at BX and DX to bfloat16 and puts them into the low and high halves of Z0's words. Z30 holds
// 0x8000, half of the last place, and Z31 0xffff0000.
#define BOTH \
	VPADDD (BX), Z30, Z0 \
	VPADDD (DX), Z30, Z1 \
	VPSRLD $16, Z0, Z0   \
	VPANDD Z31, Z1, Z1   \
	VPORD  Z0, Z1, Z0

#define CONSTANTS \
	MOVL         $0x8000, AX     \
	VPBROADCASTD AX, Z30         \
	MOVL         $0xffff0000, AX \
	VPBROADCASTD AX, Z31

// func packPairs(to, low, high unsafe.Pointer, n, toStep, step uintptr)
TEXT ·packPairs(SB), NOSPLIT, $0-48
	CONSTANTS
	MOVQ to+0(FP), DI
	MOVQ low+8(FP), BX
	MOVQ high+16(FP), DX
	MOVQ n+24(FP), CX
	MOVQ toStep+32(FP), R8
	MOVQ step+40(FP), R9

pairs:
	BOTH
	VMOVDQU32 Z0, (DI)
	ADDQ      R8, DI
	ADDQ      R9, BX
	ADDQ      R9, DX
	DECQ      CX
	JNZ       pairs
	VZEROUPPER
	RET

// func packTurned(to, low, high unsafe.Pointer, step uintptr)
TEXT ·packTurned(SB), NOSPLIT, $0-32
	CONSTANTS
	MOVQ      to+0(FP), DI
	MOVQ      low+8(FP), BX
	MOVQ      high+16(FP), DX
	MOVQ      step+24(FP), R9
	VMOVDQU32 turned<>(SB), Z2
	MOVQ      $16, CX

turn:
	BOTH
	KXNORW     K1, K1, K1
	VPSCATTERDD Z0, K1, (DI)(Z2*1)
	ADDQ       $4, DI
	ADDQ       R9, BX
	ADDQ       R9, DX
	DECQ       CX
	JNZ        turn
	VZEROUPPER
	RET

// func cpuid(leaf, sub uint32) (a, b, c, d uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-24
	MOVL leaf+0(FP), AX
	MOVL sub+4(FP), CX
	CPUID
	MOVL AX, a+8(FP)
	MOVL BX, b+12(FP)
	MOVL CX, c+16(FP)
	MOVL DX, d+20(FP)
	RET
