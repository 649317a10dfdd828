package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"agora/engine/native/modeltest"
)

// at runs body at every level and compares what it returns, bit by bit, with portable code.
func at(t *testing.T, what string, body func() []float32) {
	t.Helper()
	was := Level()
	defer Use(was)
	var want []float32
	for _, l := range Levels() {
		Use(l)
		got := body()
		if want == nil {
			want = got
			continue
		}
		for i, v := range got {
			if math.Float32bits(v) != math.Float32bits(want[i]) {
				t.Errorf("%s at %s: number %d is %v, portable %v", what, l, i, v, want[i])
				break
			}
		}
	}
}

func TestLevelsMultiplyAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 1))
	for _, kind := range kinds {
		m, _ := packed(t, r, kind, 512, 100)
		for n := 1; n <= 15; n++ {
			x := random(r, n*520)
			at(t, kind.String(), func() []float32 {
				out := make([]float32, n*120)
				var a Activations
				a.Set(x, n, 512, 520)
				m.Multiply(out, 120, &a)
				return out
			})
		}
	}
}

// Weights at either end of their range, times activations at either end of theirs, with signs that agree or not.
func TestLevelsMultiplyExtremesAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 5))
	for _, kind := range kinds[:6] {
		raw := modeltest.Random(r, "w", kind, 0.1, 256, 256)
		_, size, _ := kind.Block()
		for i := range raw.Data {
			if j := i % size; j >= 16 && j < 208 { // no scales
				raw.Data[i] = []byte{0, 0xff, 0x80, 0x7f, 0x0f, 0xf0}[r.IntN(6)]
			}
		}
		m, err := Pack(raw)
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float32, 16*256)
		for i := range x {
			x[i] = float32(254*r.IntN(2) - 127)
		}
		at(t, kind.String(), func() []float32 {
			out := make([]float32, 16*256)
			var a Activations
			a.Set(x, 16, 256, 256)
			m.Multiply(out, 256, &a)
			return out
		})
	}
}

func TestLevelsTreatVectorsAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 2))
	for _, n := range []int{16, 64, 80, 256, 23} {
		for _, size := range []float32{1, 30, 1e-20, 1e12} {
			x, y := random(r, n), random(r, n)
			for i := range x {
				x[i] *= size
			}
			x[n/2] = 0
			fresh := func() []float32 { return append([]float32(nil), x...) }
			at(t, "normalise", func() []float32 { out := make([]float32, n); Normalise(out, x, y, 1e-5); return out })
			at(t, "add", func() []float32 { out := fresh(); Add(out, y); return out })
			at(t, "silu", func() []float32 { out := fresh(); SiLU(out, y); return out })
			at(t, "gelu", func() []float32 { out := fresh(); GELU(out, y); return out })
			if n%16 == 0 {
				at(t, "softmax", func() []float32 { out := fresh(); out[n-1] = Nothing; return append(out, Softmax(out)) })
			}
		}
	}
}

func TestLevelsAttendAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 3))
	for _, dim := range []int{16, 32, 48, 64, 80, 128, 256} {
		q, keys, values := random(r, dim), random(r, 128*dim), random(r, 128*dim)
		at(t, "scores", func() []float32 { out := make([]float32, 128); Scores(out, q, keys, 8); return out })
		at(t, "mix", func() []float32 { out := append([]float32(nil), q...); Mix(out, keys[:77], values); return out })
	}
}

func TestLevelsQuantiseAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 4))
	inf := float32(math.Inf(1))
	for _, odd := range []float32{0, 1e-31, 1.1e-30, 1e30, inf, -inf, float32(math.NaN()), 3e38, math.SmallestNonzeroFloat32} {
		x := random(r, 128)
		x[40] = odd
		if odd < 1e-29 {
			clear(x[64:])
			x[70] = odd
		}
		at(t, "quantise", func() []float32 {
			dst := make([]byte, 4*actBytes)
			quantiseRow(dst, x)
			out := make([]float32, len(dst))
			for i, b := range dst {
				out[i] = float32(b)
			}
			return out
		})
	}
	for _, bad := range []float32{Limit, inf, float32(math.NaN()), -Limit, Limit * 0.99} {
		x := random(r, 64)
		x[37] = bad
		at(t, "bounded", func() []float32 {
			if Bounded(x) {
				return []float32{1}
			}
			return []float32{0}
		})
	}
}
