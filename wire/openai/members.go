package openai

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"agora/wire/walk"
)

const (
	usual = 8  // members that most objects have no more of
	some  = 16 // members that are looked through; more have an index
)

// entry is a member of an object.
type entry[V any] struct {
	name  string
	value V
}

// entries are members of one object in the order in which they came, each name once.
type entries[V any] struct {
	list  []entry[V]
	index map[string]int // nil while they are few
}

// at is the value of a name, nil where there is none. It is valid until the next is added.
func (e *entries[V]) at(name string) *V {
	if e.index != nil {
		if i, ok := e.index[name]; ok {
			return &e.list[i].value
		}
		return nil
	}
	for i := range e.list {
		if e.list[i].name == name {
			return &e.list[i].value
		}
	}
	return nil
}

// in is the value of a name, added where there is none. It is valid until the next is added.
func (e *entries[V]) in(name string) *V {
	if v := e.at(name); v != nil {
		return v
	}
	e.list = append(e.list, entry[V]{name: name})
	switch n := len(e.list); {
	case e.index != nil:
		e.index[name] = n - 1
	case n > some:
		e.index = make(map[string]int, 2*n)
		for i := range e.list {
			e.index[e.list[i].name] = i
		}
	}
	return &e.list[len(e.list)-1].value
}

// members are the members of an object as they stand in a text; of two of one name the later counts.
type members struct{ entries[json.RawMessage] }

// read takes the members of an object that was walked over before in the place of those it had; null has none. They are parts of raw.
func (m *members) read(raw []byte) error {
	m.empty()
	if string(raw) == "null" {
		return nil
	}
	return walk.Members(raw, func(key, value []byte) error {
		*m.in(nameOf(key)) = value
		return nil
	})
}

func (m *members) empty() { m.list, m.index = m.list[:0], nil }

// reading is what is read of a stream's chunk, for who passes it on and for who puts it together.
type reading struct {
	head    head
	top     members
	choices []choice
	message members // of the choice that is put together
}

// readings keep their lists for streams that come.
var readings = sync.Pool{New: func() any {
	r := &reading{choices: make([]choice, 1)}
	for _, m := range []*members{&r.top, &r.message, &r.choices[0].all} {
		m.list = make([]entry[json.RawMessage], 0, usual)
	}
	return r
}}

// free gives a reading back, without what it held, unless it has become large.
func (r *reading) free() {
	r.choices = r.choices[:cap(r.choices)]
	if len(r.choices) > 1 {
		return
	}
	r.head = head{}
	for _, m := range [...]*members{&r.top, &r.message, &r.choices[0].all} {
		if cap(m.list) > some {
			return
		}
		clear(m.list[:cap(m.list)])
		m.empty()
	}
	r.choices[0].failure = nil
	readings.Put(r)
}

// take reads a chunk that was not walked over before.
func (r *reading) take(data []byte) error {
	r.head = head{}
	r.top.empty()
	err := walk.Object(data, func(key, value []byte) error {
		*r.top.in(nameOf(key)) = value
		return r.head.take(key, value)
	})
	if string(r.head.choices) == "null" {
		r.head.choices = nil
	}
	return err
}

// takeChoices reads a chunk's list of choices; nil has none. Its error is ErrChunk.
func (r *reading) takeChoices(raw []byte) error {
	r.choices = r.choices[:0]
	if raw == nil {
		return nil
	}
	err := walk.Values(raw, func(value []byte) error {
		n := len(r.choices)
		r.choices = slices.Grow(r.choices, 1)[:n+1]
		c := &r.choices[n]
		c.all.empty()
		*c = choice{all: c.all}
		if string(value) == "null" {
			return nil
		}
		return walk.Members(value, c.take)
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrChunk, err)
	}
	return nil
}

// nameOf is a name as a string, which for those of most answers needs no memory.
func nameOf(name []byte) string {
	switch string(name) {
	case "id":
		return "id"
	case "object":
		return "object"
	case "created":
		return "created"
	case "model":
		return "model"
	case "choices":
		return "choices"
	case "usage":
		return "usage"
	case "system_fingerprint":
		return "system_fingerprint"
	case "index":
		return "index"
	case "delta":
		return "delta"
	case "text":
		return "text"
	case "finish_reason":
		return "finish_reason"
	case "logprobs":
		return "logprobs"
	case "role":
		return "role"
	case "content":
		return "content"
	case "reasoning_content":
		return "reasoning_content"
	case "tool_calls":
		return "tool_calls"
	case "stop":
		return "stop"
	}
	return string(name)
}
