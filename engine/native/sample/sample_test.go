package sample

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The tokens that these logits and seeds give are part of what a receipt promises: they never change.
func TestTheSameSeedGivesTheSameTokensOnEveryMachine(t *testing.T) {
	h := sha256.New()
	r := rand.New(rand.NewPCG(1, 2))
	logits := make([]float32, 5000)
	for answer := range 20 {
		o := []Options{{Temperature: 1}, {Temperature: 0.7, TopP: 0.9}, {Temperature: 2, TopK: 40}, {Temperature: 1, MinP: 0.05}}[answer%4]
		s := New(o, SeedOf(answer, int64(answer)-3))
		for position := range 50 {
			for i := range logits {
				logits[i] = float32(r.IntN(4000)-2000) / 128
			}
			binary.Write(h, binary.BigEndian, s.Choose(logits, position, nil))
		}
	}
	const want = "bbb34ace73c0c551fac75fc5d52d44878ee537a8073a37bfeb5382e88bacef04"
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("the tokens hash to %s, want %s", got, want)
	}
}

func TestDrawsFollowTheSoftmax(t *testing.T) {
	logits := []float32{1, 3, 2, -1, 0.5}
	const draws = 40000
	for _, temperature := range []float64{0.5, 1, 2} {
		var p, total [5]float64
		sum := 0.0
		for i, l := range logits {
			p[i] = math.Exp(float64(l) / temperature)
			sum += p[i]
		}
		s := New(Options{Temperature: temperature}, SeedOf(0, 42))
		for position := range draws {
			total[s.Choose(logits, position, nil)]++
		}
		chi := 0.0
		for i := range p {
			want := draws * p[i] / sum
			chi += (total[i] - want) * (total[i] - want) / want
		}
		if chi > 23.5 { // four degrees of freedom, 1 in 10,000
			t.Errorf("at temperature %v χ² is %.1f for the counts %v", temperature, chi, total)
		}
	}
}

// What is skipped because it cannot win must not change who wins.
func TestSkippingChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	logits := make([]float32, 300)
	for trial := range 2000 {
		for i := range logits {
			logits[i] = float32(r.NormFloat64() * 8)
		}
		s := New(Options{Temperature: 1.3}, SeedOf(trial, 1))
		got := s.Choose(logits, trial, nil)
		best, want := math.Inf(-1), int32(-1)
		for i, l := range logits {
			if v := float64(float64(l)*(1/1.3)) + s.noise.gumbel(int32(i)); v > best {
				best, want = v, int32(i)
			}
		}
		if got != want {
			t.Fatalf("trial %d: chose %d, the largest is %d", trial, got, want)
		}
	}
}

func TestNoiseStaysInReach(t *testing.T) {
	z := &noise{words: make([]byte, 4)}
	low, high := math.Inf(1), math.Inf(-1)
	for _, w := range []uint32{0, 1, 2, 1 << 8, 1 << 31, math.MaxUint32 - 1<<20, math.MaxUint32 - 1, math.MaxUint32} {
		binary.LittleEndian.PutUint32(z.words, w)
		g := z.gumbel(0)
		low, high = min(low, g), max(high, g)
		if bound := z.atMost(0); bound < g {
			t.Errorf("word %d: noise %v above its bound %v", w, g, bound)
		}
	}
	if high-low > reach {
		t.Errorf("noise spans %v to %v, more than %v", low, high, float64(reach))
	}
}

