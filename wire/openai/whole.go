package openai

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
)

// member is what was said of one member of a merged object. Of several kinds the last here counts.
type member struct {
	said bool // text was
	std  bool // raw is what stands here where nothing is said
	text text
	raw  json.RawMessage
	more *more
}

// more is what is rarely said of a member.
type more struct {
	part  *merged
	list  []json.RawMessage
	calls []*toolCall
}

var null, zero, assistant = json.RawMessage("null"), json.RawMessage("0"), json.RawMessage(`"assistant"`)

func (m *member) others() *more {
	if m.more == nil {
		m.more = &more{}
	}
	return m.more
}

// inner is the object that a member is.
func (m *member) inner() *merged {
	o := m.others()
	if o.part == nil {
		o.part = &merged{}
	}
	return o.part
}

// extend adds the entries of a list, whose bytes it keeps.
func (m *member) extend(raw json.RawMessage, s *store) error {
	list, err := valuesOf(raw)
	if err != nil {
		return err
	}
	o := m.others()
	o.list = append(o.list, list...)
	s.entries += len(list)
	if o.list == nil {
		o.list = list // empty, which is not none
	}
	return nil
}

// append writes a member's value.
func (m *member) append(out []byte) ([]byte, error) {
	switch o := m.more; {
	case o != nil && o.calls != nil:
		return appendList(out, o.calls, func(out []byte, c *toolCall) ([]byte, error) { return c.appendBut(out, "index") })
	case o != nil && o.list != nil:
		return appendList(out, o.list, appendJSON)
	case o != nil && o.part != nil:
		return o.part.appendBut(out, "")
	case m.raw != nil && !(m.std && m.said):
		return append(out, m.raw...), nil
	}
	return appendText(out, m.text.valid()), nil
}

// append writes an object, where but is not empty without that member, each value by a function; members stand in the order of their names.
func (m *merged) append(out []byte, but string, value func(out []byte, name string, m *member) ([]byte, error)) (_ []byte, err error) {
	var few [2 * usual]int
	order := few[:0]
	for i := range m.list {
		if but == "" || m.list[i].name != but {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(m.list[a].name, m.list[b].name) })
	out = append(out, '{')
	for n, i := range order {
		if n > 0 {
			out = append(out, ',')
		}
		e := &m.list[i]
		if out, err = value(append(appendText(out, e.name), ':'), e.name, &e.value); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}

// appendBut writes an object, where but is not empty without that member.
func (m *merged) appendBut(out []byte, but string) ([]byte, error) {
	return m.append(out, but, func(out []byte, _ string, v *member) ([]byte, error) { return v.append(out) })
}

// size is about as many bytes as an object has.
func (m *merged) size() int {
	size := 2
	for i := range m.list {
		v := &m.list[i].value
		size += 4 + len(m.list[i].name) + len(v.text) + len(v.raw)
		if v.more != nil {
			for _, raw := range v.more.list {
				size += 1 + len(raw)
			}
		}
	}
	return size
}

func appendList[T any](out []byte, list []T, one func([]byte, T) ([]byte, error)) (_ []byte, err error) {
	out = append(out, '[')
	for i, v := range list {
		if i > 0 {
			out = append(out, ',')
		}
		if out, err = one(out, v); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

// appendJSON writes what is JSON already, without blanks and with such letters escaped as encoding/json escapes.
func appendJSON(out []byte, raw json.RawMessage) ([]byte, error) {
	if isCompact(raw) {
		return append(out, raw...), nil
	}
	text, err := json.Marshal(raw)
	return append(out, text...), err
}

// isCompact says that encoding/json would write a value as it stands: of a number or a word that is so, and of most strings.
func isCompact(raw []byte) bool {
	for _, c := range raw {
		if c <= ' ' || c >= utf8.RuneSelf || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return len(raw) > 0
}

// escapes are what stands in a string for a byte, empty where the byte itself does: encoding/json's, which are safe in HTML.
var escapes = func() (all [utf8.RuneSelf]string) {
	for c := range 0x20 {
		all[c] = fmt.Sprintf("\\u%04x", c)
	}
	for c, short := range map[byte]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '<': `\u003c`, '>': `\u003e`, '&': `\u0026`} {
		all[c] = short
	}
	return all
}()

// appendText writes a string as encoding/json does, with a sign for each byte that is no UTF-8.
func appendText[T string | text](out []byte, t T) []byte {
	out = append(slices.Grow(out, len(t)+2), '"')
	from := 0 // of what stands as it is
	for i := untouched(t, 0); i < len(t); i = untouched(t, i) {
		size, instead := 1, ""
		if c := t[i]; c < utf8.RuneSelf {
			instead = escapes[c]
		} else {
			size, instead = beyondASCII(string(t[i:min(len(t), i+utf8.UTFMax)]))
		}
		if instead != "" {
			out = append(append(out, t[from:i]...), instead...)
			from = i + size
		}
		i += size
	}
	return append(append(out, t[from:]...), '"')
}

// untouched is the first place from i on that may hold a byte for which another stands in a string, or one beyond ASCII. It looks at eight
// bytes at once, as walk does: 2 is what < and > differ in, and 4 what " and & do.
func untouched[T string | text](t T, i int) int {
	for ; i+8 <= len(t); i += 8 {
		x := uint64(t[i]) | uint64(t[i+1])<<8 | uint64(t[i+2])<<16 | uint64(t[i+3])<<24 | uint64(t[i+4])<<32 | uint64(t[i+5])<<40 | uint64(t[i+6])<<48 | uint64(t[i+7])<<56
		angle, quote, slash := (x|ones*2)^(ones*'>'), (x|ones*4)^(ones*'&'), x^(ones*'\\')
		if marks := (x | (x - ones*0x20) | (angle - ones) | (quote - ones) | (slash - ones)) & highs; marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
	}
	return i
}

// beyondASCII looks at the first letter of a text: how many bytes it has, and what is written in its place, if anything is.
func beyondASCII(text string) (size int, instead string) {
	switch r, size := utf8.DecodeRuneInString(text); {
	case r == utf8.RuneError && size == 1:
		return 1, "\ufffd"
	case r == '\u2028':
		return size, `\u2028`
	case r == '\u2029':
		return size, `\u2029`
	default:
		return size, ""
	}
}
