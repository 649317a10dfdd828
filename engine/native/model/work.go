package model

import (
	"math"
	"math/bits"
)

// What it takes to look back, in multiplications of weights: a weight meets many tokens at once, a query's number meets each key's and
// value's alone, and keys and values come from memory. Measured on one core with models that do almost nothing else.
const (
	perQuery = 8
	perKey   = 24
)

// Work is how many multiplications of weights take as long as it takes at most to read so many tokens, from the first of a text on: those
// of the weights, and what each token looks back at. It follows from the shape alone. It saturates.
func (m *Model) Work(tokens int) uint64 {
	c, n := &m.Config, uint64(max(0, min(tokens, m.Context)))
	q, kv := c.Heads*c.Head, c.KVHeads*c.Head
	weights := uint64(c.Layers)*uint64(c.Width)*uint64(2*q+2*kv+3*c.Hidden) + uint64(c.Width)*uint64(m.Vocab)
	back := 2 * uint64(c.Layers) * uint64(perQuery*q+perKey*kv)
	return saturated(n, weights, saturated(n*(n+1)/2, back, 0))
}

// Memory is how many bytes the keys and values of so many tokens take, as Sequence.Bytes has it.
func (m *Model) Memory(tokens int) uint64 {
	pages := uint64(max(0, min(tokens, m.Context))+Page-1) / Page
	return pages * 8 * Page * uint64(m.Layers) * uint64(m.KVHeads) * uint64(m.Head)
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
