package kernel

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"agora/engine/native/modeltest"
	"agora/engine/native/tensor"
)

var kinds = []tensor.Type{tensor.Q40, tensor.Q41, tensor.Q50, tensor.Q80, tensor.Q4K, tensor.Q6K, tensor.F16, tensor.BF16, tensor.F32}

func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func packed(t testing.TB, r *rand.Rand, kind tensor.Type, cols, rows int) (*Matrix, tensor.Tensor) {
	raw := modeltest.Random(r, "w", kind, 0.1, cols, rows)
	m, err := Pack(raw)
	if err != nil {
		t.Fatal(err)
	}
	return m, raw
}

func TestPackedRowsAreTheFilesWeights(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	for _, kind := range kinds {
		m, raw := packed(t, r, kind, 512, 19)
		want, got := raw.Floats(), make([]float32, 512)
		for row := range 19 {
			m.Row(got, row)
			for c, v := range got {
				if w := want[row*512+c]; math.Float32bits(v) != math.Float32bits(w) && v != w {
					t.Fatalf("%s: row %d column %d is %v, want %v", kind, row, c, v, w)
				}
			}
		}
	}
}

// The product differs from exact arithmetic by the activations' rounding alone: 1/254 of their block's largest per number.
func TestProductIsRightToTheActivationsRounding(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 2))
	for _, kind := range kinds {
		m, raw := packed(t, r, kind, 256, 40)
		w, x := raw.Floats(), random(r, 5*256)
		out := make([]float32, 5*m.Width())
		var a Activations
		a.Set(x, 5, 256, 256)
		m.Multiply(out, m.Width(), &a)
		for i := range 5 {
			for row := range 40 {
				want, slack := 0.0, 1e-4
				for c := range 256 {
					want += float64(w[row*256+c]) * float64(x[i*256+c])
					if m.layout.scales != 0 {
						slack += math.Abs(float64(w[row*256+c])) * 4.5 / 254 / 4
					}
				}
				if got := float64(out[i*m.Width()+row]); math.Abs(got-want) > slack {
					t.Fatalf("%s: token %d row %d is %v, want %v ± %v", kind, i, row, got, want, slack)
				}
			}
		}
	}
}

// The largest numbers that formats hold neither saturate nor overflow.
func TestExtremeNumbersAddUpExactly(t *testing.T) {
	defer Use(Level())
	x := make([]float32, 256)
	for _, sign := range []float32{1, -1} {
		for i := range x {
			x[i] = sign * 127
		}
		for _, kind := range []tensor.Type{tensor.Q40, tensor.Q41, tensor.Q50, tensor.Q80, tensor.Q4K, tensor.Q6K} {
			for _, fill := range []byte{0, 0x80, 0xff, 0x7f} {
				raw := modeltest.Random(rand.New(rand.NewPCG(1, 1)), "w", kind, 0.01, 256, 16)
				_, size, _ := kind.Block()
				for i := range raw.Data {
					header := map[tensor.Type]int{tensor.Q40: 2, tensor.Q41: 4, tensor.Q50: 2, tensor.Q80: 2, tensor.Q4K: 4}[kind]
					if at := i % size; at >= header && (kind != tensor.Q6K || at < 208) {
						raw.Data[i] = fill
					}
				}
				m, err := Pack(raw)
				if err != nil {
					t.Fatal(err)
				}
				want, out := 0.0, make([]float32, 16)
				for _, w := range raw.Floats()[:256] {
					want += float64(w) * float64(x[0])
				}
				for _, level := range Levels() {
					Use(level)
					var a Activations
					a.Set(x, 1, 256, 256)
					m.Multiply(out, 16, &a)
					if math.Abs(float64(out[0])-want) > 1e-5*math.Abs(want)+1e-3 {
						t.Errorf("%s of %#x times %v at %s: %v, want %v", kind, fill, x[0], level, out[0], want)
					}
				}
			}
		}
	}
}

