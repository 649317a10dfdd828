package gateway

import (
	"crypto/ed25519"
	"math/rand/v2"
	"slices"
	"time"
)

// Miners are the connected miners; a wire.Hub is one.
type Miners interface {
	// Connected says whether the miner with this hot key in this subnet can be asked now.
	Connected(netuid uint32, key ed25519.PublicKey) bool
	Carrier
}

// pick chooses the miner to ask next: from the best tier in which somebody can be asked, the less loaded of two drawn
// at random; of a session the one that had it before. Breakers are respected as long as that leaves anybody; nil means that nobody is left who is able.
func (r *route) pick(able func(*candidate) bool, tried []*candidate, session string, now time.Time) *candidate {
	var broken []*candidate
	for _, tier := range r.tiers {
		left := make([]*candidate, 0, 8)
		for _, c := range tier {
			if !slices.Contains(tried, c) && able(c) {
				left = append(left, c)
			}
		}
		for len(left) > 0 {
			c := lighter(left, now)
			if session != "" {
				c = keep(session, left)
			}
			if c.admit(now) {
				return c
			}
			broken = append(broken, c)
			left = slices.DeleteFunc(left, func(d *candidate) bool { return d == c })
		}
	}
	if len(broken) == 0 {
		return nil
	}
	return broken[0]
}

// other says whether anybody is left who is able and was not tried.
func (r *route) other(able func(*candidate) bool, tried []*candidate) bool {
	for _, tier := range r.tiers {
		for _, c := range tier {
			if !slices.Contains(tried, c) && able(c) {
				return true
			}
		}
	}
	return false
}

// count is how many candidates are so.
func (r *route) count(so func(*candidate) bool) (n int) {
	for _, tier := range r.tiers {
		for _, c := range tier {
			if so(c) {
				n++
			}
		}
	}
	return n
}

// lighter draws two different candidates and returns the one with the lower load. Over many requests that keeps the
// highest load close to the average, without looking at all of them.
func lighter(of []*candidate, now time.Time) *candidate {
	i := rand.IntN(len(of))
	if len(of) == 1 {
		return of[i]
	}
	j := rand.IntN(len(of) - 1)
	if j >= i {
		j++
	}
	if of[j].load(now) < of[i].load(now) {
		return of[j]
	}
	return of[i]
}
