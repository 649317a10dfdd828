package exam

import (
	"encoding/binary"
	"testing"

	"agora/mechanism/frontier"
)

// A room remembers at least half of keptResults, the latest, and never more than all of them.
func TestRoomRemembersTheLatestResults(t *testing.T) {
	const all = 5 * keptResults / 2
	r := NewRoom(nil, 1)
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
		case i >= all-keptResults/2:
			t.Errorf("question %d of %d is forgotten", i, all)
		}
	}
	if kept > keptResults {
		t.Errorf("%d results are kept, at most %d may be", kept, keptResults)
	}
}
