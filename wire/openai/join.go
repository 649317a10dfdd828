package openai

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"agora/wire/walk"
)

const maxEntries = 1 << 16 // of all lists of a joined answer together: beside an entry's bytes, its place needs memory

// Join reads a streamed answer to its end and returns the JSON of the answer that would have come without a stream: texts
// one after the other, tool calls put together by their index, lists of log-probabilities with their entries as they came,
// of everything else what was said last. Its errors are those of Next, and ErrChunk.
func Join(s *Stream) ([]byte, error) {
	var j Joined
	for {
		c, err := s.Next()
		switch {
		case err == io.EOF:
			return j.Whole()
		case err != nil:
			return nil, err
		}
		if err := j.Add(c); err != nil {
			return nil, err
		}
	}
}

// Joined is an answer of which parts have come; Join tells how they are put together.
type Joined struct {
	top     map[string]json.RawMessage // of the answer, its choices left out
	choices []*joined
	chat    bool
	entries int
}

// joined is a choice of which parts have come.
type joined struct {
	plain    map[string]json.RawMessage
	text     text
	message  merged
	logprobs map[string][]json.RawMessage
}

// Add adds the next chunk; comments add nothing. The error is ErrChunk.
func (w *Joined) Add(c Chunk) error {
	if c.Comment {
		return nil
	}
	if err := w.add(c.Data); err != nil {
		return fmt.Errorf("%w: %w", ErrChunk, err)
	}
	return nil
}

func (w *Joined) add(data []byte) error {
	top, err := membersOf(data)
	if err != nil {
		return err
	}
	choices, err := valuesOf(top["choices"])
	if err != nil {
		return err
	}
	if w.top == nil {
		w.top = map[string]json.RawMessage{}
	}
	for key, raw := range top {
		first := key == "id" || key == "created" || key == "model"
		if key == "choices" || string(raw) == "null" || first && w.top[key] != nil {
			continue
		}
		w.top[key] = slices.Clone(raw)
	}
	for _, raw := range choices {
		c, err := membersOf(raw)
		if err != nil {
			return err
		}
		if err := w.choice(c); err != nil {
			return err
		}
		if w.entries > maxEntries {
			return fmt.Errorf("the stream's lists have more than %d entries", maxEntries)
		}
	}
	return nil
}

func (w *Joined) choice(part map[string]json.RawMessage) error {
	var index int // Stream has looked at its range
	if err := takeInt(&index, orZero(part["index"])); err != nil {
		return err
	}
	for len(w.choices) <= index {
		w.choices = append(w.choices, &joined{plain: map[string]json.RawMessage{}})
	}
	c := w.choices[index]
	for key, raw := range part {
		var err error
		switch {
		case key == "index" || string(raw) == "null":
		case key == "text":
			err = c.text.add(raw)
		case key == "delta" || key == "message":
			w.chat = true
			err = c.message.add(raw, &w.entries)
		case key == "logprobs":
			err = c.addLogprobs(raw, &w.entries)
		case key == "finish_reason" && string(raw) == `""`:
		default:
			c.plain[key] = slices.Clone(raw)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *joined) addLogprobs(raw json.RawMessage, entries *int) error {
	lists, err := membersOf(slices.Clone(raw))
	if err != nil {
		return err
	}
	for name, raw := range lists {
		list, err := valuesOf(raw)
		if err != nil || list == nil {
			continue // what is no list has no entries
		}
		if c.logprobs == nil {
			c.logprobs = map[string][]json.RawMessage{}
		}
		c.logprobs[name] = append(c.logprobs[name], list...)
		*entries += len(list)
	}
	return nil
}

// Spare is the room that Whole leaves behind an answer, in bytes, for what a gateway adds to its usage.
const Spare = 160

// Whole is the answer so far, JSON; members stand in the order of their names. There is Spare room behind it.
func (w *Joined) Whole() ([]byte, error) {
	top := make(map[string]json.RawMessage, len(w.top)+2)
	maps.Copy(top, w.top)
	list := []byte{'['}
	for i, c := range w.choices {
		if i > 0 {
			list = append(list, ',')
		}
		one, err := c.whole(i, w.chat)
		if err != nil {
			return nil, err
		}
		list = append(list, one...)
	}
	top["choices"] = append(list, ']')
	if w.chat {
		top["object"] = json.RawMessage(`"chat.completion"`)
	}
	return object(top, Spare), nil
}

// whole is one choice.
func (c *joined) whole(index int, chat bool) ([]byte, error) {
	out := map[string]json.RawMessage{"logprobs": json.RawMessage("null"), "finish_reason": json.RawMessage("null")}
	maps.Copy(out, c.plain)
	out["index"] = strconv.AppendInt(nil, int64(index), 10)
	var err error
	if c.logprobs != nil {
		if out["logprobs"], err = json.Marshal(c.logprobs); err != nil {
			return nil, err
		}
	}
	if chat {
		out["message"], err = c.message.whole()
	} else {
		out["text"] = appendText(nil, c.text.valid())
	}
	if err != nil {
		return nil, err
	}
	return object(out, 0), nil
}

// object writes members whose values are JSON already, with room for so many bytes behind it.
func object(members map[string]json.RawMessage, spare int) []byte {
	size := 2 + spare
	for name, value := range members {
		size += len(name) + len(value) + 4
	}
	out := append(make([]byte, 0, size), '{')
	var few [16]string // most have no more
	names := few[:0]
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(appendText(out, name), ':'), members[name]...)
	}
	return append(out, '}')
}

