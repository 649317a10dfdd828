package grammar

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
)

// Vocabulary is what a matcher needs of a model's tokens, in the order of their bytes. It is immutable and made once per
// model.
type Vocabulary struct {
	tokens [][]byte
	order  []int32 // ids with bytes, sorted by them
	shared []int   // how many bytes order[i] has in common with order[i−1]
}

// NewVocabulary takes the bytes of every token, by id. A token without bytes (a control token) is never allowed.
func NewVocabulary(tokens [][]byte) *Vocabulary {
	v := &Vocabulary{tokens: tokens}
	for id, b := range tokens {
		if len(b) > 0 {
			v.order = append(v.order, int32(id))
		}
	}
	slices.SortFunc(v.order, func(a, b int32) int { return cmp.Or(bytes.Compare(tokens[a], tokens[b]), cmp.Compare(a, b)) })
	v.shared = make([]int, len(v.order))
	for i := 1; i < len(v.order); i++ {
		v.shared[i] = common(tokens[v.order[i-1]], tokens[v.order[i]])
	}
	return v
}

func common(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// frame is a place in a sequence and where to go on after it. Equal frames are one, so states compare by pointers.
type frame struct {
	id   uint32
	at   place
	then *frame // nil at the outermost
}

// place is element i of a choice of a rule.
type place struct{ rule, choice, i int32 }

// state is every way in which what was written can be read: frames that wait for a byte, sorted by id. ended says that it
// can be whole. The states after each byte are found when they are first asked for.
type state struct {
	frames []*frame
	ended  bool
	next   [256]*state
}

// dead is the state from which nothing goes on.
var dead = &state{}

// maxStates bounds a matcher's memory, a state taking about 2 KiB: beyond it what can be found again is forgotten.
const maxStates = 8192

type frameKey struct {
	at   place
	then *frame
}

// Matcher follows one answer. It is not safe for concurrent use.
type Matcher struct {
	grammar *Grammar
	vocab   *Vocabulary
	frames  map[frameKey]*frame
	states  map[string]*state
	masks   map[*state][]uint64
	now     *state
}

// NewMatcher begins an answer of the grammar's form.
func NewMatcher(g *Grammar, v *Vocabulary) *Matcher {
	m := &Matcher{grammar: g, vocab: v}
	m.forget()
	var c closing
	m.enter(&c, g.start, nil)
	m.now = m.state(&c)
	return m
}

func (m *Matcher) forget() {
	m.frames, m.states, m.masks = map[frameKey]*frame{}, map[string]*state{}, map[*state][]uint64{}
}

// Complete says whether the answer may end here.
func (m *Matcher) Complete() bool { return m.now.ended }

// Finished says whether it must end here: nothing may follow.
func (m *Matcher) Finished() bool { return len(m.now.frames) == 0 }

// ErrToken is the error of a token that the form does not allow.
var ErrToken = errors.New("the answer's form does not allow this token")

// Accept goes on by a token.
func (m *Matcher) Accept(id int32) error {
	if id < 0 || int(id) >= len(m.vocab.tokens) || len(m.vocab.tokens[id]) == 0 {
		return ErrToken
	}
	s := m.now
	for _, b := range m.vocab.tokens[id] {
		if s = m.step(s, b); s == dead {
			return ErrToken
		}
	}
	m.now = s
	if len(m.states) > maxStates {
		m.rebuild()
	}
	return nil
}

// rebuild forgets all states but the present one.
func (m *Matcher) rebuild() {
	old := m.now
	m.forget()
	c := closing{ended: old.ended}
	for _, f := range old.frames {
		c.frames = append(c.frames, m.keep(f))
	}
	m.now = m.state(&c)
}

func (m *Matcher) keep(f *frame) *frame {
	if f == nil {
		return nil
	}
	return m.frame(f.at, m.keep(f.then))
}

// Mask says which tokens may come next: bit id%64 of word id/64. It belongs to the matcher and must not be changed.
// Tokens are tried in the order of their bytes, so that what they share is read once.
func (m *Matcher) Mask() []uint64 {
	if mask, ok := m.masks[m.now]; ok {
		return mask
	}
	mask := make([]uint64, (len(m.vocab.tokens)+63)/64)
	path := []*state{m.now} // after each byte of the token before
	for i, id := range m.vocab.order {
		text := m.vocab.tokens[id]
		alive := len(path) - 1 // bytes of the token before that could be read
		if m.vocab.shared[i] > alive {
			continue // it begins with what could not be read
		}
		path = path[:m.vocab.shared[i]+1]
		for _, b := range text[m.vocab.shared[i]:] {
			s := m.step(path[len(path)-1], b)
			if s == dead {
				break
			}
			path = append(path, s)
		}
		if len(path)-1 == len(text) {
			mask[id/64] |= 1 << (id % 64)
		}
	}
	m.masks[m.now] = mask
	return mask
}

// step is the state after one more byte.
func (m *Matcher) step(s *state, b byte) *state {
	if s.next[b] != nil {
		return s.next[b]
	}
	var c closing
	for _, f := range s.frames {
		if m.element(f.at).bytes.has(b) {
			m.resume(&c, f.at, f.then)
		}
	}
	next := dead
	if len(c.frames) > 0 || c.ended {
		next = m.state(&c)
	}
	s.next[b] = next
	return next
}

func (m *Matcher) element(at place) *element {
	return &m.grammar.rules[at.rule][at.choice][at.i]
}

// closing collects the frames of a state.
type closing struct {
	frames []*frame
	ended  bool
	seen   map[frameKey]bool // of rules entered
}

// enter adds every beginning of a rule.
func (m *Matcher) enter(c *closing, rule int, then *frame) {
	key := frameKey{place{rule: int32(rule), choice: -1}, then}
	if c.seen[key] {
		return
	}
	if c.seen == nil {
		c.seen = map[frameKey]bool{}
	}
	c.seen[key] = true
	for choice := range m.grammar.rules[rule] {
		m.reach(c, place{int32(rule), int32(choice), 0}, then)
	}
}

// resume goes on behind a place.
func (m *Matcher) resume(c *closing, at place, then *frame) {
	at.i++
	m.reach(c, at, then)
}

// reach adds what can be read from a place on. A rule that stands last needs no place to return to, so that a long list
// or text is no deep one.
func (m *Matcher) reach(c *closing, at place, then *frame) {
	s := m.grammar.rules[at.rule][at.choice]
	switch {
	case int(at.i) == len(s) && then == nil:
		c.ended = true
	case int(at.i) == len(s):
		m.resume(c, then.at, then.then)
	case s[at.i].rule < 0:
		c.frames = append(c.frames, m.frame(at, then))
	case int(at.i) == len(s)-1:
		m.enter(c, s[at.i].rule, then)
	default:
		m.enter(c, s[at.i].rule, m.frame(at, then))
	}
}

func (m *Matcher) frame(at place, then *frame) *frame {
	key := frameKey{at, then}
	f, ok := m.frames[key]
	if !ok {
		f = &frame{id: uint32(len(m.frames)), at: at, then: then}
		m.frames[key] = f
	}
	return f
}

func (m *Matcher) state(c *closing) *state {
	slices.SortFunc(c.frames, func(a, b *frame) int { return cmp.Compare(a.id, b.id) })
	frames := slices.Compact(c.frames)
	key := []byte{0}
	if c.ended {
		key[0] = 1
	}
	for _, f := range frames {
		key = binary.BigEndian.AppendUint32(key, f.id)
	}
	s, ok := m.states[string(key)]
	if !ok {
		s = &state{frames: frames, ended: c.ended}
		m.states[string(key)] = s
	}
	return s
}
