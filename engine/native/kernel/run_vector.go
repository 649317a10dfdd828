//go:build amd64 || arm64

package kernel

import "unsafe"

// loop multiplies groups of 16 rows with a fixed number of tokens.
type loop struct {
	tokens int
	run    func(out unsafe.Pointer, outStride int, quants, scales, acts unsafe.Pointer, actStride, blocks, groups int)
}

// run multiplies groups lo to hi of the rows with all tokens, as many at a time as the loops take.
func run(loops []loop, out []float32, stride int, m *Matrix, a *Activations, lo, hi int) {
	blocks := m.Cols / Block
	quants, scales := m.quants[lo*blocks*m.layout.quants:], m.scales[lo*blocks*m.layout.scales:]
	acts, actStride, steps := pointer(a.x), 4*a.stride, m.Cols/4
	if m.layout.scales != 0 {
		acts, actStride, steps = pointer(a.blocks), blocks*actBytes, blocks
	}
	i := 0
	for _, l := range loops {
		for ; i+l.tokens <= a.n; i += l.tokens {
			to := pointer(out[i*stride+lo*Lanes:])
			l.run(to, 4*stride, pointer(quants), pointer(scales), unsafe.Add(acts, i*actStride), actStride, steps, hi-lo)
		}
	}
}

func pointer[T any](x []T) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(x)) }
