package attack

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"agora/engine/native/gguf"
	"agora/engine/native/llm"
	"agora/engine/native/tensor"
	"agora/validator/audit"
)

// The laboratory's rows say that cheats do not stay open; this says how often each is found at all, and that honest answers are right.
func TestWhatIsFoundOfACheat(t *testing.T) {
	h := open(1)
	defer h.close()
	for name, c := range map[string]struct {
		how   cheat
		least int // of 60
	}{"rubbish": {rubbish, 60}, "a smaller model": {smaller, 30}, "another quantisation": {requantised, 55}, "cut": {cut, 60}, "padded": {padded, 60}, "relayed": {relayed, 10}} {
		found := 0
		for n := range 60 {
			if errors.Is(verdict(c.how(h, n)), audit.ErrFalse) {
				found++
			}
		}
		t.Logf("%s: %d of 60 answers are found false", name, found)
		if found < c.least {
			t.Errorf("%s: %d of 60 answers are found false, want %d", name, found, c.least)
		}
	}
	for n := range 60 {
		if c, ok := serve(h.model, h.question(n, temperatures[n%3]), n); !ok || verdict(c, h.model) != nil {
			t.Errorf("an honest answer: %v", verdict(c, h.model))
		}
	}
}

// Frames and broken files are not all refused at the door.
func TestOddRequestsAndFilesGetThrough(t *testing.T) {
	h := open(1)
	defer h.close()
	r := rand.New(rand.NewPCG(1, 2))
	served, loaded := 0, 0
	for n := range 200 {
		if c, ok := serve(h.model, frame(r, n), n); ok && verdict(c, h.model) == nil {
			served++
		}
		file := slices.Clone(randomFile(tensor.Q41))
		file[r.IntN(len(file))] ^= 1
		if f, err := gguf.Parse(file); err == nil {
			if e, err := llm.New(f, llm.Options{}); err == nil {
				loaded++
				e.Close()
			}
		}
	}
	t.Logf("of 200 odd requests %d are answered, of 200 broken files %d load", served, loaded)
	if served < 60 || loaded < 60 {
		t.Error("too few to mean anything")
	}
}
