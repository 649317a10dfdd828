package emission

import "agora/mechanism/fixed"

// Full is the u16 that stands for the whole in shares.
const Full = 65535

// Apportion divides amount in proportion to weights, to the last rao: with c the
// running sum of weights and W their total, part j is
//
//	floor(amount·c_j / W) − floor(amount·c_(j−1) / W).
//
// With no weight above zero every part is 0 and all of amount is left. The sum
// of the weights must fit 64 bits.
func Apportion(amount uint64, weights []uint64) (parts []uint64, left uint64) {
	parts = make([]uint64, len(weights))
	var total uint64
	for _, w := range weights {
		total += w
	}
	if total == 0 {
		return parts, amount
	}
	var running, given uint64
	for j, w := range weights {
		running += w
		upTo := fixed.Part(amount, running, total)
		parts[j] = upTo - given
		given = upTo
	}
	return parts, 0
}

// Budget is a subnet's emission before its epoch divides it, in rao.
type Budget struct {
	// Total is everything pending.
	Total uint64
	// Owner is the part of the subnet's owner.
	Owner uint64
	// Shared is what miners and validators earn, one half each.
	Shared uint64
}

// Divide takes the owner's share (u16) out of total, rounded down, and leaves
// the rest to be shared.
func Divide(total uint64, ownerShare uint32) Budget {
	owner := fixed.Part(total, uint64(ownerShare), Full)
	return Budget{Total: total, Owner: owner, Shared: total - owner}
}
