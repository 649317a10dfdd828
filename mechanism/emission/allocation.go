package emission

import "agora/mechanism/fixed"

// Claim is what one subnet brings to the allocation of a step.
type Claim struct {
	// Root is its weight by votes.
	Root uint64
	// Demand is its weight by what consumers burned there, smoothed.
	Demand uint64
	// Room is what was burned there since its last epoch and has not been
	// granted yet, in rao: the demand part never exceeds it.
	Room uint64
	// Open tells whether the subnet may be paid. A closed one's part is withheld,
	// not handed to the others.
	Open bool
}

// Grant is one subnet's part of a step, in rao.
type Grant struct {
	// Paid is what becomes pending; FromDemand of it came through demand.
	Paid, FromDemand uint64
	// Withheld is what a closed subnet would have had.
	Withheld uint64
}

// Allocate divides amount among claims: λ (u16) of it by demand, each grant
// capped by its room, and all the rest by root. The grants add up to amount,
// except that with no root weight at all the rest is returned as left.
func Allocate(amount uint64, lambda uint32, claims []Claim) (grants []Grant, left uint64) {
	grants = make([]Grant, len(claims))
	weights := make([]uint64, len(claims))
	for j, c := range claims {
		weights[j] = c.Demand
	}
	rest := amount
	byDemand, _ := Apportion(fixed.Part(amount, uint64(lambda), Full), weights)
	for j, c := range claims {
		fromDemand := min(byDemand[j], c.Room)
		if c.Open {
			grants[j] = Grant{Paid: fromDemand, FromDemand: fromDemand}
		} else {
			grants[j] = Grant{Withheld: fromDemand}
		}
		rest -= fromDemand
		weights[j] = c.Root
	}
	byRoot, left := Apportion(rest, weights)
	for j, c := range claims {
		if c.Open {
			grants[j].Paid += byRoot[j]
		} else {
			grants[j].Withheld += byRoot[j]
		}
	}
	return grants, left
}
