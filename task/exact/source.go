package exact

import (
	"math/bits"
	"math/rand/v2"
)

// Source is a stream of choices that is the same on every machine: ChaCha8 from a 32-byte seed, and an integer
// reduction that depends on neither the word size nor the library's version. It is not safe for concurrent use.
type Source struct{ c *rand.ChaCha8 }

// NewSource starts the stream of this seed.
func NewSource(seed [32]byte) *Source { return &Source{rand.NewChaCha8(seed)} }

// Intn returns a number in [0, n), n ≥ 1: the high word of draw × n, whose bias is below n/2⁶⁴.
func (s *Source) Intn(n int) int {
	hi, _ := bits.Mul64(s.c.Uint64(), uint64(n))
	return int(hi)
}

// between returns a number in [lo, hi].
func (s *Source) between(lo, hi int) int { return lo + s.Intn(hi-lo+1) }

// one is true once in n times.
func (s *Source) one(n int) bool { return s.Intn(n) == 0 }

// sample returns k different numbers in [0, n), in random order.
func (s *Source) sample(n, k int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	for i := range k {
		j := s.between(i, n-1)
		p[i], p[j] = p[j], p[i]
	}
	return p[:k]
}

func pick[T any](s *Source, from []T) T { return from[s.Intn(len(from))] }
