// Package ngram is a family of native models that predict the next byte from the bytes just before it.
//
// A model of order k counts, in its training text, what followed each context of 0 to k−1 bytes, and interpolates the orders
// after Witten and Bell (1991): with c the count of byte b after the context, n all that followed it and d how many
// different bytes did,
//
//	P(b | context) = (c + d·P(b | context less its first byte)) / (n + d),   P(b | nothing known) = 1/256
//
// The counts are integers and each product is rounded before it is added, so a model answers the same on every machine.
package ngram

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
)

// MaxOrder is the longest n-gram in bytes; with the byte that it predicts it fills a 64-bit key.
const MaxOrder = 8

// level holds all n-grams of one length, sorted: the key is the bytes, big-endian, the predicted one last.
type level struct {
	keys   []uint64
	counts []uint32
}

// Model is a trained model. It is immutable and safe for concurrent use.
type Model struct {
	order  int
	levels []level // levels[i] counts n-grams of i+1 bytes
	digest string
}

// Train counts the n-grams of a text, up to the order (brought into 1 to MaxOrder). It takes about 0.1 s per order and
// MiB of text, and 12 bytes of memory for each distinct n-gram.
func Train(order int, text []byte) *Model {
	order = min(max(order, 1), MaxOrder)
	levels := make([]level, order)
	for i := range levels {
		levels[i] = countLevel(text, i+1)
	}
	return newModel(levels)
}

// newModel makes a model of counted levels.
func newModel(levels []level) *Model {
	m := &Model{order: len(levels), levels: levels}
	m.digest = m.hash()
	return m
}

// countLevel counts the n-grams of n bytes.
func countLevel(text []byte, n int) level {
	if len(text) < n {
		return level{}
	}
	all := make([]uint64, 0, len(text)-n+1)
	key := uint64(0)
	for i, b := range text {
		key = (key<<8 | uint64(b)) & mask(n)
		if i+1 >= n {
			all = append(all, key)
		}
	}
	slices.Sort(all)
	return tallyLevel(all)
}

// mask keeps the last n bytes of a key.
func mask(n int) uint64 { return math.MaxUint64 >> (64 - 8*n) }

// tallyLevel turns sorted keys into distinct keys and their counts.
func tallyLevel(sorted []uint64) level {
	distinct := 0
	for i, k := range sorted {
		if i == 0 || k != sorted[i-1] {
			distinct++
		}
	}
	l := level{make([]uint64, 0, distinct), make([]uint32, 0, distinct)}
	for i, k := range sorted {
		if i == 0 || k != sorted[i-1] {
			l.keys = append(l.keys, k)
			l.counts = append(l.counts, 0)
		}
		l.counts[len(l.counts)-1]++
	}
	return l
}

// hash is the digest of the model's counts.
func (m *Model) hash() string {
	h := sha256.New()
	var buf []byte
	for _, l := range m.levels {
		buf = binary.BigEndian.AppendUint64(buf[:0], uint64(len(l.keys)))
		for i, k := range l.keys {
			buf = binary.BigEndian.AppendUint64(buf, k)
			buf = binary.BigEndian.AppendUint32(buf, l.counts[i])
		}
		h.Write(buf)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// Order is the length of the model's longest n-gram in bytes: it looks back one byte less.
func (m *Model) Order() int { return m.order }

// Next returns the probability of each next byte after a context, of which the last Order−1 bytes count. They are above 0
// and sum to 1.
func (m *Model) Next(context []byte) (p [256]float64) {
	for b := range p {
		p[b] = 1.0 / 256
	}
	for i := 0; i < m.order && i <= len(context); i++ {
		m.levels[i].refine(&p, context[len(context)-i:])
	}
	return p
}

// refine applies the formula of the package comment for one context, in place; an unseen context changes nothing.
func (l *level) refine(p *[256]float64, context []byte) {
	prefix := uint64(0)
	for _, b := range context {
		prefix = prefix<<8 | uint64(b)
	}
	from, _ := slices.BinarySearch(l.keys, prefix<<8)
	to := from
	total := uint64(0)
	for ; to < len(l.keys) && l.keys[to]>>8 == prefix; to++ {
		total += uint64(l.counts[to])
	}
	if total == 0 {
		return
	}
	distinct := float64(to - from)
	all := float64(total) + distinct
	for b := range p {
		p[b] = distinct * p[b] / all
	}
	for i := from; i < to; i++ {
		p[byte(l.keys[i])] += float64(l.counts[i]) / all
	}
}

// Bits returns −log2 of the probability that the model gives to a text, byte by byte from its beginning.
func (m *Model) Bits(text []byte) float64 {
	bits := 0.0
	for i, b := range text {
		p := m.Next(text[max(0, i-MaxOrder):i])
		bits -= ln(p[b]) / math.Ln2
	}
	return bits
}
