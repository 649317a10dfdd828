package openai

import (
	"encoding/json"
	"strings"
	"testing"

	"agora/wire/walk"
)

// told is a member's value as encoding/json takes it.
func (m *member) told() any {
	switch o := m.more; {
	case o != nil && o.calls != nil:
		calls := []any{}
		for _, c := range o.calls {
			call := objectOf(&c.merged)
			delete(call, "index")
			calls = append(calls, call)
		}
		return calls
	case o != nil && o.list != nil:
		return o.list
	case o != nil && o.part != nil:
		return objectOf(o.part)
	case m.raw != nil:
		return m.raw
	}
	return strings.ToValidUTF8(string(m.text), "\ufffd")
}

func objectOf(m *merged) map[string]any {
	out := map[string]any{}
	for _, e := range m.list {
		out[e.name] = e.value.told()
	}
	return out
}

// FuzzMessage holds the text of a message that was put together to that of encoding/json.
func FuzzMessage(f *testing.F) {
	for _, s := range []string{
		`{"content":"a<b>&\"\\\n\t\u0001\u2028é😀","role":"us<er","n":1.50,"list":[ 1, "<" ],"part":{"y":"z","x":{"w":null}}}`,
		`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{ }"}},{"index":1,"id":"b"}],"content":null}`,
		`{"content":[1],"refusal":"no","type":"x y"}`, "{\"content\":\"\xff\xfe\"}",
	} {
		f.Add([]byte(s), []byte(s))
	}
	f.Fuzz(func(t *testing.T, one, other []byte) {
		var c joined
		c.begin(0)
		var m merged
		var all store
		for _, part := range [][]byte{one, other} {
			if !walk.IsObject(part) || m.add(&members{}, part, &all) != nil || c.message.add(&members{}, part, &all) != nil {
				return
			}
		}
		want := objectOf(&m)
		if want["role"] == nil {
			want["role"] = "assistant"
		}
		if want["content"] == nil {
			want["content"] = nil
		}
		text, err := json.Marshal(want)
		if err != nil {
			return // a list of what walk takes and encoding/json does not
		}
		got, err := c.message.appendBut(nil, "")
		if err != nil || string(got) != string(text) {
			t.Errorf("%s, %v; want %s", got, err, text)
		}
	})
}

func TestTextsAreWrittenAsStrings(t *testing.T) {
	for c := range rune(0x3000) {
		s := "a" + string(c) + "b"
		want, err := json.Marshal(s)
		if got := appendText(nil, s); err != nil || string(got) != string(want) {
			t.Fatalf("%s, want %s", got, want)
		}
	}
	if got := appendText(nil, "a\xff\xfeb"); string(got) != "\"a\ufffd\ufffdb\"" {
		t.Errorf("%s", got)
	}
}

// Whatever its place among eight bytes, a letter is written as encoding/json writes it.
func TestLettersAreEscapedWhereverTheyStand(t *testing.T) {
	for c := range rune(0x100) {
		for at := range 17 {
			said := strings.Repeat("x", at) + string(c) + strings.Repeat("=", 17-at)
			want, err := json.Marshal(said)
			for _, got := range [][]byte{appendText(nil, said), appendText(nil, text(said))} {
				if err != nil || string(got) != string(want) {
					t.Fatalf("%q: %s, want %s (%v)", said, got, want, err)
				}
			}
		}
	}
}
