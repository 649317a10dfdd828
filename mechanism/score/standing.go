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

// Standings ranks the board's miners, best first; miners of equal place come in uid order.
func (b *Board) Standings() []Standing {
	all := b.describe()
	b.seatCopies(all)
	ranked := b.contenders(all)
	b.tier(ranked)
	pay(ranked)
	last := 0
	for _, s := range ranked {
		last = max(last, s.Tier+1)
	}
	for i := range all {
		b.placeRest(all, &all[i], last)
	}
	slices.SortStableFunc(all, func(x, y Standing) int {
		return cmp.Or(cmp.Compare(x.Tier, y.Tier), cmp.Compare(y.Weight, x.Weight), cmp.Compare(x.UID, y.UID))
	})
	return all
}

// describe measures every miner by itself, in uid order.
func (b *Board) describe() []Standing {
	z, median := boundary(b.params.Error, 1, 1), b.medianLatency()
	all := make([]Standing, 0, len(b.records))
	for _, uid := range b.UIDs() {
		rec := b.records[uid]
		t := rec.tally()
		lower, upper := t.Bound(z)
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
func (b *Board) contenders(all []Standing) []*Standing {
	var c []*Standing
	for i := range all {
		if s := &all[i]; s.Ready && s.Capability > 0 && s.CopyOf < 0 && s.Service > 0 && s.Gate > 0 {
			c = append(c, s)
		}
	}
	slices.SortStableFunc(c, func(x, y *Standing) int { return cmp.Compare(y.Mean, x.Mean) })
	return c
}

// tier numbers the contenders: one that the evidence puts below the best of the tier above opens the next tier.
func (b *Board) tier(ranked []*Standing) {
	z := b.z()
	leader, tier := 0, 0
	for i, s := range ranked {
		if i > 0 && compare(b.records[ranked[leader].UID], b.records[s.UID]).significant(z) {
			leader, tier = i, tier+1
		}
		s.Tier = tier
	}
}

// z is the boundary for leads, over all looks between MinItems and Window.
func (b *Board) z() float64 { return boundary(b.params.Error, b.params.MinItems, b.params.Window) }

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

// placeRest gives a miner outside the contest its tier: a copy stands where the seat's holder stands, unpaid;
// the others stand below all tiers.
func (b *Board) placeRest(all []Standing, s *Standing, last int) {
	if s.Tier >= 0 {
		return
	}
	s.Tier = last
	if s.CopyOf < 0 {
		return
	}
	for _, holder := range all {
		if int(holder.UID) == s.CopyOf && holder.Tier >= 0 {
			s.Tier = holder.Tier
		}
	}
}

// maxWeight is the chain's largest weight.
const maxWeight = math.MaxUint16

// Weights returns the weight vector in uid order, scaled so that the largest is 65535 and every miner with any weight has
// at least 1. Miners of weight 0 are left out; with nobody to pay both slices are empty.
func (b *Board) Weights() (uids, weights []uint16) {
	all := b.Standings()
	best := 0.0
	for _, s := range all {
		best = math.Max(best, s.Weight)
	}
	slices.SortFunc(all, func(x, y Standing) int { return cmp.Compare(x.UID, y.UID) })
	for _, s := range all {
		if s.Weight > 0 {
			uids = append(uids, s.UID)
			weights = append(weights, uint16(math.Max(1, math.Round(s.Weight/best*maxWeight))))
		}
	}
	return uids, weights
}
