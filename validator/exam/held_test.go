package exam

import (
	"path/filepath"
	"slices"
	"testing"

	"agora/mechanism/frontier"
)

// cast is a ballot of an epoch in which these models hold the places, behind one that holds none.
func cast(epoch uint64, holders ...byte) *Ballot {
	b := &Ballot{Epoch: epoch, Standings: []frontier.Standing{{Why: frontier.Unready}}}
	for i, h := range holders {
		b.Standings = append(b.Standings, frontier.Standing{Model: frontier.Model{Digest: [32]byte{h}}, Place: i + 1})
	}
	return b
}

func TestWhoHeldWhichPlaceIsRememberedOverARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "exams.db")
	c := course(t, &chain{}, nil, path)
	for _, b := range []*Ballot{cast(3, 1, 2), cast(4, 1, 2), cast(7, 2, 1), cast(7, 2, 1), cast(8), cast(9), cast(12, 3)} {
		if err := c.Keep(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.cfg.Store.Close(); err != nil {
		t.Fatal(err)
	}
	c = course(t, &chain{}, nil, path)
	list, err := c.History(3)
	if err != nil || len(list) != 3 {
		t.Fatalf("%v: %v", err, list)
	}
	first, second := SpellDigest([32]byte{1}), SpellDigest([32]byte{2})
	if list[0].Epoch != 12 || list[1].Epoch != 8 || len(list[1].Models) != 0 || list[2].Epoch != 7 || !slices.Equal(list[2].Models, []string{second, first}) {
		t.Errorf("%+v", list)
	}
	if all, err := c.History(10); err != nil || len(all) != 4 {
		t.Errorf("%v: %+v", err, all)
	}
}

func TestTheOldestChangesOfPlacesAreForgotten(t *testing.T) {
	c := course(t, &chain{}, nil, filepath.Join(t.TempDir(), "exams.db"))
	c.cfg.Store.db.NoSync = true // the machine does not stop in between
	const more = 3
	for epoch := range uint64(keptHeld + more) {
		if err := c.Keep(cast(epoch, byte(epoch%2))); err != nil {
			t.Fatal(err)
		}
	}
	list, err := c.History(2 * keptHeld)
	if err != nil || len(list) != keptHeld || list[keptHeld-1].Epoch != more {
		t.Errorf("%v: %d changes", err, len(list))
	}
}
