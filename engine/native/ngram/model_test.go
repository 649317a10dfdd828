package ngram

import (
	"bytes"
	"math"
	"testing"

	"pgregory.net/rapid"

	"agora/task"
	"agora/task/continuation"
)

// The ladder that the market's judge has to find, in bits per byte of text that no model has seen. The entropy of the source
// bounds it from below.
func TestLongerModelsAreClearlyBetterButNeverBelowTheEntropy(t *testing.T) {
	fresh := continuation.Default().Sample(task.Seed{42}, 100_000)
	entropy := continuation.Default().Entropy()
	last := 8.0
	for order, gap := range []float64{1: 3, 2: 0.8, 3: 0.8, 4: 0.5, 5: 0.15, 6: 0.06, 7: 0.02, 8: 0.01} {
		if order == 0 {
			continue
		}
		e, err := Open("ngram-" + string(rune('0'+order)))
		if err != nil {
			t.Fatal(err)
		}
		bits := e.Model().Bits(fresh) / float64(len(fresh))
		t.Logf("%s: %.3f bits per byte (entropy %.3f)", e.Info().Model, bits, entropy)
		if bits > last-gap {
			t.Errorf("order %d has %.3f bits per byte, the shorter one %.3f: want %.2f between", order, bits, last, gap)
		}
		if bits < entropy {
			t.Errorf("order %d has %.3f bits per byte, less than the entropy %.3f", order, bits, entropy)
		}
		last = bits
	}
}

func TestNextFollowsTheFormula(t *testing.T) {
	m := Train(2, []byte("abab"))
	p := m.Next([]byte("xa"))
	// order 1: c(b)=2, n=4, d=2; order 2 after a: c(b)=2, n=2, d=1.
	first := (2 + 2.0/256) / (4 + 2)
	if want := (2 + 1*first) / (2 + 1); math.Abs(p['b']-want) > 1e-15 {
		t.Errorf("P(b|a) = %v, want %v", p['b'], want)
	}
}

func TestProbabilitiesArePositiveAndSumToOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.SliceOfN(rapid.ByteRange('a', 'd'), 0, 60)
		m := Train(rapid.IntRange(0, 9).Draw(t, "order"), letters.Draw(t, "text"))
		p := m.Next(append(rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "noise"), letters.Draw(t, "context")...))
		sum := 0.0
		for b, x := range p {
			if !(x > 0 && x <= 1) {
				t.Fatalf("p(%d) = %v", b, x)
			}
			sum += x
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Fatalf("sum %v", sum)
		}
	})
}

func TestDigestIsOfTheCounts(t *testing.T) {
	a, b, c := Train(3, []byte("the sea")), Train(3, []byte("the sea")), Train(3, []byte("the set"))
	if a.digest != b.digest || a.digest == c.digest || a.digest == Train(2, []byte("the sea")).digest {
		t.Error("digests do not tell models apart")
	}
}

// These bits must come out the same on every architecture and with every compiler setting.
func TestLogarithmAndExponentialAreExact(t *testing.T) {
	for _, x := range []float64{1, 0.5, 1e-300, 1.0 / 256, 0.1, 0.999999, math.Sqrt2 / 2, 123456} {
		if got, want := ln(x), math.Log(x); math.Abs(got-want) > 4e-16*math.Abs(want) {
			t.Errorf("ln(%v) = %v, want %v", x, got, want)
		}
	}
	for _, x := range []float64{0, -1e-10, -0.1, -1, -10.5, -300, -699} {
		if got, want := exp(x), math.Exp(x); math.Abs(got-want) > 1e-15*want {
			t.Errorf("exp(%v) = %v, want %v", x, got, want)
		}
	}
	if exp(-1e9) != 0 || ln(1) != 0 {
		t.Error("ends of the range")
	}
	if got := math.Float64bits(ln(0.1)); got != 0xc0026bb1bbb55515 {
		t.Errorf("ln(0.1) = %x", got)
	}
}

func BenchmarkNext(b *testing.B) {
	e, err := Open("ngram-5")
	if err != nil {
		b.Fatal(err)
	}
	context := bytes.Repeat([]byte("the gull swims "), 4)
	for b.Loop() {
		e.Model().Next(context)
	}
}

func BenchmarkTrain(b *testing.B) {
	for b.Loop() {
		Train(MaxOrder, continuation.PublicSample())
	}
}
