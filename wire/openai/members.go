package openai

import (
	"encoding/json"
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
	m.list, m.index = m.list[:0], nil
	if string(raw) == "null" {
		return nil
	}
	return walk.Members(raw, func(key, value []byte) error {
		*m.in(nameOf(key)) = value
		return nil
	})
}

// reading is what is read of a chunk while it is added.
type reading struct{ top, choice, message members }

// readings keep the lists of chunks for those that come.
var readings = sync.Pool{New: func() any {
	r := &reading{}
	for _, m := range r.all() {
		m.list = make([]entry[json.RawMessage], 0, usual)
	}
	return r
}}

func (r *reading) all() [3]*members { return [...]*members{&r.top, &r.choice, &r.message} }

// free gives a reading back, without what it held.
func (r *reading) free() {
	for _, m := range r.all() {
		if cap(m.list) > some {
			return
		}
		m.index = nil
		clear(m.list)
	}
	readings.Put(r)
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