// text grows without being copied each time; it is written as a string.
type text []byte

// valid is a text with one sign for bytes in a row that are no UTF-8.
func (t text) valid() text { return bytes.ToValidUTF8(t, []byte("\ufffd")) }

func (t *text) add(raw json.RawMessage) error {
	s, ok := walk.Text(raw)
	if !ok {
		return errKind
	}
	*t = append(*t, s...)
	return nil
}

// merged is an object of which parts have come: a message, a tool call, a tool call's function.
type merged struct {
	texts map[string]*text
	last  map[string]json.RawMessage // what is not put together
	parts map[string]*merged
	lists map[string][]json.RawMessage
	calls []*toolCall
}

// names are members whose text is said whole, sometimes more than once.
var names = map[string]bool{"role": true, "id": true, "type": true, "name": true, "format": true}

func (m *merged) add(raw json.RawMessage, entries *int) error {
	part, err := membersOf(raw)
	if err != nil {
		return err
	}
	for key, raw := range part {
		if err := m.member(key, raw, entries); err != nil {
			return err
		}
	}
	return nil
}

func (m *merged) member(key string, raw json.RawMessage, entries *int) error {
	switch {
	case string(raw) == "null", names[key] && string(raw) == `""`:
		return nil
	case key == "tool_calls":
		return m.addCalls(raw, entries)
	case raw[0] == '"' && !names[key]:
		return in(&m.texts, key).add(raw)
	case raw[0] == '{':
		return in(&m.parts, key).add(raw, entries)
	case raw[0] == '[':
		list, err := valuesOf(slices.Clone(raw))
		if err != nil {
			return err
		}
		if m.lists == nil {
			m.lists = map[string][]json.RawMessage{}
		}
		m.lists[key] = append(m.lists[key], list...)
		*entries += len(list)
		return nil
	}
	if m.last == nil {
		m.last = map[string]json.RawMessage{}
	}
	m.last[key] = slices.Clone(raw)
	return nil
}

// in is the entry of a map that is made when it is first asked for.
func in[T any](of *map[string]*T, key string) *T {
	if *of == nil {
		*of = map[string]*T{}
	}
	if (*of)[key] == nil {
		(*of)[key] = new(T)
	}
	return (*of)[key]
}

// toolCall is a call of which parts have come.
type toolCall struct {
	index int
	id    string
	merged
}

// addCalls adds parts to the calls they belong to. A call is known by its index; a part with another id than the call at
// that index begins a new one, since some servers number every call 0 and others not at all.
func (m *merged) addCalls(raw json.RawMessage, entries *int) error {
	var parts []struct {
		Index int    `json:"index"`
		ID    string `json:"id"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return err
	}
	whole, err := valuesOf(raw)
	if err != nil {
		return err
	}
	for i, p := range parts {
		c := m.call(p.Index, p.ID)
		if c == nil {
			c = &toolCall{index: p.Index, id: p.ID}
			m.calls = append(m.calls, c)
			*entries++
		}
		if err := c.add(whole[i], entries); err != nil {
			return err
		}
	}
	return nil
}

func (m *merged) call(index int, id string) *toolCall {
	for i := len(m.calls) - 1; i >= 0; i-- {
		c := m.calls[i]
		if c.index == index && (id == "" || c.id == "" || c.id == id) {
			return c
		}
	}
	return nil
}

// membersOf are the members of an object as they stand in it; null has none. They are parts of raw.
func membersOf(raw []byte) (map[string]json.RawMessage, error) {
	if string(raw) == "null" {
		return nil, nil
	}
	m := make(map[string]json.RawMessage, 8)
	err := walk.Object(raw, func(key, value []byte) error {
		m[string(key)] = value
		return nil
	})
	return m, err
}

// valuesOf are the values of an array as they stand in it; null, and nothing at all, has none. They are parts of raw.
func valuesOf(raw []byte) (list []json.RawMessage, err error) {
	if raw == nil || string(raw) == "null" {
		return nil, nil
	}
	list = []json.RawMessage{}
	err = walk.Array(raw, func(value []byte) error {
		list = append(list, value)
		return nil
	})
	return list, err
}

func orNothing(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}

func orZero(raw json.RawMessage) json.RawMessage {
	if raw == nil || string(raw) == "null" {
		return json.RawMessage("0")
	}
	return raw
}
