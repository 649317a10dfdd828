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

// A copy is paid nothing; only one that is behind its original, at most half of what the original's servers have.
func TestCopiesAreDueNothingOrAtMostHalf(t *testing.T) {
	c := &checker{file: &Description{Miners: []Miner{
		{NetUID: chatNet, UID: 1, Model: rivalName}, {NetUID: chatNet, UID: 2, Model: rivalName}, {NetUID: chatNet, UID: 3, Model: "chat-pico"},
	}}}
	most := c.leastOf(rivalName, map[uint32]uint32{1: 2600, 2: 2500, 3: 300}) / 2
	for _, try := range []struct {
		in           uint32
		behind, fine bool
	}{{0, false, true}, {0, true, true}, {1, false, false}, {126, true, true}, {1250, true, true}, {1251, true, false}} {
		ch := &cheat{name: tiedName, behind: try.behind}
		if err := ch.due(try.in, most); (err == nil) != try.fine || ch.paid != (try.fine && try.in > 0) {
			t.Errorf("%+v: %v, paid %v", try, err, ch.paid)
		}
	}
}