func TestExpIsExp(t *testing.T) {
	worst := 0.0
	for x := float32(-86); x <= 88; x += 0.0037 {
		want := math.Exp(float64(x))
		worst = max(worst, math.Abs(float64(Exp(x))-want)/want)
	}
	if worst > 4e-6 {
		t.Errorf("relative error %v", worst)
	}
	if Exp(-86.5) != 0 || Exp(Nothing) != 0 || Exp(1000) != Exp(88) {
		t.Errorf("out of range: %v %v", Exp(-86.5), Exp(1000))
	}
}

func TestBoundedFindsWhatIsNot(t *testing.T) {
	for _, bad := range []float32{Limit * 1.01, -Limit * 2, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())} {
		if Bounded([]float32{1, bad, 2}) {
			t.Errorf("%v is bounded", bad)
		}
	}
	if !Bounded([]float32{0, -1, Limit * 0.99, -Limit * 0.99}) {
		t.Error("ordinary numbers are not")
	}
}

func TestWeightsThatAreNotFiniteAreRefused(t *testing.T) {
	for _, kind := range kinds {
		raw := modeltest.Random(rand.New(rand.NewPCG(1, 1)), "w", kind, 0.1, 256, 1)
		at := 0
		if kind == tensor.Q6K {
			at = 208
		}
		raw.Data[at], raw.Data[at+1] = 0x80, 0x7f // a NaN of bfloat16 and of float16
		if kind == tensor.F32 {
			raw.Data[2], raw.Data[3] = 0x80, 0x7f
		}
		if _, err := Pack(raw); err == nil {
			t.Errorf("%s with a NaN is packed", kind)
		}
	}
}

func TestMatrixOfPartsOfBlocksIsRefused(t *testing.T) {
	for _, kind := range kinds {
		raw := modeltest.Random(rand.New(rand.NewPCG(1, 1)), "w", kind, 0.1, 256, 2)
		raw.Shape = []int{16, 32}
		if weights, _, _ := kind.Block(); weights > Block {
			raw.Shape = []int{128, 4}
		}
		if _, err := Pack(raw); !errors.Is(err, ErrWeights) {
			t.Errorf("%v of %s: %v", raw.Shape, kind, err)
		}
	}
}

func BenchmarkMultiply(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 1))
	for _, kind := range kinds {
		for _, n := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%s/%d", kind, n), func(b *testing.B) {
				m, _ := packed(b, r, kind, 512, 1536)
				var a Activations
				x, out := random(r, n*512), make([]float32, n*m.Width())
				for b.Loop() {
					a.Set(x, n, 512, 512)
					m.Multiply(out, m.Width(), &a)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n)/(512*1.536), "ns/kMAC")
			})
		}
	}
}

// BenchmarkPortable is how many times the fastest level's time portable code takes for one token, each at its best.
func BenchmarkPortable(b *testing.B) {
	defer Use(Level())
	r := rand.New(rand.NewPCG(3, 1))
	for _, kind := range kinds {
		b.Run(kind.String(), func(b *testing.B) {
			m, _ := packed(b, r, kind, 768, 576)
			x, out := random(r, 768), make([]float32, m.Width())
			best := map[string]time.Duration{}
			for b.Loop() {
				for _, level := range Levels() {
					Use(level)
					began := time.Now()
					var a Activations
					a.Set(x, 1, 768, 768)
					m.Multiply(out, m.Width(), &a)
					if took := time.Since(began); best[level] == 0 || took < best[level] {
						best[level] = took
					}
				}
			}
			plain, fast := best["portable"], best[Levels()[len(Levels())-1]]
			b.ReportMetric(float64(plain.Nanoseconds())/(768*.576), "ns/kMAC")
			b.ReportMetric(float64(plain)/float64(fast), "times")
			b.ReportMetric(0, "ns/op")
		})
	}
}
