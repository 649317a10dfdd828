package score

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// twins counts how alike two miners answer, from their first identical answer on.
type twins struct {
	shared int // non-trivial answers of both to the same item
	same   int // of those, byte-identical ones
}

// compareAnswers counts, for every pair of miners that answered the same item, whether they wrote the same bytes. Counts
// are halved when they reach the window, so that what was long ago fades.
func (b *Board) compareAnswers(results []Result) {
	for i, x := range results {
		if !x.telling() {
			continue
		}
		for _, y := range results[:i] {
			if !y.telling() || x.UID == y.UID {
				continue
			}
			pair := [2]uint16{min(x.UID, y.UID), max(x.UID, y.UID)}
			t, known := b.twins[pair]
			same := x.Answer == y.Answer
			if !known && !same {
				continue
			}
			t.shared++
			if same {
				t.same++
			}
			if t.shared >= b.params.Window {
				t = twins{t.shared / 2, t.same / 2}
			}
			b.twins[pair] = t
		}
	}
}

// telling reports whether the answer's bytes say who made it.
func (r Result) telling() bool {
	return !r.Failed && !r.Trivial && binary.BigEndian.Uint64(r.Answer[:8]) != 0
}

// forgetTwins drops what is known of a uid's likeness to others.
func (b *Board) forgetTwins(uid uint16) {
	for pair := range b.twins {
		if pair[0] == uid || pair[1] == uid {
			delete(b.twins, pair)
		}
	}
}

// twinPairs lists the pairs that answer alike: on Params.Copies or more non-trivial items, and on at least half.
func (b *Board) twinPairs() (pairs [][2]uint16) {
	for pair, t := range b.twins {
		if t.same >= b.params.Copies && 2*t.same >= t.shared {
			pairs = append(pairs, pair)
		}
	}
	slices.SortFunc(pairs, func(x, y [2]uint16) int { return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1])) })
	return pairs
}

// seatCopies lets each group of miners that answer alike share one seat: it is held by the present member that registered
// first (then by the lower uid); the others point to it with CopyOf and earn nothing. A seat whose holder is gone passes
// to the next, so honest twins still stand in for each other.
func (b *Board) seatCopies(all []Standing) {
	seat := make([]int, len(all)) // index of the group's holder, as far as known
	index := make(map[uint16]int, len(all))
	for i, s := range all {
		seat[i], index[s.UID] = i, i
	}
	for _, pair := range b.twinPairs() {
		x, y := seat[index[pair[0]]], seat[index[pair[1]]]
		if seatBefore(all[y], all[x]) {
			x, y = y, x
		}
		for i := range seat {
			if seat[i] == y {
				seat[i] = x
			}
		}
	}
	for i, holder := range seat {
		if holder != i {
			all[i].CopyOf = int(all[holder].UID)
		}
	}
}

// seatBefore orders claims to a seat: present before absent, earlier registration, lower uid.
func seatBefore(x, y Standing) bool {
	if present := x.present(); present != y.present() {
		return present
	}
	return cmp.Or(cmp.Compare(x.Registered, y.Registered), cmp.Compare(x.UID, y.UID)) < 0
}
