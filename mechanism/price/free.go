package price

import "math/bits"

// What a voice measures a server with in a tempo: two bursts, of as many requests as the server has slots, and audits.
const (
	bursts       = 2
	leastSlots   = 16      // that a burst has
	mostSlots    = 256     // that one is believed to have
	burstTokens  = 4 * 320 // of the four requests that follow each other in a slot: 256 read and 64 written each
	audits       = 30
	auditTokens  = 256
	auditsTokens = audits * auditTokens
)

// Free is how many tokens a server answers a voice for nothing in a tempo, whatever they are for, because emission pays for
// being measured:
//
//	T = ⌈(2 · max(slots, 16) · 1280 + 30 · 256) · stake / total⌉
//
// stake is the voice's, total that of all permitted voices, in one unit; T is 0 where total is.
func Free(slots, stake, total uint64) uint64 {
	if total == 0 {
		return 0
	}
	all := bursts*min(max(slots, leastSlots), mostSlots)*burstTokens + auditsTokens
	high, low := bits.Mul64(all, min(stake, total))
	low, carry := bits.Add64(low, total-1, 0)
	tokens, _ := bits.Div64(high+carry, low, total) // high < total: all · stake ≤ all · total, and all is small beside 2^64
	return tokens
}

// Metered is what the tokens of a tempo cost above a free part, in rao for the server. The dearer ones are free first: so a
// voice whose own questions are within the free part owes no more than what its consumers' answers cost by themselves, and
// the order in which answers come and are counted changes nothing.
func Metered(t Tokens, free uint64, r Rates) uint64 {
	first, second := &t.Out, &t.In
	if r.In > r.Out {
		first, second = second, first
	}
	taken := min(*first, free)
	*first -= taken
	*second -= min(*second, free-taken)
	_, rao := Answer(t, r)
	return rao
}

// Plus adds up; a sum beyond 64 bits saturates.
func (t Tokens) Plus(u Tokens) Tokens {
	return Tokens{In: addSaturating(t.In, u.In), Out: addSaturating(t.Out, u.Out)}
}

// Sum is all of them.
func (t Tokens) Sum() uint64 { return addSaturating(t.In, t.Out) }
