package emission

import "agora/mechanism/fixed"

// Claim is what one subnet brings to the allocation of a step.
type Claim struct {
	// Root is its weight by votes.
	Root uint64
	// Demand is its weight by what consumers burned there, smoothed.
	Demand uint64
	// Room is what demand may still bring, in rao: see Room.
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

// Room is what demand may bring a subnet in which consumers burned rao since its
// last epoch and which was granted some of it already: half of what was burned,
// less that. So whoever burns in his own subnet to look busy loses at least half.
func Room(burned, granted uint64) uint64 {
	return burned/2 - min(granted, burned/2)
}

// Allocate divides amount among claims: λ (u16) of it by demand, each grant
// capped by its room, and all the rest by root, of which burned (a weight like
// theirs) is nobody's. The grants and what nobody gets add up to amount.
func Allocate(amount uint64, lambda uint32, claims []Claim, burned uint64) (grants []Grant, nobodys uint64) {
	grants = make([]Grant, len(claims))
	weights := make([]uint64, len(claims), len(claims)+1)
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
	byRoot, left := Apportion(rest, append(weights, burned))
	for j, c := range claims {
		if c.Open {
			grants[j].Paid += byRoot[j]
		} else {
			grants[j].Withheld += byRoot[j]
		}
	}
	return grants, left + byRoot[len(claims)]
}
