package score

import "cmp"

// seatCopies finds miners whose answers are byte-identical on Params.Copies or more non-trivial items, and on at least half
// of those that both answered, and lets each such group share one seat: it is held by the present member that registered
// first (then by the lower uid); the others point to it with CopyOf and earn nothing. A seat whose holder is gone
// passes to the next, so honest twins still stand in for each other.
func (b *Board) seatCopies(all []Standing) {
	for i := range all {
		for j := range all {
			if i != j && seatBefore(all[i], all[j]) && b.copies(all[i].UID, all[j].UID) &&
				(all[j].CopyOf < 0 || seatBefore(all[i], *find(all, uint16(all[j].CopyOf)))) {
				all[j].CopyOf = int(all[i].UID)
			}
		}
	}
	for i := range all {
		for all[i].CopyOf >= 0 {
			holder := find(all, uint16(all[i].CopyOf))
			if holder.CopyOf < 0 {
				break
			}
			all[i].CopyOf = holder.CopyOf
		}
	}
}

// seatBefore orders claims to a seat: present before absent, earlier registration, lower uid.
func seatBefore(x, y Standing) bool {
	if present := x.Service > 0 && x.Gate > 0; present != (y.Service > 0 && y.Gate > 0) {
		return present
	}
	return cmp.Or(cmp.Compare(x.Registered, y.Registered), cmp.Compare(x.UID, y.UID)) < 0
}

// find returns the standing of a uid that is known to be there.
func find(all []Standing, uid uint16) *Standing {
	for i := range all {
		if all[i].UID == uid {
			return &all[i]
		}
	}
	return nil
}

// copies reports whether two miners' answers are the same often enough.
func (b *Board) copies(x, y uint16) bool {
	shared, same := 0, 0
	a, c := b.records[x].marks, b.records[y].marks
	for i, j := 0, 0; i < len(a) && j < len(c); {
		switch {
		case a[i].item < c[j].item:
			i++
		case a[i].item > c[j].item:
			j++
		default:
			if !a[i].trivial && !c[j].trivial && a[i].answer != 0 {
				shared++
				if a[i].answer == c[j].answer {
					same++
				}
			}
			i++
			j++
		}
	}
	return same >= b.params.Copies && 2*same >= shared
}
