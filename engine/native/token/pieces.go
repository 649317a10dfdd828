package token

import (
	"container/heap"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// pieces is SentencePiece's encoding: characters are joined while the vocabulary has what they make, the best score
// first, the leftmost of equals; what it lacks is spelled in bytes.
type pieces struct {
	t     *Tokenizer
	bytes [256]int32
}

const blank = "▁" // U+2581 stands for a space

func newPieces(t *Tokenizer) (*pieces, error) {
	p := &pieces{t: t}
	for b := range p.bytes {
		p.bytes[b] = t.Unk
	}
	for i, s := range t.Tokens {
		switch t.Kinds[i] {
		case Control, Unknown:
		case Byte:
			b, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(s, "<0x"), ">"), 16, 8)
			if err != nil {
				return nil, fmt.Errorf("%w: byte token %q", ErrDamaged, s)
			}
			p.bytes[b], t.text = int32(i), append(t.text, byte(b))
		default:
			t.text = appendSpaced(t.text, s)
		}
		t.next()
	}
	return p, nil
}

// appendSpaced appends a spelling with spaces for its blanks.
func appendSpaced(out []byte, s string) []byte {
	for {
		before, after, found := strings.Cut(s, blank)
		out = append(out, before...)
		if !found {
			return out
		}
		out, s = append(out, ' '), after
	}
}

func (p *pieces) encode(out []int32, text string) []int32 {
	if p.t.Prefix {
		text = " " + text
	}
	text = strings.ReplaceAll(text, " ", blank)
	l := newLine(len(text))
	spans := make([]string, 0, len(text))
	for rest := text; rest != ""; {
		_, n := utf8.DecodeRuneInString(rest)
		l.add(int32(len(spans)))
		spans, rest = append(spans, rest[:n]), rest[n:]
	}
	ends := make([]int32, len(spans)) // bytes of each span's text so far
	starts := make([]int32, len(spans))
	at := int32(0)
	for i, s := range spans {
		starts[i] = at
		at += int32(len(s))
		ends[i] = at
	}
	for i := 1; i < len(spans); i++ {
		p.offer(l, text, starts, ends, int32(i-1), int32(i))
	}
	for l.Len() > 0 {
		m := heap.Pop(l).(candidate)
		if l.ids[m.left] < 0 || l.ids[m.right] < 0 || l.next[m.left] != m.right || ends[m.right] != m.b || ends[m.left] != m.a {
			continue
		}
		l.join(m, m.left)
		ends[m.left] = ends[m.right]
		p.offer(l, text, starts, ends, l.prev[m.left], m.left)
		p.offer(l, text, starts, ends, m.left, l.next[m.left])
	}
	for i := int32(0); i >= 0 && int(i) < len(spans); i = l.next[i] {
		out = p.append(out, text[starts[i]:ends[i]])
	}
	return out
}

// offer makes two neighbours a candidate if the vocabulary has them as one. a and b of the candidate are where they end,
// to know later whether they are still what they were.
func (p *pieces) offer(l *line, text string, starts, ends []int32, left, right int32) {
	if left < 0 || right < 0 {
		return
	}
	id, ok := p.t.ids.find(text[starts[left]:ends[right]])
	if ok {
		heap.Push(l, candidate{left: left, right: right, a: ends[left], b: ends[right], rank: -float64(p.t.Scores[id])})
	}
}

func (p *pieces) append(out []int32, s string) []int32 {
	if id, ok := p.t.ids.find(s); ok {
		return append(out, id)
	}
	for i := range len(s) {
		if id := p.bytes[s[i]]; id >= 0 {
			out = append(out, id)
		}
	}
	return out
}
