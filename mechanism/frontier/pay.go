package frontier

import (
	"math"
	"math/bits"
	"slices"
)

// Prize is d^−1.5 × capability for the d-th place, in units of 2^−32 millionths:
//
//	prize(d) = √(2^64 / d³) · capability
func Prize(d int, capability Score) uint64 {
	if d < 1 || d > 1<<20 {
		return 0
	}
	n := uint64(d)
	return root(math.MaxUint64/(n*n*n)) * uint64(min(capability, Whole))
}

// root is the whole part of a square root.
func root(n uint64) uint64 {
	var r uint64
	for bit := uint64(1) << 31; bit > 0; bit >>= 1 {
		if t := r | bit; t <= n/t {
			r = t
		}
	}
	return r
}

// Server is a neuron that serves a model.
type Server struct {
	UID      uint16
	Model    [32]byte
	Capacity uint64 // work in a second, in any unit that is the same for all; at most 2^40 count
	Service  uint16 // 65535 is whole
	Gate     uint16 // likewise
}

// work is capacity × service × gate.
func (s Server) work() uint64 {
	c := min(s.Capacity, 1<<40)
	return mulDiv(mulDiv(c<<16, uint64(s.Service), math.MaxUint16), uint64(s.Gate), math.MaxUint16)
}

// Part is a server's part of a place.
type Part struct {
	UID    uint16
	Place  int
	Pay    uint64 // in the unit of Prize
	Weight uint16 // 65535 for the best paid
}

// Pay shares the prizes of standings among servers. A place is shared by work; that of the servers of a ready model of the holder's
// size (within a factor of four) that comes later in the list and has not passed the holder counts
//
//	½ · (1 − author's share) · min(1, its bytes / the holder's bytes)
//
// so that a copy earns less than the model it was made from. The parts are by UID. A server of a model without a part has none.
func (b *Board) Pay(number uint64, standings []Standing, servers []Server) []Part {
	works := map[int][]Part{} // by place; Pay is the work that counts
	for _, s := range servers {
		i := slices.IndexFunc(standings, func(st Standing) bool { return st.Model.Digest == s.Model })
		if i < 0 {
			continue
		}
		if place, work := b.counts(number, standings, i, s.work()); work > 0 {
			works[place] = append(works[place], Part{UID: s.UID, Place: place, Pay: work})
		}
	}
	var parts []Part
	for _, st := range standings {
		parts = append(parts, divide(st.Prize, works[st.Place])...)
	}
	weigh(parts)
	slices.SortFunc(parts, func(x, y Part) int { return int(x.UID) - int(y.UID) })
	return parts
}

// counts is the place that work on the i-th model has a part in, and how much of it counts.
func (b *Board) counts(number uint64, standings []Standing, i int, work uint64) (place int, counted uint64) {
	st := &standings[i]
	if st.Place > 0 {
		return st.Place, work
	}
	if st.Why != Dominated {
		return 0, 0
	}
	holder := &standings[st.Before]
	m, h := &st.Model, &holder.Model
	if quarter(h, m) || quarter(m, h) || b.pair(b.byName[m.Digest], b.byName[h.Digest], number).hasPassed(b.byName[m.Digest]) {
		return 0, 0
	}
	half := mulDiv(work, uint64(Whole-min(Score(h.Share), Whole)), 2*uint64(Whole))
	return holder.Place, mulDiv(half, min(m.Bytes, h.Bytes), max(h.Bytes, 1))
}

// divide shares a prize in the proportion of the works.
func divide(prize uint64, works []Part) []Part {
	var sum uint64
	for _, p := range works {
		sum += p.Pay / 4096 // works are below 2^56; so many servers as there are uids do not overflow
	}
	parts := make([]Part, 0, len(works))
	for _, p := range works {
		if sum > 0 {
			p.Pay = mulDiv(prize, p.Pay/4096, sum)
			parts = append(parts, p)
		}
	}
	return parts
}

// weigh sets the weights: the best paid has 65535, the others in proportion, to the nearest.
func weigh(parts []Part) {
	var best uint64
	for _, p := range parts {
		best = max(best, p.Pay)
	}
	for i, p := range parts {
		parts[i].Weight = uint16(mulDiv(p.Pay, 2*math.MaxUint16, max(best, 1))/2 + mulDiv(p.Pay, 2*math.MaxUint16, max(best, 1))%2)
	}
}

// mulDiv is the whole part of a·b/c for c > 0, at most 2^64 − 1.
func mulDiv(a, b, c uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	if hi >= c {
		return math.MaxUint64
	}
	q, _ := bits.Div64(hi, lo, c)
	return q
}
