package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"

	"agora/wire/walk"
)

const keptText = 16 << 10 // bytes of a text's memory that is used again

const maxEntries = 1 << 16 // of all lists of a joined answer together: beside an entry's bytes, its place needs memory

// Join reads a streamed answer to its end and returns the JSON of the answer that would have come without a stream: texts
// one after the other, tool calls put together by their index, lists of log-probabilities with their entries as they came,
// of everything else what was said last. Its errors are those of Next, and ErrChunk.
func Join(s *Stream) ([]byte, error) {
	j := NewJoined()
	defer j.Free()
	for {
		c, err := s.Next()
		switch {
		case err == io.EOF:
			whole, err := j.Whole()
			j.out = nil // it is the caller's
			return whole, err
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
	top     merged // of the answer
	choices []*joined
	chat    bool
	store

	first joined // choice 0, and room for what most answers have
	room  [usual]entry[member]
	few   [1]*joined
	text  text   // memory for the first choice's content
	out   []byte // and for the answer
}

// store is what the members of one answer share.
type store struct {
	entries int    // of all lists
	kept    []byte // what members have of the chunks
}

const usualKept = 256 // bytes of most answers' members beside their texts

// keep copies a value into the place of an older one.
func (s *store) keep(old, value json.RawMessage) json.RawMessage {
	if cap(old) >= len(value) {
		return append(old[:0], value...)
	}
	if cap(s.kept)-len(s.kept) < len(value) {
		s.kept = make([]byte, 0, max(usualKept, len(value)))
	}
	n := len(s.kept)
	s.kept = append(s.kept, value...)
	return json.RawMessage(s.kept[n:len(s.kept):len(s.kept)])
}

var joinedPool = sync.Pool{New: func() any { return &Joined{} }}

// NewJoined is an answer of which nothing has come.
func NewJoined() *Joined { return joinedPool.Get().(*Joined) }

// Free gives an answer's memory back, and that of what Whole returned. Nobody may use it any more.
func (w *Joined) Free() {
	content := w.first.message.at("content")
	if content == nil {
		return // nothing has come
	}
	text, kept, out := content.text, w.kept, w.out
	*w = Joined{}
	if cap(text) <= keptText {
		w.text = text[:0]
	}
	if cap(kept) == usualKept {
		w.kept = kept[:0]
	}
	if cap(out) <= keptText {
		w.out = out
	}
	joinedPool.Put(w)
}

// joined is a choice of which parts have come. It has a text and a message, one of which is written.
type joined struct {
	all     merged
	message merged
	saying  more // that it is said as message
	room    [usual]entry[member]
	said    [3]entry[member] // room of the message
}

// begin makes the n-th choice, with what every choice has.
func (c *joined) begin(n int) {
	index := zero
	if n > 0 {
		index = strconv.AppendInt(nil, int64(n), 10)
	}
	c.saying.part = &c.message
	c.all.list = append(c.room[:0], []entry[member]{
		{"finish_reason", member{std: true, raw: null}},
		{"index", member{std: true, raw: index}},
		{"logprobs", member{std: true, raw: null}},
		{"message", member{more: &c.saying}},
		{"text", member{said: true}},
	}...)
	c.message.list = append(c.said[:0], []entry[member]{
		{"content", member{std: true, raw: null}},
		{"role", member{std: true, raw: assistant}},
	}...)
}

// Add adds the last chunk that a Stream returned; comments add nothing. The error is ErrChunk.
func (w *Joined) Add(c Chunk) error {
	if c.Comment {
		return nil
	}
	if err := w.add(c.parts); err != nil {
		return fmt.Errorf("%w: %w", ErrChunk, err)
	}
	return nil
}

func (w *Joined) add(r *reading) error {
	top := &r.top
	if w.top.list == nil {
		w.top.list, w.choices = w.room[:0], w.few[:0]
		w.top.in("choices")
	}
	for _, m := range top.list {
		first := m.name == "id" || m.name == "created" || m.name == "model"
		if m.name != "choices" && string(m.value) != "null" && !(first && w.top.said(m.name)) {
			w.top.keep(m.name, m.value, &w.store)
		}
	}
	choices := top.at("choices")
	if choices == nil || string(*choices) == "null" {
		return nil
	}
	if !same(*choices, r.head.choices) {
		return errors.New("choices stand there in two spellings")
	}
	for i := range r.choices {
		if err := w.choice(r, &r.choices[i].all); err != nil {
			return err
		}
		if w.entries > maxEntries {
			return fmt.Errorf("the stream's lists have more than %d entries", maxEntries)
		}
	}
	return nil
}

// same says that two are the same part of a text.
func same(a, b []byte) bool { return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0] }

// said says that a member has a value which says something: some servers begin with a chunk of empty ones.
func (m *merged) said(name string) bool {
	v := m.at(name)
	return v != nil && len(v.raw) > 0 && string(v.raw) != `""` && string(v.raw) != "0"
}

func (w *Joined) choice(r *reading, part *members) error {
	index, err := part.place()
	if err != nil {
		return err
	}
	for n := len(w.choices); n <= index; n++ {
		c := &w.first
		if n > 0 {
			c = &joined{}
		}
		c.begin(n)
		if n == 0 {
			c.message.in("content").text = w.text
		}
		w.choices = append(w.choices, c)
	}
	c := w.choices[index]
	for _, m := range part.list {
		if err := w.member(r, c, m.name, m.value); err != nil {
			return err
		}
	}
	return nil
}

// place is the number of the choice that a part belongs to. Stream looks at one of its own, which may stand under another spelling.
func (m *members) place() (index int, err error) {
	if at := m.at("index"); at != nil {
		err = takeInt(&index, orZero(*at))
	}
	if err == nil && (index < 0 || index >= maxJoined) {
		err = fmt.Errorf("choice %d, expected one from 0 to %d", index, maxJoined-1)
	}
	return index, err
}

// member adds a member of a choice's part.
func (w *Joined) member(r *reading, c *joined, name string, raw json.RawMessage) error {
	switch {
	case name == "index" || string(raw) == "null":
	case name == "text":
		return c.all.in("text").text.add(raw)
	case name == "delta" || name == "message":
		w.chat = true
		return c.message.add(&r.message, raw, &w.store)
	case name == "logprobs":
		return c.addLogprobs(raw, &w.store)
	case name == "finish_reason" && string(raw) == `""`:
	default:
		c.all.keep(name, raw, &w.store)
	}
	return nil
}

func (c *joined) addLogprobs(raw json.RawMessage, s *store) error {
	var lists members
	if err := lists.read(slices.Clone(raw)); err != nil {
		return err
	}
	for _, m := range lists.list {
		if m.value[0] != '[' {
			continue // what is no list has no entries
		}
		if err := c.all.in("logprobs").inner().in(m.name).extend(m.value, s); err != nil {
			return err
		}
	}
	return nil
}

// Spare is the room that Whole leaves behind an answer, in bytes, for what a gateway adds to its usage.
const Spare = 160

// Whole is the answer so far, JSON, until the next call or Free; members stand in the order of their names. There is Spare room
// behind it.
func (w *Joined) Whole() ([]byte, error) {
	w.top.in("choices")
	if w.chat {
		w.top.in("object")
	}
	out, err := w.top.append(slices.Grow(w.out[:0], w.size()+Spare), "", func(out []byte, name string, m *member) ([]byte, error) {
		switch {
		case name == "choices":
			return appendList(out, w.choices, w.appendChoice)
		case name == "object" && w.chat:
			return append(out, `"chat.completion"`...), nil
		}
		return m.append(out)
	})
	w.out = slices.Grow(out, Spare)
	return w.out, err
}

// size is about as many bytes as the answer has.
func (w *Joined) size() int {
	size := 64 + w.top.size()
	for _, c := range w.choices {
		size += 32 + c.all.size() + c.message.size()
	}
	return size + size/16
}

// appendChoice writes one choice.
func (w *Joined) appendChoice(out []byte, c *joined) ([]byte, error) {
	but := "message"
	if w.chat {
		but = "text"
	}
	return c.all.appendBut(out, but)
}

// text grows without being copied each time; it is written as a string.
type text []byte

// valid is a text with one sign for bytes in a row that are no UTF-8.
func (t text) valid() text {
	if utf8.Valid(t) {
		return t
	}
	return bytes.ToValidUTF8(t, []byte("\ufffd"))
}

func (t *text) add(raw json.RawMessage) error {
	s, ok := walk.Text(raw)
	if !ok {
		return errKind
	}
	*t = append(*t, s...)
	return nil
}

// merged is an object of which parts have come: a message, a tool call, a tool call's function.
type merged struct{ entries[member] }

// isWhole says that a member's text is said whole, sometimes more than once.
func isWhole(name string) bool {
	switch name {
	case "role", "id", "type", "name", "format":
		return true
	}
	return false
}

// keep keeps a copy of what was said last, as it stands.
func (m *merged) keep(name string, raw json.RawMessage, s *store) {
	v := m.in(name)
	if v.std {
		v.std, v.raw = false, nil
	}
	v.raw = s.keep(v.raw, raw)
}

// add adds the members of an object, which it reads into part.
func (m *merged) add(part *members, raw json.RawMessage, s *store) error {
	if err := part.read(raw); err != nil {
		return err
	}
	for _, one := range part.list {
		if err := m.member(one.name, one.value, s); err != nil {
			return err
		}
	}
	return nil
}

func (m *merged) member(key string, raw json.RawMessage, s *store) error {
	switch {
	case string(raw) == "null", isWhole(key) && string(raw) == `""`:
		return nil
	case key == "tool_calls":
		return m.addCalls(raw, s)
	case raw[0] == '"' && !isWhole(key):
		v := m.in(key)
		v.said = true
		return v.text.add(raw)
	case raw[0] == '{':
		return m.in(key).inner().add(&members{}, raw, s)
	case raw[0] == '[':
		return m.in(key).extend(slices.Clone(raw), s)
	}
	if isCompact(raw) {
		m.keep(key, raw, s)
		return nil
	}
	compact, err := json.Marshal(raw)
	m.keep(key, compact, s)
	return err
}

// toolCall is a call of which parts have come.
type toolCall struct {
	index int
	id    string
	merged
}

// addCalls adds parts to the calls they belong to. A call is known by its index; a part with another id than the call at
// that index begins a new one, since some servers number every call 0 and others not at all.
func (m *merged) addCalls(raw json.RawMessage, s *store) error {
	var parts []struct {
		Index int    `json:"index"`
		ID    string `json:"id"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return err
	}
	whole, err := valuesOf(raw)
	if err != nil || len(whole) == 0 {
		return err
	}
	calls := &m.in("tool_calls").others().calls
	for i, p := range parts {
		c := callOf(*calls, p.Index, p.ID)
		if c == nil {
			c = &toolCall{index: p.Index, id: p.ID}
			*calls = append(*calls, c)
			s.entries++
		}
		if err := c.add(&members{}, whole[i], s); err != nil {
			return err
		}
	}
	return nil
}

func callOf(calls []*toolCall, index int, id string) *toolCall {
	for i := len(calls) - 1; i >= 0; i-- {
		c := calls[i]
		if c.index == index && (id == "" || c.id == "" || c.id == id) {
			return c
		}
	}
	return nil
}

// valuesOf are the values of an array that was walked over before, as they stand in it; null, and nothing at all, has none. They are
// parts of raw.
func valuesOf(raw []byte) (list []json.RawMessage, err error) {
	if raw == nil || string(raw) == "null" {
		return nil, nil
	}
	list = []json.RawMessage{}
	err = walk.Values(raw, func(value []byte) error {
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
