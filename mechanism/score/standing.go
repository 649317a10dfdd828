package score

import (
	"cmp"
	"math"
	"slices"
)

// Standing is a miner's place on the board.
type Standing struct {
	UID        uint16
	Registered uint64
	Asked      int     // requests since the record began
	N          int     // scored answers in the window
	Mean       float64 // of the scores, [0, 1]
	Lower      float64 // one-sided confidence bounds of the mean at Params.Error
	Upper      float64
	Answered   float64 // [0, 1]: share of the last Params.Recent requests that it answered
	Capability float64 // Answered · (lower bound of the mean of MinItems answers − Chance) / (1 − Chance), at least 0
	Service    float64 // [0, 1]: for its speed; 0 while it is away
	Gate       float64 // [0, 1]
	Ready      bool    // has MinItems requests behind it; before that the weight is 0
	Tier       int     // 0 is the best; miners without capability come after all tiers
	CopyOf     int     // uid that holds the seat which this miner shares, -1 where it holds its own
	Weight     float64 // ≥ 0, not normalised
}

// present reports whether the miner serves at all.
func (s Standing) present() bool { return s.Service > 0 && s.Gate > 0 }

// ranking is what the board's answers amount to.
type ranking struct {
	all    []Standing   // in uid order
	ranked []*Standing  // the contenders, best first
	behind []difference // by contender: the lead over it of the first of its tier, which has none over itself
}

// rank derives the ranking, once per change of the board.
func (b *Board) rank() *ranking {
	if b.ranking != nil {
		return b.ranking
	}
	r := &ranking{all: b.describe()}
	b.seatCopies(r.all)
	r.ranked = b.contenders(r.all)
	r.behind = b.tier(r.ranked)
	pay(r.ranked)
	r.placeRest()
	b.ranking = r
	return r
}

// Standings ranks the board's miners, best first; within a tier the better paid come first, then the lower uid.
func (b *Board) Standings() []Standing {
	all := slices.Clone(b.rank().all)
	slices.SortFunc(all, func(x, y Standing) int {
		return cmp.Or(cmp.Compare(x.Tier, y.Tier), cmp.Compare(y.Weight, x.Weight), cmp.Compare(x.UID, y.UID))
	})
	return all
}

// describe measures every miner by itself, in uid order.
func (b *Board) describe() []Standing {
	median := b.medianLatency()
	all := make([]Standing, 0, len(b.records))
	for _, uid := range b.UIDs() {
		rec := b.records[uid]
		t := rec.tally()
		lower, upper := t.Bound(b.once)
		proven, _ := t.boundOf(b.once, min(t.N(), b.params.MinItems)) // nobody earns by being asked more often
		answered := rec.service.answered()
		all = append(all, Standing{
			UID: uid, Registered: rec.registered, Asked: rec.asked, N: t.N(), Mean: t.Mean(), Lower: lower, Upper: upper, Answered: answered,
			Capability: answered * clamp((proven-b.params.Chance)/(1-b.params.Chance)),
			Service:    rec.service.factor(b.params.Gone, median), Gate: rec.gate,
			Ready: rec.asked >= b.params.MinItems, Tier: -1, CopyOf: -1,
		})
	}
	return all
}

// contenders are the miners that take a place of their own, by the worth of their answers, best first.
func (b *Board) contenders(all []Standing) (c []*Standing) {
	for i := range all {
		if s := &all[i]; s.Ready && s.Capability > 0 && s.CopyOf < 0 && s.present() {
			c = append(c, s)
		}
	}
	slices.SortStableFunc(c, func(x, y *Standing) int {
		return cmp.Compare(b.worth(b.records[y.UID]), b.worth(b.records[x.UID]))
	})
	return c
}

// tier numbers the contenders: one that the evidence puts below the best of the tier above opens the next tier. It returns how far
// each is behind the best of its own.
func (b *Board) tier(ranked []*Standing) []difference {
	leader, tier := 0, 0
	behind := make([]difference, len(ranked))
	for i, s := range ranked {
		if i > 0 {
			behind[i] = b.compare(b.records[ranked[leader].UID], b.records[s.UID])
			if behind[i].significant(b.surely(i-leader), b.params.Same) {
				leader, tier, behind[i] = i, tier+1, difference{}
			}
		}
		s.Tier = tier
	}
	return behind
}

// prize of a tier, 0 the best: 1/(tier+1)^1.5. The sum over all tiers is finite (2.612), and the 256th still earns a whole unit
// of weight.
func prize(tier int) float64 {
	n := float64(tier + 1)
	return 1 / (n * math.Sqrt(n))
}

// pay gives every tier its one prize times the mean capability of its members, and every member of it an even share of that, times
// its own service and gate. However many identities a model has, its tier has one prize, and no tier below is moved down.
func pay(ranked []*Standing) {
	for from := 0; from < len(ranked); {
		to, capability := from, 0.0
		for ; to < len(ranked) && ranked[to].Tier == ranked[from].Tier; to++ {
			capability += ranked[to].Capability
		}
		n := float64(to - from)
		for _, s := range ranked[from:to] {
			s.Weight = prize(s.Tier) / n * capability / n * s.Service * s.Gate
		}
		from = to
	}
}

// placeRest gives the miners outside the contest their tier: a copy stands where the seat's holder stands, unpaid;
// the others stand below all tiers.
func (r *ranking) placeRest() {
	tiers, last := map[int]int{}, 0
	for _, s := range r.ranked {
		tiers[int(s.UID)] = s.Tier
		last = s.Tier + 1
	}
	for i := range r.all {
		s := &r.all[i]
		if s.Tier >= 0 {
			continue
		}
		s.Tier = last
		if tier, contends := tiers[s.CopyOf]; contends {
			s.Tier = tier
		}
	}
}

// maxWeight is the chain's largest weight.
const maxWeight = math.MaxUint16

// Weights returns the weight vector in uid order, scaled so that the largest is 65535 and every miner with any weight has
// at least 1. Miners of weight 0 are left out; with nobody to pay both slices are empty.
func (b *Board) Weights() (uids, weights []uint16) {
	all := b.rank().all
	best := 0.0
	for _, s := range all {
		best = math.Max(best, s.Weight)
	}
	for _, s := range all {
		if s.Weight > 0 {
			uids = append(uids, s.UID)
			weights = append(weights, uint16(math.Max(1, math.Round(s.Weight/best*maxWeight))))
		}
	}
	return uids, weights
}
