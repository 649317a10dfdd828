package score

import "slices"

// Need says which of the live miners the next item should go to, in uid order; all of them get the same item.
// It names
//   - miners with fewer than MinItems requests behind them;
//   - pairs that share a tier, are not surely the same, and have not filled the window;
//   - miners whose latest answers do not look like their record, with their neighbours as the measure;
//   - miners that failed just now but are not given up.
//
// When it is empty nothing is in doubt: Params.Idle items per tempo to everyone are enough.
// Every sequence of calls to Add ends in an empty Need while nothing changes: the sampling stops.
func (b *Board) Need(live []uint16) []uint16 {
	want := map[uint16]bool{}
	for _, uid := range live {
		rec := b.records[uid]
		switch {
		case rec == nil:
			want[uid] = true
		case rec.service.Streak >= b.params.Gone:
		case rec.asked < b.params.MinItems, rec.service.Streak > 0:
			want[uid] = true
		}
	}
	r := b.rank()
	b.needTies(r, want)
	b.needSuspects(r.ranked, want)
	var uids []uint16
	for _, uid := range live {
		if want[uid] && !slices.Contains(uids, uid) {
			uids = append(uids, uid)
		}
	}
	slices.Sort(uids)
	return uids
}

// needTies wants the members of a tier that are still to be told from its leader.
func (b *Board) needTies(r *ranking, want map[uint16]bool) {
	leader := 0
	for i, s := range r.ranked {
		if s.Tier != r.ranked[leader].Tier {
			leader = i
		}
		if i == leader {
			continue
		}
		first := r.ranked[leader].UID
		full := len(b.records[first].marks) >= b.params.Window && len(b.records[s.UID].marks) >= b.params.Window
		if !full && !r.behind[i].same(b.surely(1), b.params.Same) {
			want[first], want[s.UID] = true, true
		}
	}
}

// needSuspects wants the miners that may have changed, and those beside them.
func (b *Board) needSuspects(ranked []*Standing, want map[uint16]bool) {
	for i, s := range ranked {
		if b.records[s.UID].doubt < suspect {
			continue
		}
		for _, n := range ranked[max(0, i-1):min(len(ranked), i+2)] {
			want[n.UID] = true
		}
	}
}

// Ready reports whether every live miner has MinItems requests behind it or is gone: only then may weights differ.
func (b *Board) Ready(live []uint16) bool {
	for _, uid := range live {
		rec := b.records[uid]
		if rec == nil || rec.asked < b.params.MinItems && rec.service.Streak < b.params.Gone {
			return false
		}
	}
	return true
}
