package kernel

import (
	"runtime"
	"slices"

	"golang.org/x/sys/cpu"

	"agora/engine/native/tensor"
)

// Levels are the ways of computing that this machine has, slowest first; all give the same bits.
func Levels() []string {
	if cpu.ARM64.HasASIMDDP || runtime.GOOS == "darwin" { // every processor that macOS runs on has it
		return []string{"portable", "neon-dot"}
	}
	return []string{"portable"}
}

var level = Levels()[len(Levels())-1]

// Level is the one in use.
func Level() string { return level }

// Use chooses one of Levels, for tests and measurements; no product may be under way.
func Use(name string) {
	if slices.Contains(Levels(), name) {
		level = name
		vector = name != "portable"
	}
}

var vector bool

func init() { Use(level) }

func squares(x []float32) float32                            { return portableSquares(x) }
func scaleBy(out, x, w []float32, scale float32)             { portableScale(out, x, w, scale) }
func addTo(x, y []float32)                                   { portableAdd(x, y) }
func bounded(x []float32) bool                               { return portableBounded(x) }
func silu(g, u []float32)                                    { portableSiLU(g, u) }
func gelu(g, u []float32)                                    { portableGELU(g, u) }
func largest(p []float32) float32                            { return portableLargest(p) }
func expSums(p []float32, top float32, sums *[Lanes]float32) { portableExpSums(p, top, sums) }
func quantiseRow(dst []byte, x []float32)                    { portableQuantise(dst, x) }

func scores(p, q, keys []float32, groups int) {
	if !vector || groups == 0 || len(q) == 0 {
		portableScores(p, q, keys, groups)
		return
	}
	scoresNeon(pointer(p[:groups*Lanes]), pointer(q), pointer(keys[:groups*len(q)*Lanes]), len(q), groups)
}

func mix(out, p, values []float32) {
	if !vector || len(out)%Lanes != 0 || len(p) == 0 {
		portableMix(out, p, values)
		return
	}
	values = values[:len(p)*len(out)]
	d := 0
	for ; d+64 <= len(out); d += 64 {
		mix64xNeon(pointer(out[d:]), pointer(p), pointer(values[d:]), 4*len(out), len(p))
	}
	for ; d < len(out); d += 16 {
		mix16xNeon(pointer(out[d:]), pointer(p), pointer(values[d:]), 4*len(out), len(p))
	}
}

// loops that each format has, most tokens first.
var loops = map[tensor.Type][]loop{
	tensor.Q40: {{4, mulQ40x4xNeon}, {1, mulQ40x1xNeon}}, tensor.Q41: {{4, mulQ41x4xNeon}, {1, mulQ41x1xNeon}},
	tensor.Q50: {{4, mulQ50x4xNeon}, {1, mulQ50x1xNeon}}, tensor.Q80: {{4, mulQ80x4xNeon}, {1, mulQ80x1xNeon}},
	tensor.Q4K: {{4, mulQ4Kx4xNeon}, {1, mulQ4Kx1xNeon}}, tensor.Q6K: {{4, mulQ6Kx4xNeon}, {1, mulQ6Kx1xNeon}},
	tensor.F16: {{4, mulF16x4xNeon}, {1, mulF16x1xNeon}}, tensor.BF16: {{4, mulBF16x4xNeon}, {1, mulBF16x1xNeon}}, tensor.F32: {{4, mulF32x4xNeon}, {1, mulF32x1xNeon}},
}

func multiply(out []float32, stride int, m *Matrix, a *Activations, lo, hi int) {
	if !vector {
		portableMultiply(out, stride, m, a, lo, hi)
		return
	}
	run(loops[m.kind], out, stride, m, a, lo, hi)
}
