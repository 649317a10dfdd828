package model

import (
	"math"
	"math/bits"
)

// Work is how many multiplications it takes at most to read so many tokens, from the first of a text on: of the weights, and of what each
// token looks back at. It follows from the shape alone. It saturates.
func (m *Model) Work(tokens int) uint64 {
	c, n := &m.Config, uint64(max(0, min(tokens, m.Context)))
	q, kv := c.Heads*c.Head, c.KVHeads*c.Head
	weights := uint64(c.Layers)*uint64(c.Width)*uint64(2*q+2*kv+3*c.Hidden) + uint64(c.Width)*uint64(m.Vocab)
	back := 2 * uint64(c.Layers) * uint64(q)
	return saturated(n, weights, saturated(n*(n+1)/2, back, 0))
}

// saturated is a·b + c, at most 2⁶⁴−1.
func saturated(a, b, c uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	sum, carry := bits.Add64(lo, c, 0)
	if hi > 0 || carry > 0 {
		return math.MaxUint64
	}
	return sum
}
