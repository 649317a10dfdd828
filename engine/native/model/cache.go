package model

import "agora/engine/native/kernel"

// Page is how many positions share a piece of a sequence's memory.
const Page = 64

// page holds keys and values of up to Page positions, for every layer and key head.
//
//	keys   [layer·kvHeads][position/16][dimension][position%16]
//	values [layer·kvHeads][position][dimension]
type page struct {
	keys, values []float32
}

// Sequence is the memory of one text: keys and values of the tokens seen. It belongs to one goroutine at a time.
// Sequences may share whole pages, which nobody changes any more.
type Sequence struct {
	model  *Model
	pages  []*page
	length int
}

// NewSequence is an empty text.
func (m *Model) NewSequence() *Sequence { return &Sequence{model: m} }

// Len is the number of tokens seen.
func (s *Sequence) Len() int { return s.length }

// PageBytes is the memory of Page tokens.
func (m *Model) PageBytes() int { return 8 * Page * m.Layers * m.KVHeads * m.Head }

// Bytes is the sequence's memory, with what it shares.
func (s *Sequence) Bytes() int { return len(s.pages) * s.model.PageBytes() }

// Fork is a second text that begins with the first n ≤ Len tokens of this one. Whole pages are shared, the rest copied.
func (s *Sequence) Fork(n int) *Sequence {
	whole := n / Page
	f := &Sequence{model: s.model, length: n, pages: append([]*page(nil), s.pages[:whole]...)}
	if n%Page > 0 {
		p := s.pages[whole]
		f.pages = append(f.pages, &page{keys: append([]float32(nil), p.keys...), values: append([]float32(nil), p.values...)})
	}
	return f
}

// Truncate forgets all but the first n ≤ Len tokens. Where the last page that stays is not full it is copied, since
// another sequence may share it.
func (s *Sequence) Truncate(n int) { *s = *s.Fork(n) }

// grow makes room for one more token and returns its position.
func (s *Sequence) grow() int {
	if s.length%Page == 0 {
		n := Page * s.model.Layers * s.model.KVHeads * s.model.Head
		s.pages = append(s.pages, &page{keys: make([]float32, n), values: make([]float32, n)})
	}
	s.length++
	return s.length - 1
}

// head is the keys and values of one layer and key head.
func (p *page) head(i, size int) (keys, values []float32) {
	n := Page * size
	return p.keys[i*n : (i+1)*n], p.values[i*n : (i+1)*n]
}

// store keeps the key and the value of a position.
func (s *Sequence) store(i, position int, key, value []float32) {
	size, at := len(key), position%Page
	keys, values := s.pages[position/Page].head(i, size)
	lane := keys[at/kernel.Lanes*size*kernel.Lanes+at%kernel.Lanes:]
	for d, v := range key {
		lane[d*kernel.Lanes] = v
	}
	copy(values[at*size:], value)
}
