package train

import (
	"math"
	"math/rand/v2"
	"testing"
)

func randoms(n int) []float32 {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	a := make([]float32, n)
	for i := range a {
		a[i] = r.Float32() - 0.5
	}
	return a
}

func BenchmarkGemmWide(b *testing.B)  { benchGemm(b, 1800, 128, 384) }
func BenchmarkGemmSmall(b *testing.B) { benchGemm(b, 30, 32, 32) }

func benchGemm(t *testing.B, rows, inner, cols int) {
	a, b, c := randoms(rows*inner), randoms(inner*cols), make([]float32, rows*cols)
	for t.Loop() {
		gemm(c, cols, a, inner, 1, b, cols, rows, inner, cols, false)
	}
	t.ReportMetric(2*float64(rows*inner*cols)*float64(t.N)/t.Elapsed().Seconds()/1e9, "GFLOPS")
}

func BenchmarkExp(b *testing.B) {
	x := randoms(1024)
	for b.Loop() {
		expSub(x, 0.5)
	}
}

var _ = math.Pi
