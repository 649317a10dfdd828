package train

import (
	"math"
	"math/rand/v2"
	"slices"
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

func usable(t testing.TB) {
	t.Helper()
	if err := Usable(); err != nil {
		t.Skip(err)
	}
}

// Shapes go through every way of multiplying: narrow, by vectors, by tiles of bfloat16 with rows and inner products to spare.
func TestGemmMultipliesAsTheDefinitionSays(t *testing.T) {
	usable(t)
	for _, s := range []struct{ rows, inner, cols int }{{23, 300, 64}, {7, 20, 16}, {100, 128, 96}, {32, 300, 64}, {96, 999, 32}} {
		testGemm(t, s.rows, s.inner, s.cols)
	}
}

func testGemm(t *testing.T, rows, inner, cols int) {
	a, b, start := randoms(rows*inner), randoms(inner*cols), randoms(rows*cols)
	for _, transposed := range []bool{false, true} {
		for _, add := range []bool{false, true} {
			aRow, aCol := inner, 1
			if transposed {
				aRow, aCol = 1, rows
			}
			c := slices.Clone(start)
			gemm(c, cols, a, aRow, aCol, b, cols, rows, inner, cols, add)
			for i := range rows {
				for j := range cols {
					want, size := 0.0, 1e-4
					if add {
						want = float64(start[i*cols+j])
					}
					for k := range inner {
						p := float64(a[i*aRow+k*aCol]) * float64(b[k*cols+j])
						want, size = want+p, size+math.Abs(p)/1000
					}
					if math.Abs(want-float64(c[i*cols+j])) > size {
						t.Fatalf("%d × %d × %d, transposed %v, add %v: element %d, %d is %v, want %v", rows, inner, cols, transposed, add, i, j, c[i*cols+j], want)
					}
				}
			}
		}
	}
}

func TestExpSubIsTheExponential(t *testing.T) {
	usable(t)
	x := []float32{-80, -5, -1, -.5, 0, .3, 1, 2, -3, -7, -20, -0.1, 1.5, 0.7, -2, -9}
	got, want := slices.Clone(x), 0.0
	sum := float64(expSub(got, 2))
	for i, v := range x {
		e := math.Exp(float64(v) - 2)
		if want += e; math.Abs(e-float64(got[i])) > 1e-5*e {
			t.Errorf("exp(%v) is %v, want %v", v-2, got[i], e)
		}
	}
	if math.Abs(sum-want) > 1e-5*want {
		t.Errorf("sum is %v, want %v", sum, want)
	}
}

func BenchmarkGemmWide(b *testing.B)  { benchGemm(b, 1800, 128, 384) }
func BenchmarkGemmTall(b *testing.B)  { benchGemm(b, 256, 2048, 1024) }
func BenchmarkGemmSmall(b *testing.B) { benchGemm(b, 30, 32, 32) }

func benchGemm(t *testing.B, rows, inner, cols int) {
	usable(t)
	a, b, c := randoms(rows*inner), randoms(inner*cols), make([]float32, rows*cols)
	for t.Loop() {
		gemm(c, cols, a, inner, 1, b, cols, rows, inner, cols, false)
	}
	t.ReportMetric(2*float64(rows*inner*cols)*float64(t.N)/t.Elapsed().Seconds()/1e9, "GFLOPS")
}
