package token

import (
	"container/heap"
	"fmt"
	"strings"
	"unicode/utf8"
)

// pairs is byte-level encoding: a word's bytes are merged pair by pair, the pair of the best rank first, the leftmost of
// equals.
type pairs struct {
	cut    cut
	whole  bool // a word that is a token is not merged up
	ids    *index
	single [256]int32 // tokens of single bytes, -1 where there is none
	merges map[uint64]merge
	symbol [256]string // how a byte is written in the vocabulary
}

type merge struct{ rank, id int32 }

func key(a, b int32) uint64 { return uint64(uint32(a))<<32 | uint64(uint32(b)) }

func newPairs(t *Tokenizer) (*pairs, error) {
	c, ok := cuts[t.Cut]
	if !ok {
		return nil, fmt.Errorf("%w: text cut as %q; %s are", ErrUnsupported, t.Cut, cutNames())
	}
	p := &pairs{cut: c.cut, whole: c.whole, ids: t.ids, merges: make(map[uint64]merge, len(t.Merges))}
	bytes := map[rune]byte{}
	next := rune(256)
	for b := range 256 { // printable bytes stand for themselves, the others for the characters from 256 up
		r := rune(b)
		if !(b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae) {
			r, next = next, next+1
		}
		p.symbol[b], bytes[r] = string(r), byte(b)
		p.single[b] = -1
		if id, ok := t.ids.find(string(r)); ok {
			p.single[b] = id
		}
	}
	for i, m := range t.Merges {
		left, right, ok := strings.Cut(m, " ")
		a, ok1 := t.ids.find(left)
		b, ok2 := t.ids.find(right)
		c, ok3 := t.ids.find(left + right)
		if !ok || !ok1 || !ok2 || !ok3 {
			return nil, fmt.Errorf("%w: merge %d, %q", ErrDamaged, i, m)
		}
		if _, twice := p.merges[key(a, b)]; !twice {
			p.merges[key(a, b)] = merge{int32(i), c}
		}
	}
	for i, s := range t.Tokens {
		if t.Kinds[i] != Control {
			t.text = spelled(t.text, s, bytes, t.Kinds[i] == UserDefined)
		}
		t.next()
	}
	return p, nil
}

// spelled appends the bytes that a token of the vocabulary stands for. User-defined tokens are plain text.
func spelled(out []byte, s string, bytes map[rune]byte, plain bool) []byte {
	if plain {
		return append(out, s...)
	}
	for _, r := range s {
		if b, ok := bytes[r]; ok {
			out = append(out, b)
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
	return out
}

func (p *pairs) encode(out []int32, text string) []int32 {
	for text != "" {
		n := p.cut(text)
		out = p.word(out, text[:n])
		text = text[n:]
	}
	return out
}

func (p *pairs) word(out []int32, word string) []int32 {
	if p.whole {
		var spelling strings.Builder
		for i := range len(word) {
			spelling.WriteString(p.symbol[word[i]])
		}
		if id, ok := p.ids.find(spelling.String()); ok {
			return append(out, id)
		}
	}
	l := newLine(len(word))
	for i := range len(word) {
		if id := p.single[word[i]]; id >= 0 { // a byte that the vocabulary lacks is lost, as the model cannot read it
			l.add(id)
		}
	}
	for i := 1; i < len(l.ids); i++ {
		p.offer(l, int32(i-1), int32(i))
	}
	for l.Len() > 0 {
		m := heap.Pop(l).(candidate)
		if l.ids[m.left] == m.a && l.next[m.left] == m.right && l.ids[m.right] == m.b {
			l.join(m, m.id)
			p.offer(l, l.prev[m.left], m.left)
			p.offer(l, m.left, l.next[m.left])
		}
	}
	return l.collect(out)
}

// offer makes a merge of two neighbours a candidate, if there is one.
func (p *pairs) offer(l *line, left, right int32) {
	if left < 0 || right < 0 {
		return
	}
	if m, ok := p.merges[key(l.ids[left], l.ids[right])]; ok {
		heap.Push(l, candidate{left: left, right: right, a: l.ids[left], b: l.ids[right], id: m.id, rank: float64(m.rank)})
	}
}

// line is a row of tokens that are joined with their neighbours, and a heap of what may be joined next, so that a long
// word takes n·log n steps.
type line struct {
	ids, prev, next []int32 // a joined token has id -1
	heap            []candidate
}

type candidate struct {
	left, right, a, b, id int32
	rank                  float64 // the lower first
}

func newLine(n int) *line {
	return &line{ids: make([]int32, 0, n), prev: make([]int32, 0, n), next: make([]int32, 0, n)}
}

func (l *line) add(id int32) {
	n := int32(len(l.ids))
	if n > 0 {
		l.next[n-1] = n
	}
	l.ids, l.prev, l.next = append(l.ids, id), append(l.prev, n-1), append(l.next, -1)
}

// join puts the token id in the place of both.
func (l *line) join(m candidate, id int32) {
	l.ids[m.left], l.ids[m.right] = id, -1
	l.next[m.left] = l.next[m.right]
	if n := l.next[m.left]; n >= 0 {
		l.prev[n] = m.left
	}
}

func (l *line) collect(out []int32) []int32 {
	for _, id := range l.ids {
		if id >= 0 {
			out = append(out, id)
		}
	}
	return out
}

func (l *line) Len() int { return len(l.heap) }
func (l *line) Less(i, j int) bool {
	a, b := l.heap[i], l.heap[j]
	return a.rank < b.rank || a.rank == b.rank && a.left < b.left
}
func (l *line) Swap(i, j int) { l.heap[i], l.heap[j] = l.heap[j], l.heap[i] }
func (l *line) Push(x any)    { l.heap = append(l.heap, x.(candidate)) }
func (l *line) Pop() any {
	x := l.heap[len(l.heap)-1]
	l.heap = l.heap[:len(l.heap)-1]
	return x
}
