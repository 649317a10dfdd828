package kernel

import (
	"slices"
	"unsafe"

	"golang.org/x/sys/cpu"

	"agora/engine/native/tensor"
)

// Levels are the ways of computing that this machine has, slowest first; all give the same bits.
func Levels() []string {
	levels := []string{"portable"}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA { // float16 conversion is older than both
		levels = append(levels, "avx2")
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512VNNI {
			levels = append(levels, "avx512-vnni")
		}
	}
	return levels
}

var level = Levels()[len(Levels())-1]

// Level is the one in use.
func Level() string { return level }

// Use chooses one of Levels, for tests and measurements; no product may be under way.
func Use(name string) {
	if slices.Contains(Levels(), name) {
		level = name
		vector, wide = name != "portable", name == "avx512-vnni"
	}
}

var vector, wide bool

func init() { Use(level) }

// whole says that the vector loops can do n numbers.
func whole(n int) bool { return vector && n > 0 && n%Lanes == 0 }

func squares(x []float32) float32 {
	if !whole(len(x)) {
		return portableSquares(x)
	}
	var sums [Lanes]float32
	squares256(pointer(x), unsafe.Pointer(&sums), len(x)/Lanes)
	return total(&sums)
}

func scaleBy(out, x, w []float32, scale float32) {
	if !whole(len(x)) {
		portableScale(out, x, w, scale)
		return
	}
	scale256(pointer(out[:len(x)]), pointer(x), pointer(w[:len(x)]), unsafe.Pointer(&scale), len(x)/Lanes)
}

func addTo(x, y []float32) {
	if !whole(len(y)) {
		portableAdd(x, y)
		return
	}
	add256(pointer(x[:len(y)]), pointer(y), len(y)/Lanes)
}

func bounded(x []float32) bool {
	if !whole(len(x)) {
		return portableBounded(x)
	}
	var over [8]int32
	over256(pointer(x), unsafe.Pointer(&over), len(x)/Lanes)
	return over[0]|over[1]|over[2]|over[3]|over[4]|over[5]|over[6]|over[7] >= 0
}

func silu(g, u []float32) {
	if !whole(len(g)) {
		portableSiLU(g, u)
		return
	}
	silu256(pointer(g), pointer(u[:len(g)]), len(g)/8)
}

func gelu(g, u []float32) {
	if !whole(len(g)) {
		portableGELU(g, u)
		return
	}
	gelu256(pointer(g), pointer(u[:len(g)]), len(g)/8)
}

func scores(p, q, keys []float32, groups int) {
	if !vector || groups%4 != 0 || len(q) == 0 {
		portableScores(p, q, keys, groups)
		return
	}
	loop := scores256
	if wide {
		loop = scores512
	}
	for g := 0; g < groups; g += 4 {
		k := keys[g*len(q)*Lanes : (g+4)*len(q)*Lanes]
		loop(pointer(p[g*Lanes:(g+4)*Lanes]), pointer(q), pointer(k), len(q))
	}
}

func largest(p []float32) float32 {
	if !whole(len(p)) {
		return portableLargest(p)
	}
	var top [8]float32
	largest256(pointer(p), unsafe.Pointer(&top), len(p)/Lanes)
	return max(top[0], top[1], top[2], top[3], top[4], top[5], top[6], top[7])
}

func expSums(p []float32, top float32, sums *[Lanes]float32) {
	if !whole(len(p)) {
		portableExpSums(p, top, sums)
		return
	}
	exp256(pointer(p), unsafe.Pointer(&top), unsafe.Pointer(sums), len(p)/Lanes)
}

func mix(out, p, values []float32) {
	if !whole(len(out)) || len(p) == 0 {
		portableMix(out, p, values)
		return
	}
	values = values[:len(p)*len(out)]
	many, few := mix64x256, mix16x256
	if wide {
		many, few = mix64x512, mix16x512
	}
	d := 0
	for ; d+64 <= len(out); d += 64 {
		many(pointer(out[d:]), pointer(p), pointer(values[d:]), 4*len(out), len(p))
	}
	for ; d < len(out); d += 16 {
		few(pointer(out[d:]), pointer(p), pointer(values[d:]), 4*len(out), len(p))
	}
}

func quantiseRow(dst []byte, x []float32) {
	if !vector || len(x) == 0 {
		portableQuantise(dst, x)
		return
	}
	quantise256(pointer(dst[:len(x)/Block*actBytes]), pointer(x), len(x)/Block)
}

// loops that each format has at each width, most tokens first.
var (
	loops512 = map[tensor.Type][]loop{
		tensor.Q40: {{8, mulQ40x8x512}, {4, mulQ40x4x512}, {1, mulQ40x1x512}}, tensor.Q41: {{8, mulQ41x8x512}, {4, mulQ41x4x512}, {1, mulQ41x1x512}},
		tensor.Q50: {{8, mulQ50x8x512}, {4, mulQ50x4x512}, {1, mulQ50x1x512}}, tensor.Q80: {{8, mulQ80x8x512}, {4, mulQ80x4x512}, {1, mulQ80x1x512}},
		tensor.Q4K: {{8, mulQ4Kx8x512}, {4, mulQ4Kx4x512}, {1, mulQ4Kx1x512}}, tensor.Q6K: {{8, mulQ6Kx8x512}, {4, mulQ6Kx4x512}, {1, mulQ6Kx1x512}},
		tensor.F16: {{4, mulF16x4x512}, {1, mulF16x1x512}}, tensor.BF16: {{4, mulBF16x4x512}, {1, mulBF16x1x512}}, tensor.F32: {{4, mulF32x4x512}, {1, mulF32x1x512}},
	}
	loops256 = map[tensor.Type][]loop{
		tensor.Q40: {{4, mulQ40x4x256}, {1, mulQ40x1x256}}, tensor.Q41: {{4, mulQ41x4x256}, {1, mulQ41x1x256}},
		tensor.Q50: {{4, mulQ50x4x256}, {1, mulQ50x1x256}}, tensor.Q80: {{4, mulQ80x4x256}, {1, mulQ80x1x256}},
		tensor.Q4K: {{4, mulQ4Kx4x256}, {1, mulQ4Kx1x256}}, tensor.Q6K: {{4, mulQ6Kx4x256}, {1, mulQ6Kx1x256}},
		tensor.F16: {{2, mulF16x2x256}, {1, mulF16x1x256}}, tensor.BF16: {{2, mulBF16x2x256}, {1, mulBF16x1x256}}, tensor.F32: {{2, mulF32x2x256}, {1, mulF32x1x256}},
	}
)

func multiply(out []float32, stride int, m *Matrix, a *Activations, lo, hi int) {
	if !vector {
		portableMultiply(out, stride, m, a, lo, hi)
		return
	}
	table := loops256
	if wide {
		table = loops512
	}
	run(table[m.kind], out, stride, m, a, lo, hi)
}
