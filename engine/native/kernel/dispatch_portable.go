//go:build !amd64 && !arm64

package kernel

// Levels are the ways of computing that this machine has, slowest first; all give the same bits.
func Levels() []string { return []string{"portable"} }

// Level is the one in use.
func Level() string { return "portable" }

// Use chooses one of Levels, for tests and measurements; no product may be under way.
func Use(string) {}

func squares(x []float32) float32                            { return portableSquares(x) }
func scaleBy(out, x, w []float32, scale float32)             { portableScale(out, x, w, scale) }
func addTo(x, y []float32)                                   { portableAdd(x, y) }
func bounded(x []float32) bool                               { return portableBounded(x) }
func silu(g, u []float32)                                    { portableSiLU(g, u) }
func gelu(g, u []float32)                                    { portableGELU(g, u) }
func scores(p, q, keys []float32, groups int)                { portableScores(p, q, keys, groups) }
func largest(p []float32) float32                            { return portableLargest(p) }
func expSums(p []float32, top float32, sums *[Lanes]float32) { portableExpSums(p, top, sums) }
func mix(out, p, values []float32)                           { portableMix(out, p, values) }
func quantiseRow(dst []byte, x []float32)                    { portableQuantise(dst, x) }

func multiply(out []float32, stride int, m *Matrix, a *Activations, lo, hi int) {
	portableMultiply(out, stride, m, a, lo, hi)
}
