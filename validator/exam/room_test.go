package exam

import (
	"encoding/binary"
	"testing"

	"agora/mechanism/frontier"
)

// A room remembers at least as many results as it is told, the latest, and never more than twice as many.
func TestRoomRemembersTheLatestResults(t *testing.T) {
	for _, kept := range []int{keptResults, 1, 3 * keptResults} {
		r := NewRoom(nil, 1)
		if kept != keptResults {
			r.Keep(kept)
		}
		remembersTheLatest(t, r, kept)
	}
}

func remembersTheLatest(t *testing.T, r *Room, least int) {
	t.Helper()
	all := 5 * least
	question := func(i int) (q [32]byte) {
		binary.BigEndian.PutUint64(q[:], uint64(i))
		return q
	}
	digest := [32]byte{1}
	for i := range all {
		r.remember(digest, answered{question(i), Result{Score: frontier.Score(i)}})
		r.remember(digest, answered{question(i), Result{Score: frontier.Whole}}) // what is known stays
	}
	kept := 0
	for i := range all {
		got, ok, err := r.recall(nil, digest, question(i))
		switch {
		case err != nil:
			t.Fatal(err)
		case ok && got.Score != frontier.Score(i):
			t.Fatalf("question %d has %d", i, got.Score)
		case ok:
			kept++
		case i >= all-least:
			t.Errorf("question %d of %d is forgotten", i, all)
		}
	}
	if kept > 2*least {
		t.Errorf("%d results are kept, at most %d may be", kept, 2*least)
	}
}
