package localnet

import (
	"context"
	"os"
	"testing"

	"agora/engine/native/llm"
	"agora/engine/native/store"
	"agora/task"
	"agora/task/grammar"
)

// A tied copy is as good as its original, a padded one to the bit, half a one is worse; each has a digest of its own.
func TestCopiesAreWhatTheyAreCalled(t *testing.T) {
	r, err := newRivals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(r.dir)
	bits, parameters, digests := map[string]float64{}, map[string]int64{}, map[string]bool{}
	for _, e := range []store.Entry{r.whole, r.half, r.tied, r.padded} {
		m, err := llm.Open(e.Path, llm.Options{Name: e.Name})
		if err != nil {
			t.Fatal(err)
		}
		if _, bits[e.Name], err = grammar.At(task.Seed{1}, 0).Score(context.Background(), m); err != nil {
			t.Fatal(err)
		}
		parameters[e.Name], digests[e.Digest] = e.Parameters, true
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	whole := bits[rivalName]
	if tied := bits[tiedName]; tied == whole || tied-whole > 1e-4 || whole-tied > 1e-4 {
		t.Errorf("%v bits, tied %v", whole, tied)
	}
	if bits[paddedName] != whole || parameters[paddedName] < padding*parameters[rivalName] {
		t.Errorf("%v bits of %d parameters, padded %v of %d", whole, parameters[rivalName], bits[paddedName], parameters[paddedName])
	}
	if bits[halfName] < whole+0.1 || parameters[halfName] != parameters[rivalName] {
		t.Errorf("%v bits of %d parameters, half %v of %d", whole, parameters[rivalName], bits[halfName], parameters[halfName])
	}
	if len(digests) != 4 {
		t.Errorf("%d digests", len(digests))
	}
}
