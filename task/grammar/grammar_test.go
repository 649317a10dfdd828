package grammar

import (
	"bytes"
	"context"
	"errors"
	"math"
	"testing"

	"agora/task"
	"agora/task/continuation"
)

// letters is a model that reads bytes, with a vocabulary of its own and the same belief at every place.
type letters struct {
	belief [256]float64
	begin  int
	window int
	spoil  func([][]byte) [][]byte
}

func (l letters) Tokens(text string) ([]int32, int) {
	ids := make([]int32, l.begin, l.begin+len(text))
	for i := range len(text) {
		ids = append(ids, int32(text[i]))
	}
	return ids, l.begin
}

func (l letters) Written(ids []int32) [][]byte {
	words := make([][]byte, len(ids))
	for i, id := range ids {
		words[i] = []byte{byte(id)}
	}
	if l.spoil != nil {
		words = l.spoil(words)
	}
	return words
}

func (l letters) Score(_ context.Context, ids []int32) ([]float64, error) {
	out := make([]float64, len(ids)-1)
	for i, id := range ids[1:] {
		out[i] = math.Log(l.belief[id])
	}
	return out, nil
}

func (l letters) Window() int { return l.window }

// even believes nothing.
func even() (l letters) {
	for i := range l.belief {
		l.belief[i] = 1.0 / 256
	}
	l.window = 5000
	return l
}

func TestPassageFollowsFromItsSeed(t *testing.T) {
	a, b := At(task.Seed{1}, 3), At(task.Seed{1}, 3)
	if a.ID != b.ID || len(a.Text) != Length || At(task.Seed{2}, 3).ID == a.ID || At(task.Seed{1}, 4).ID == a.ID {
		t.Error("passages are not drawn by seed and index")
	}
}

func TestNoPredictionIsEightBits(t *testing.T) {
	for _, l := range []letters{even(), {belief: even().belief, begin: 1, window: 5000}, {belief: even().belief, window: 100}, {belief: even().belief, begin: 1, window: 2}} {
		score, bits, err := At(task.Seed{1}, 0).Score(context.Background(), l)
		if err != nil || math.Abs(bits-8) > 1e-9 || score > 1e-9 {
			t.Errorf("begin %d, window %d: score %v, %v bits, %v", l.begin, l.window, score, bits, err)
		}
	}
}

func TestKnowingTheLettersIsWorthTheirEntropy(t *testing.T) {
	var l letters
	sample := continuation.PublicSample()
	for _, b := range sample {
		l.belief[b] += 1 / float64(len(sample))
	}
	want, n := 0.0, 40
	for _, p := range l.belief {
		if p > 0 {
			want -= p * math.Log2(p)
		}
	}
	for _, window := range []int{16, 160, 4096} {
		l.window = window
		mean := 0.0
		for i := range n {
			_, bits, err := At(task.Seed{7}, uint64(i)).Score(context.Background(), l)
			if err != nil {
				t.Fatal(err)
			}
			mean += bits / float64(n)
		}
		if math.Abs(mean-want) > 0.05 {
			t.Errorf("window %d: %.3f bits per byte, the letters' entropy is %.3f", window, mean, want)
		}
	}
}

func TestTokensMustWriteTheText(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func([][]byte) [][]byte
		want  error
	}{
		{"another letter", func(w [][]byte) [][]byte { w[9] = []byte("#"); return w }, ErrText},
		{"a letter less", func(w [][]byte) [][]byte { return w[:len(w)-1] }, ErrText},
		{"all in one", func(w [][]byte) [][]byte { return [][]byte{bytes.Join(w, nil)} }, ErrToken},
		{"33 in one", func(w [][]byte) [][]byte { return append([][]byte{bytes.Join(w[:33], nil)}, w[33:]...) }, ErrToken},
		{"32 in one", func(w [][]byte) [][]byte { return append([][]byte{bytes.Join(w[:32], nil)}, w[32:]...) }, nil},
	} {
		l := even()
		l.begin, l.spoil = 1, c.spoil
		if _, _, err := At(task.Seed{1}, 0).Score(context.Background(), l); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestBeliefsThatAreNoProbabilitiesScoreNothing(t *testing.T) {
	for _, p := range []float64{math.Inf(1), math.NaN(), 3} {
		l := even()
		for i := range l.belief {
			l.belief[i] = p
		}
		if score, _, err := At(task.Seed{1}, 0).Score(context.Background(), l); err == nil || score != 0 {
			t.Errorf("%v: score %v", p, score)
		}
	}
}
