package voucher

import (
	"fmt"
	"math"
	"math/bits"
)

// MaxParts is the most subnets that one channel may pay for.
const MaxParts = 128

// MostAmount is more than there will ever be, in rao: sums of a few amounts up to it fit 64 bits.
const MostAmount = 1 << 60

// Part is what is paid for work in one subnet, in rao. Netuid 0 is work in any.
type Part struct {
	Netuid uint32
	Amount uint64
}

// Parts are amounts by ascending netuid, each once and none of 0 rao.
type Parts []Part

// Total is the sum, MaxUint64 if it does not fit.
func (p Parts) Total() (sum uint64) {
	for _, part := range p {
		sum = add(sum, part.Amount)
	}
	return sum
}

// Check refuses what is out of order, empty, too long or too much. The error is ErrMalformed.
func (p Parts) Check() error {
	if len(p) > MaxParts {
		return fmt.Errorf("%w: %d subnets, at most %d", ErrMalformed, len(p), MaxParts)
	}
	for i, part := range p {
		if part.Amount == 0 || i > 0 && part.Netuid <= p[i-1].Netuid {
			return fmt.Errorf("%w: netuid %d with %d rao: give ascending netuids, each once, with more than 0",
				ErrMalformed, part.Netuid, part.Amount)
		}
	}
	if total := p.Total(); total > MostAmount {
		return fmt.Errorf("%w: %d rao in all, at most %d", ErrMalformed, total, uint64(MostAmount))
	}
	return nil
}

// Of is what p has for netuid.
func (p Parts) Of(netuid uint32) uint64 {
	for _, part := range p {
		if part.Netuid == netuid {
			return part.Amount
		}
	}
	return 0
}

// Covers tells whether no subnet has less in p than in q: cumulative amounts never fall.
func (p Parts) Covers(q Parts) bool {
	i := 0
	for _, want := range q {
		for i < len(p) && p[i].Netuid < want.Netuid {
			i++
		}
		if i == len(p) || p[i].Netuid != want.Netuid || p[i].Amount < want.Amount {
			return false
		}
	}
	return true
}

// Plus adds up by netuid. A sum beyond 64 bits saturates.
func (p Parts) Plus(q Parts) Parts {
	sum := make(Parts, 0, len(p)+len(q))
	for len(p) > 0 && len(q) > 0 {
		switch {
		case p[0].Netuid < q[0].Netuid:
			sum, p = append(sum, p[0]), p[1:]
		case p[0].Netuid > q[0].Netuid:
			sum, q = append(sum, q[0]), q[1:]
		default:
			sum = append(sum, Part{p[0].Netuid, add(p[0].Amount, q[0].Amount)})
			p, q = p[1:], q[1:]
		}
	}
	return append(append(sum, p...), q...)
}

// Minus is p − q where p covers q, without the subnets of which nothing is left.
func (p Parts) Minus(q Parts) Parts {
	var rest Parts
	for _, part := range p {
		if left := part.Amount - q.Of(part.Netuid); left > 0 {
			rest = append(rest, Part{part.Netuid, left})
		}
	}
	return rest
}

// UpTo is the first of p that come to at most rao in all; the last of them may be cut.
func (p Parts) UpTo(rao uint64) (kept Parts) {
	for _, part := range p {
		if rao == 0 {
			break
		}
		part.Amount = min(part.Amount, rao)
		rao -= part.Amount
		kept = append(kept, part)
	}
	return kept
}

// Burned is what of p is burned at a rate in basis points, rounded up in each subnet: a payment in many small claims
// burns no less than in one.
func (p Parts) Burned(bps uint64) (burned Parts) {
	for _, part := range p {
		high, low := bits.Mul64(part.Amount, min(bps, wholeBPS))
		low, carry := bits.Add64(low, wholeBPS-1, 0)
		amount, _ := bits.Div64(high+carry, low, wholeBPS) // high < wholeBPS, since bps ≤ wholeBPS
		if amount = min(amount, part.Amount); amount > 0 {
			burned = append(burned, Part{part.Netuid, amount})
		}
	}
	return burned
}

const wholeBPS = 10_000

func add(a, b uint64) uint64 {
	if sum, carry := bits.Add64(a, b, 0); carry == 0 {
		return sum
	}
	return math.MaxUint64
}