func TestCutsKeepTheMostProbable(t *testing.T) {
	logits := []float32{0, 5, 4, 4, -2, 3}
	seen := func(o Options) []int32 {
		var ids []int32
		s := New(o, SeedOf(0, 7))
		for position := range 3000 {
			if id := s.Choose(logits, position, nil); !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		return ids
	}
	for _, try := range []struct {
		o    Options
		want []int32
	}{
		{Options{Temperature: 2, TopK: 2}, []int32{1, 2}}, // of equals the lower id stays
		{Options{Temperature: 2, TopK: 100}, []int32{0, 1, 2, 3, 4, 5}},
		{Options{Temperature: 1, TopP: 0.5}, []int32{1}},
		{Options{Temperature: 1, TopP: 0.6}, []int32{1, 2}},
		{Options{Temperature: 1, MinP: 0.3}, []int32{1, 2, 3}},
		{Options{Temperature: 1, MinP: 1}, []int32{1}},
		{Options{}, []int32{1}},
	} {
		if got := seen(try.o); !slices.Equal(got, try.want) {
			t.Errorf("%+v draws %v, want %v", try.o, got, try.want)
		}
	}
}

func TestAMaskedTokenIsNeverChosen(t *testing.T) {
	logits := []float32{9, 8, 7, 6}
	mask := Mask{1<<2 | 1<<3}
	for _, temperature := range []float64{0, 2} {
		s := New(Options{Temperature: temperature}, Seed{})
		for position := range 200 {
			if id := s.Choose(logits, position, mask); id < 2 {
				t.Fatalf("chose %d, which the mask forbids", id)
			}
		}
	}
	if id := New(Options{}, Seed{}).Choose(logits, 0, Mask{0}); id != -1 {
		t.Errorf("chose %d where nothing is allowed", id)
	}
}

func TestOptionsOutOfRangeAreNamed(t *testing.T) {
	for name, o := range map[string]Options{
		"temperature": {Temperature: math.NaN()}, "top_k": {TopK: -1}, "top_p": {TopP: 1.5}, "min_p": {MinP: -0.1},
	} {
		if got, err := o.Check(); got != name || err == nil {
			t.Errorf("%+v: named %q, %v; want %q", o, got, err, name)
		}
	}
	if _, err := (Options{Temperature: 2, TopK: 1, TopP: 1, MinP: 1}).Check(); err != nil {
		t.Errorf("options at their bounds are refused: %v", err)
	}
}

func TestTopAndNormaliserDescribeTheDistribution(t *testing.T) {
	logits := []float32{0, 5, 4, 4, -2, 3}
	if got := Top(logits, 4); !slices.Equal(got, []int32{1, 2, 3, 5}) {
		t.Errorf("the best four are %v", got)
	}
	if got := Top(logits, 100); len(got) != 6 || got[5] != 4 {
		t.Errorf("all are %v", got)
	}
	sum := 0.0
	for _, l := range logits {
		sum += math.Exp(float64(l) - Normaliser(logits))
	}
	if math.Abs(sum-1) > 1e-6 {
		t.Errorf("probabilities add up to %v", sum)
	}
}

func TestNormaliserIsExactToAMillionth(t *testing.T) {
	for _, n := range []int{1, 15, 16, 1024, 1025, 262_144} {
		draw := rand.New(rand.NewPCG(1, uint64(n)))
		logits, sum := make([]float32, n), 0.0
		for i := range logits {
			logits[i] = float32(20 * draw.NormFloat64())
			if n > 1<<17 { // as flat as can be: every sum is of many equals
				logits[i] = -7
			}
			sum += math.Exp(float64(logits[i]))
		}
		if got, want := Normaliser(logits), math.Log(sum); math.Abs(got-want) > 1e-6 {
			t.Errorf("%d logits: %.9f, not %.9f", n, got, want)
		}
	}
}

func BenchmarkNormaliser(b *testing.B) {
	logits := make([]float32, 49_152)
	for i := range logits {
		logits[i] = float32(i % 17)
	}
	for b.Loop() {
		Normaliser(logits)
	}
}

func TestSeedsAreApart(t *testing.T) {
	seeds := []Seed{SeedOf(0, 1), SeedOf(1, 1), SeedOf(0, 11), SeedOf(0, -1), SeedFor(0, [16]byte{1}, [32]byte{}), SeedFor(1, [16]byte{1}, [32]byte{}), SeedFor(0, [16]byte{}, [32]byte{1})}
	for i := range seeds {
		for j := range i {
			if seeds[i] == seeds[j] {
				t.Errorf("seeds %d and %d are equal", i, j)
			}
		}
	}
}

func TestLogarithmAndExponentialAreClose(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 100000 {
		x := math.Exp(r.Float64()*60 - 40)
		if got, want := logf(x), math.Log(x); math.Abs(got-want) > 4e-16*max(1, math.Abs(want))*4 {
			t.Fatalf("ln %v is %v, want %v", x, got, want)
		}
		y := -r.Float64() * 60
		if got, want := expf(y), math.Exp(y); math.Abs(got-want) > 4*2.3e-16*want {
			t.Fatalf("e^%v is %v, want %v", y, got, want)
		}
	}
}

func BenchmarkChoose(b *testing.B) {
	r := rand.New(rand.NewPCG(7, 8))
	logits := make([]float32, 49152)
	for i := range logits {
		logits[i] = float32(r.NormFloat64() * 3)
	}
	for name, o := range map[string]Options{"greedy": {}, "temperature": {Temperature: 1}, "top-p": {Temperature: 1, TopP: 0.9}, "top-k": {Temperature: 1, TopK: 40}} {
		b.Run(name, func(b *testing.B) {
			s := New(o, SeedOf(0, 1))
			for i := 0; b.Loop(); i++ {
				s.Choose(logits, i, nil)
			}
		})
	}
}
