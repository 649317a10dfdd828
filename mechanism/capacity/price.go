package capacity

import (
	"cmp"
	"slices"
)

// Offer is a server's work, and what it asks for it.
type Offer struct {
	Place    int    // that it has a part in
	Price    uint64 // see Price
	Capacity uint64
}

// Price is what a token that is written costs with the four that are read for it, in rao per million: 4·in + out.
func Price(in, out uint64) uint64 { return add(add(add(in, in), add(in, in)), out) }

// Affordable says which offers count. With m the least price of a place at which at least half of its capacity is offered, an offer
// counts up to 2·m, and up to most where that is not 0. An offer without capacity counts for nothing and moves no other.
func Affordable(offers []Offer, most uint64) []bool {
	places := map[int][]Offer{}
	for _, o := range offers {
		o.Capacity = min(o.Capacity, Highest)
		places[o.Place] = append(places[o.Place], o)
	}
	out := make([]bool, len(offers))
	for i, o := range offers {
		limit := median(places[o.Place])
		limit = add(limit, limit)
		out[i] = o.Capacity > 0 && o.Price <= limit && (most == 0 || o.Price <= most)
	}
	return out
}

// median is the least price at which, and below which, at least half of the capacity is offered; 0 of nothing.
func median(offers []Offer) uint64 {
	slices.SortFunc(offers, func(a, b Offer) int { return cmp.Compare(a.Price, b.Price) })
	var all, sum uint64
	for _, o := range offers {
		all = add(all, o.Capacity)
	}
	for _, o := range offers {
		if sum = add(sum, o.Capacity); o.Capacity > 0 && sum >= all-sum {
			return o.Price
		}
	}
	return 0
}
