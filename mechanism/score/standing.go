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
	Capability float64 // (Lower − Chance) / (1 − Chance), at least 0
	Service    float64 // [0, 1]
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
	all    []Standing  // in uid order
	ranked []*Standing // the contenders, best first
}

// rank derives the ranking, once per change of the board.
func (b *Board) rank() *ranking {
	if b.ranking != nil {
		return b.ranking
	}
	r := &ranking{all: b.describe()}
	b.seatCopies(r.all)
	r.ranked = contenders(r.all)
	b.tier(r.ranked)
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
		all = append(all, Standing{
			UID: uid, Registered: rec.registered, Asked: rec.asked, N: t.N(), Mean: t.Mean(), Lower: lower, Upper: upper,
			Capability: clamp((lower - b.params.Chance) / (1 - b.params.Chance)),
			Service:    rec.service.factor(b.params.Gone, median), Gate: rec.gate,
			Ready: rec.asked >= b.params.MinItems, Tier: -1, CopyOf: -1,
		})
	}
	return all
}

// contenders are the miners that take a place of their own, by mean score, best first.
func contenders(all []Standing) (c []*Standing) {
	for i := range all {
		if s := &all[i]; s.Ready && s.Capability > 0 && s.CopyOf < 0 && s.present() {
			c = append(c, s)
		}
	}
	slices.SortStableFunc(c, func(x, y *Standing) int { return cmp.Compare(y.Mean, x.Mean) })
	return c
}

// tier numbers the contenders: one that the evidence puts below the best of the tier above opens the next tier.
func (b *Board) tier(ranked []*Standing) {
	leader, tier := 0, 0
	for i, s := range ranked {
		if i > 0 && compare(b.records[ranked[leader].UID], b.records[s.UID]).significant(b.always) {
			leader, tier = i, tier+1
		}
		s.Tier = tier
	}
}

// prize of a place, 0 the best: 1/(place+1)^1.5. The sum over all places is finite (2.612), so many identities
// in one tier cannot multiply their pay without end, and the 256th place still earns a whole unit of weight.
func prize(place int) float64 { return math.Pow(float64(place+1), -1.5) }

// pay gives every tier the mean prize of the places that it covers and the mean capability of its members,
// and every member of it that product times its own service and gate.
func pay(ranked []*Standing) {
	for from := 0; from < len(ranked); {
		to := from
		prizes, capability := 0.0, 0.0
		for ; to < len(ranked) && ranked[to].Tier == ranked[from].Tier; to++ {
			prizes += prize(to)
			capability += ranked[to].Capability
		}
		n := float64(to - from)
		for _, s := range ranked[from:to] {
			s.Weight = prizes / n * capability / n * s.Service * s.Gate
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
