package continuation

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"agora/task"
)

func TestEntropyIsTheMeanSurpriseOfTheSourceAtItself(t *testing.T) {
	s := Default()
	text := s.Sample(task.Seed{1}, 4<<20)
	bits, err := s.Bits(text)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := bits/float64(len(text)), s.Entropy(); math.Abs(got-want) > 0.005*want {
		t.Errorf("%.5f bits per byte over %d bytes, computed entropy %.5f", got, len(text), want)
	}
}

func TestEntropyOfASmallGrammarIsExact(t *testing.T) {
	// For the tail, bits = 1 + ½·bits and bytes = ½·1 + ½·(2 + bytes), so 2 bits in 3 bytes; the story adds one byte.
	g, err := parseGrammar("story = 1 ^a <tail>\ntail = 1 \\n | 1 b <tail>")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := newSource(g).Entropy(), 2.0/4.0; math.Abs(got-want) > 1e-9 {
		t.Errorf("entropy %v, want %v", got, want)
	}
}

func TestNextMultipliesToTheProbabilityOfTheText(t *testing.T) {
	s := Default()
	text := s.Sample(task.Seed{2}, 3000)
	want, err := s.Bits(text)
	if err != nil {
		t.Fatal(err)
	}
	got := 0.0
	for i, b := range text {
		p, err := s.Next(text[:i])
		if err != nil {
			t.Fatalf("at byte %d: %v", i, err)
		}
		if sum := sumOf(p); math.Abs(sum-1) > 1e-9 {
			t.Fatalf("at byte %d: probabilities sum to %v", i, sum)
		}
		got -= math.Log2(p[b])
	}
	if math.Abs(got-want) > 1e-6*want {
		t.Errorf("next bytes have %v bits, the text %v", got, want)
	}
}

func TestImpossibleTextIsRefused(t *testing.T) {
	s := Default()
	for _, text := range []string{"the gull", "sea: the gull", "sea: gull.\n", "moon: the gull swims.\n", " ", "sea: the gull  is lost.\n"} {
		if _, err := s.Bits([]byte(text)); err == nil {
			t.Errorf("%q has a probability", text)
		}
	}
	if _, err := s.Next([]byte("sea: the xy")); err == nil {
		t.Error("an impossible prefix has a next byte")
	}
}

func TestWrongGrammarsAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"ambiguous":      "story = 1 ^a | 1 ^a \\n",
		"undefined":      "story = 1 ^a <b>",
		"left recursive": "story = 1 <story> ^a",
		"no weight":      "story = ^a",
		"weight zero":    "story = 0 ^a",
		"no equals":      "story",
		"unknown list":   "colours story = red",
		"empty":          "",
	} {
		if _, err := parseGrammar(text); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// The public sample is what miners on every machine learn from and judges draw like: a change of one byte is a new subnet.
func TestPublicSampleIsTheSameOnEveryMachine(t *testing.T) {
	const want = "98e83721df4a1111"
	sum := sha256.Sum256(PublicSample())
	if got := hex.EncodeToString(sum[:8]); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
}

func TestStoriesKeepTheirTopicAndNumber(t *testing.T) {
	text := string(Default().Sample(task.Seed{3}, 100_000))
	for _, wrong := range []string{" sailors is ", " sailor are ", "  ", " .", "city: the gull"} {
		if strings.Contains(text, wrong) {
			t.Errorf("the text contains %q", wrong)
		}
	}
}

func sumOf(p [256]float64) float64 {
	sum := 0.0
	for _, x := range p {
		sum += x
	}
	return sum
}
