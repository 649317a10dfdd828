package model

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"agora/engine/native/gguf"
	"agora/engine/native/kernel"
	"agora/engine/native/modeltest"
)

var update = flag.Bool("update", false, "rewrite testdata/golden.txt")

var shapes = modeltest.Shapes

func load(t testing.TB, s modeltest.Shape) *Model {
	t.Helper()
	f, err := gguf.Parse(modeltest.Model(s))
	if err != nil {
		t.Fatal(err)
	}
	m, err := FromGGUF(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// all returns the logits of every token, read in pieces of the given sizes, the last one repeated.
func all(t testing.TB, m *Model, tokens []int32, pieces ...int) [][]float32 {
	t.Helper()
	r, s := m.NewRunner(), m.NewSequence()
	var out [][]float32
	for i := 0; len(tokens) > 0; i++ {
		n := min(pieces[min(i, len(pieces)-1)], len(tokens))
		logits, err := r.Forward(Input{Sequence: s, Tokens: tokens[:n], Logits: n})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range logits {
			out = append(out, slices.Clone(l))
		}
		tokens = tokens[n:]
	}
	return out
}

func last(logits [][]float32) []float32 { return logits[len(logits)-1] }

func hash(logits [][]float32) string {
	h := sha256.New()
	for _, l := range logits {
		for _, v := range l {
			h.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func (s *Sequence) String() string {
	return fmt.Sprintf("%d tokens in %d pages", s.length, len(s.pages))
}

// The bits are those of every machine that ran this test: a change of the file is a change of the engine's version.
func TestLogitsAreTheGoldenBits(t *testing.T) {
	const path = "testdata/golden.txt"
	defer kernel.Use(kernel.Level())
	for _, level := range kernel.Levels() {
		kernel.Use(level)
		var lines []string
		for _, s := range shapes {
			lines = append(lines, fmt.Sprintf("%s %v %s", s.Architecture, s.Types, hash(all(t, load(t, s), modeltest.Text(200, 9), 1))))
		}
		got := strings.Join(lines, "\n") + "\n"
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%swant\n%s", level, got, want)
		}
	}
}

func TestLogitsDoNotDependOnHowATextIsCut(t *testing.T) {
	for _, s := range shapes {
		m, tokens := load(t, s), modeltest.Text(70, 4)
		want := hash(all(t, m, tokens, 1))
		for _, pieces := range [][]int{{70}, {1, 63, 5, 1}, {7}} {
			if got := hash(all(t, m, tokens, pieces...)); got != want {
				t.Errorf("%s %v: pieces %v differ", s.Architecture, s.Types, pieces)
			}
		}
	}
}

func TestEightTogetherAreAsEachAlone(t *testing.T) {
	for _, s := range []modeltest.Shape{shapes[0], shapes[3], shapes[6]} {
		m := load(t, s)
		r := m.NewRunner()
		var want []string
		var together [8][][]float32
		inputs := make([]Input, 8)
		for i := range inputs {
			tokens := modeltest.Text(6+3*i, uint64(i))
			want = append(want, hash(all(t, m, tokens, 1)))
			inputs[i] = Input{Sequence: m.NewSequence(), Tokens: tokens}
		}
		for step := 0; step < 27; step++ {
			var now []Input
			var who []int
			for i, in := range inputs {
				if step < len(in.Tokens) {
					now, who = append(now, Input{Sequence: in.Sequence, Tokens: in.Tokens[step : step+1], Logits: 1}), append(who, i)
				}
			}
			logits, err := r.Forward(now...)
			if err != nil {
				t.Fatal(err)
			}
			for j, l := range logits {
				together[who[j]] = append(together[who[j]], slices.Clone(l))
			}
		}
		for i := range inputs {
			if hash(together[i]) != want[i] {
				t.Errorf("%s %v: text %d differs among eight", s.Architecture, s.Types, i)
			}
		}
	}
}

// A fork continues as the text itself would have, and neither sees what the other reads after.
// A text that is given up in the middle of a pass leaves the others what they get without it, whichever layer it was.
func TestWhoLeavesAPassChangesNothingForTheOthers(t *testing.T) {
	for _, s := range []modeltest.Shape{shapes[0], shapes[3], shapes[6]} {
		m := load(t, s)
		begin, gone, end := modeltest.Text(9, 1), modeltest.Text(80, 2), modeltest.Text(70, 3)
		want := [][]float32{last(all(t, m, begin, 1)), last(all(t, m, end, 1))}
		for at := range 3 * len(m.layers) {
			asked := 0
			logits, err := m.NewRunner().Forward(
				Input{Sequence: m.NewSequence(), Tokens: begin, Logits: 1, Gone: func() bool { return false }},
				Input{Sequence: m.NewSequence(), Tokens: gone, Logits: 2, Gone: func() bool { asked++; return asked > at }},
				Input{Sequence: m.NewSequence(), Tokens: end, Logits: 1},
			)
			if err != nil || len(logits) != 2 || hash(logits) != hash(want) {
				t.Fatalf("%v: gone when asked %d times: %d logits, %v", s, at, len(logits), err)
			}
			if asked != at+1 {
				t.Fatalf("asked %d times, gone when asked the %dth time", asked, at+1)
			}
		}
	}
}

func TestForkSharesThePastAndNothingElse(t *testing.T) {
	m := load(t, shapes[0])
	r, tokens := m.NewRunner(), modeltest.Text(200, 5)
	for _, n := range []int{0, 63, 64, 150} {
		s := m.NewSequence()
		if _, err := r.Forward(Input{Sequence: s, Tokens: tokens[:150], Logits: 0}); err != nil {
			t.Fatal(err)
		}
		f := s.Fork(n)
		if _, err := r.Forward(Input{Sequence: f, Tokens: modeltest.Text(30, 99), Logits: 0}); err != nil {
			t.Fatal(err)
		}
		f.Truncate(n)
		tail := append(slices.Clone(tokens[:n]), modeltest.Text(40, 6)...)
		want := all(t, m, tail, len(tail))
		got, err := r.Forward(Input{Sequence: f, Tokens: tail[n:], Logits: 1})
		if err != nil || hash(got) != hash(want[len(want)-1:]) {
			t.Errorf("fork at %d: %v", n, err)
		}
		want = all(t, m, tokens, 200)
		if got, err = r.Forward(Input{Sequence: s, Tokens: tokens[150:], Logits: 1}); err != nil || hash(got) != hash(want[199:]) {
			t.Errorf("text after its fork at %d: %v", n, err)
		}
	}
}

func TestWrongInputIsRefusedAndChangesNothing(t *testing.T) {
	m := load(t, shapes[0])
	r, s := m.NewRunner(), m.NewSequence()
	for _, c := range []struct {
		in Input
		is error
	}{
		{Input{Sequence: s, Tokens: []int32{5, -1}, Logits: 0}, ErrToken},
		{Input{Sequence: s, Tokens: []int32{int32(m.Vocab)}, Logits: 0}, ErrToken},
		{Input{Sequence: s, Tokens: []int32{5}, Logits: 2}, ErrToken},
		{Input{Sequence: s, Tokens: make([]int32, m.Context+1), Logits: 0}, ErrContext},
	} {
		if _, err := r.Forward(Input{Sequence: m.NewSequence(), Tokens: []int32{1}, Logits: 1}, c.in); !errors.Is(err, c.is) {
			t.Errorf("%v", err)
		}
	}
	if s.Len() != 0 {
		t.Errorf("%v", s)
	}
	if _, err := r.Forward(Input{Sequence: s, Tokens: modeltest.Text(m.Context, 1), Logits: 1}); err != nil {
		t.Errorf("a text as long as the context: %v", err)
	}
}

// Weights that overflow end in an error, never in numbers that differ between machines.
func TestOverflowIsAnError(t *testing.T) {
	f, err := gguf.Parse(modeltest.Model(shapes[0]))
	if err != nil {
		t.Fatal(err)
	}
	x, _ := f.Tensor("blk.0.ffn_norm.weight")
	for i := range x.Data {
		x.Data[i] = []byte{0, 0, 0, 0x57}[i%4] // 2⁴⁷
	}
	m, err := FromGGUF(f)
	if err != nil {
		t.Fatal(err)
	}
	s := m.NewSequence()
	if _, err := m.NewRunner().Forward(Input{Sequence: s, Tokens: modeltest.Text(70, 1), Logits: 1}); !errors.Is(err, ErrNotFinite) || s.Len() != 0 {
		t.Errorf("%v, %v", err, s)
	}
}

func TestModelsThatCannotRunAreRefusedByName(t *testing.T) {
	for name, c := range map[string]struct {
		change func(f *modeltest.File)
		says   string
	}{
		"architecture": {func(f *modeltest.File) { f.Set("general.architecture", "mamba") }, "mamba"},
		"none":         {func(*modeltest.File) {}, `architecture ""`},
	} {
		f := &modeltest.File{}
		c.change(f)
		file, err := gguf.Parse(f.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := FromGGUF(file); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	file, err := gguf.Parse(modeltest.Model(shapes[0]))
	if err != nil {
		t.Fatal(err)
	}
	good, err := ConfigOf(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"layers": func(c *Config) { c.Layers = 0 }, "width": func(c *Config) { c.Width = 40 }, "heads": func(c *Config) { c.KVHeads = 3 },
		"rope": func(c *Config) { c.RopeBase = math.NaN() }, "epsilon": func(c *Config) { c.Epsilon = 0 }, "head size": func(c *Config) { c.Head = 1 << 20 },
		"missing layer": func(c *Config) { c.Layers = 3 }, "wider": func(c *Config) { c.Width = 128 },
	} {
		c := good
		change(&c)
		if _, err := Load(c, file); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
}
