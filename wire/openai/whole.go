package openai

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// member is a member of a merged object: its name, and one of the others.
type member struct {
	name  string
	text  *text
	raw   json.RawMessage
	part  *merged
	list  []json.RawMessage
	calls []*toolCall
}

// whole is a message; it has a role, and a content even where that is null.
func (m *merged) whole() ([]byte, error) {
	var few [8]member // most have no more
	all := m.members(few[:0], "")
	for name, value := range map[string]string{"role": `"assistant"`, "content": "null"} {
		if !slices.ContainsFunc(all, func(one member) bool { return one.name == name }) {
			all = append(all, member{name: name, raw: json.RawMessage(value)})
		}
	}
	return appendMembers(nil, all)
}

// members adds what was put together, but for one name. Of members of one name the last kind counts.
func (m *merged) members(to []member, but string) []member {
	set := func(one member) {
		if one.name == but {
			return
		}
		if i := slices.IndexFunc(to, func(o member) bool { return o.name == one.name }); i >= 0 {
			to[i] = one
			return
		}
		to = append(to, one)
	}
	for name, t := range m.texts {
		set(member{name: name, text: t})
	}
	for name, raw := range m.last {
		set(member{name: name, raw: raw})
	}
	for name, p := range m.parts {
		set(member{name: name, part: p})
	}
	for name, list := range m.lists {
		set(member{name: name, list: list})
	}
	if len(m.calls) > 0 {
		set(member{name: "tool_calls", calls: m.calls})
	}
	return to
}

// appendMembers writes an object whose members stand in the order of their names.
func appendMembers(out []byte, all []member) (_ []byte, err error) {
	slices.SortFunc(all, func(a, b member) int { return strings.Compare(a.name, b.name) })
	out = append(out, '{')
	for i := range all {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendText(out, all[i].name), ':')
		if out, err = all[i].append(out); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}

// append writes a member's value.
func (m *member) append(out []byte) (_ []byte, err error) {
	switch {
	case m.text != nil:
		return appendText(out, m.text.valid()), nil
	case m.part != nil:
		return appendMembers(out, m.part.members(nil, ""))
	case m.list != nil:
		return appendJSON(out, m.list)
	case m.calls == nil:
		return appendJSON(out, m.raw)
	}
	out = append(out, '[')
	for i, c := range m.calls {
		if i > 0 {
			out = append(out, ',')
		}
		if out, err = appendMembers(out, c.members(nil, "index")); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

// appendJSON writes what is JSON already, without blanks and with such letters escaped as encoding/json escapes.
func appendJSON[T json.RawMessage | []json.RawMessage](out []byte, value T) ([]byte, error) {
	if raw, ok := any(value).(json.RawMessage); ok && isCompact(raw) {
		return append(out, raw...), nil
	}
	text, err := json.Marshal(value)
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
	for i := 0; i < len(t); {
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
