package burst

import (
	"cmp"
	"slices"

	"agora/mechanism/capacity"
)

// Teller is another voice with its stake.
type Teller struct {
	Voice [32]byte // hot key
	Stake uint64
}

// MaxTellers is how many other voices are heard: those with most stake.
const MaxTellers = 16

// Measured is what is known of a server at a moment.
type Measured struct {
	Moment int64       `json:"moment"`
	Own    *Line       `json:"own,omitempty"`  // what its voice measured
	Told   [][2]uint64 `json:"told,omitempty"` // index of a teller, and the figure that it tells
}

// seen are the figures of a moment, its own voice's with the last of the stakes.
func (m *Measured) seen(stakes []uint64) (list []capacity.Seen) {
	if m.Own != nil {
		if figure, ok := m.Own.Sample().Figure(); ok {
			list = append(list, capacity.Seen{Voice: len(stakes) - 1, Figure: figure})
		}
	}
	for _, t := range m.Told {
		if t[0] < uint64(len(stakes)-1) {
			list = append(list, capacity.Seen{Voice: int(t[0]), Figure: t[1]})
		}
	}
	return list
}

// Figure is the mean of a moment, in thousandths of a token in a second. Stakes are those of the tellers, then its own.
func (m *Measured) Figure(stakes []uint64) uint64 { return capacity.Mean(m.seen(stakes), stakes) }

// Capacity is that of a server, see capacity.Of. Stakes are those of the tellers, then its own.
func Capacity(list []Measured, stakes []uint64) uint64 {
	moments := make([][]capacity.Seen, len(list))
	for i := range list {
		moments[i] = list[i].seen(stakes)
	}
	return capacity.Of(moments, stakes)
}

// Known is what a book knows of a subnet's servers from moments before a block.
type Known struct {
	Moments []int64 // the last eight
	Tellers []Teller
	stake   uint64 // of the book's own voice
	own     []Row
	told    [][]Row // of each teller
}

// Known tells what may count in a tempo that began at block before. A moment is one that the book has a row of, or that voices with more
// than half of the others' stake tell of. stake is the own voice's.
func (b *Book) Known(netuid uint32, before int64, stake uint64, others []Teller) *Known {
	others = slices.Clone(others)
	slices.SortFunc(others, func(x, y Teller) int {
		return cmp.Or(cmp.Compare(y.Stake, x.Stake), slices.Compare(x.Voice[:], y.Voice[:]))
	})
	k := &Known{Tellers: others[:min(len(others), MaxTellers)], stake: stake}
	b.mu.Lock()
	defer b.mu.Unlock()
	k.own = b.own[netuid]
	for _, t := range k.Tellers {
		k.told = append(k.told, b.told[netuid][t.Voice])
	}
	k.Moments = k.moments(before)
	return k
}

// moments are the last eight before a block.
func (k *Known) moments(before int64) (list []int64) {
	stake, all := map[int64]uint64{}, uint64(0)
	for i, rows := range k.told {
		all += k.Tellers[i].Stake / 2 // a sum of 16 does not overflow where all stakes together do not
		for _, r := range rows {
			stake[r.Moment] += k.Tellers[i].Stake
		}
	}
	for at, s := range stake {
		if s > all && at < before {
			list = append(list, at)
		}
	}
	for _, r := range k.own {
		if r.Moment < before {
			list = append(list, r.Moment)
		}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	return list[max(0, len(list)-capacity.Moments):]
}

// Stake is the own voice's.
func (k *Known) Stake() uint64 { return k.stake }

// Stakes are those of the tellers, then the own voice's.
func (k *Known) Stakes() []uint64 { return Stakes(k.Tellers, k.stake) }

// Stakes are those of the tellers, then their listener's.
func Stakes(tellers []Teller, own uint64) []uint64 {
	stakes := make([]uint64, 0, len(tellers)+1)
	for _, t := range tellers {
		stakes = append(stakes, t.Stake)
	}
	return append(stakes, own)
}

// Of is what is known of a server, moment by moment. Receipts are told of the last one.
func (k *Known) Of(id ID) []Measured {
	list := make([]Measured, len(k.Moments))
	for i, at := range k.Moments {
		list[i] = Measured{Moment: at}
		if l := lineAt(k.own, at, id); l != nil && l.Own > 0 {
			own := *l
			if i < len(k.Moments)-1 {
				own.Receipts = nil
			}
			list[i].Own = &own
		}
		for teller, rows := range k.told {
			l := lineAt(rows, at, id)
			if l == nil {
				continue
			}
			if figure, ok := l.Sample().Figure(); ok {
				list[i].Told = append(list[i].Told, [2]uint64{uint64(teller), figure})
			}
		}
	}
	return list
}

func lineAt(rows []Row, moment int64, id ID) *Line {
	i := slices.IndexFunc(rows, func(r Row) bool { return r.Moment == moment })
	if i < 0 {
		return nil
	}
	return rows[i].of(id)
}
