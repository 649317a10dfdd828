package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"agora/wire/walk"
)

const (
	maxJoined = 128 // choices of a stream
	maxID     = 128 // bytes of an answer's id that are kept
)

// ErrChunk marks an event that is no part of an answer.
var ErrChunk = errors.New("openai: event of a stream")

// Chunk is one part of a streamed answer, or a comment.
type Chunk struct {
	Data    []byte // a JSON object as it came, or the comment's text; valid until the next call
	Comment bool
	Usage   *Usage // where the chunk tells it

	parts *reading // its members
}

// Stream reads the stream of one answer, of chat or of completions, from whatever server.
//
// It is whole if every choice that began has its finish_reason and then [DONE] or the end of the stream comes; what
// follows [DONE] is not read. An end without a finish_reason is a cut, [DONE] or not: five of seven clients do not notice
// it. An error is one in whatever spelling: an "error" member, an event of that name, an object or a finish_reason of that
// name, or that it was aborted, a message without choices.
type Stream struct {
	events EventReader
	began  places   // choices
	ended  places   // of them
	finish string   // of choice 0
	id     string   // of the answer
	parts  *reading // of the last chunk; nil before the first
	fits   []byte   // a chunk that had to be written anew
}

// places are a set of choices.
type places [maxJoined / 64]uint64

func (p *places) add(choice int) { p[choice/64] |= 1 << (choice % 64) }

// NewStream reads from r events of at most limit bytes each.
func NewStream(r io.Reader, limit int) *Stream {
	return &Stream{events: EventReader{r: r, limit: limit}}
}

// StreamOf reads a stream that is in memory, which must not change meanwhile, events of at most limit bytes each.
func StreamOf(data []byte, limit int) *Stream {
	return &Stream{events: EventReader{buf: data[:len(data):len(data)], err: io.EOF, limit: limit}}
}

// Next returns the next chunk or comment. It returns io.EOF when the answer is whole, io.ErrUnexpectedEOF where it ends
// before that, and an *Error for one that the stream tells.
func (s *Stream) Next() (Chunk, error) {
	for {
		ev, err := s.events.Next()
		switch {
		case err == io.EOF:
			return Chunk{}, s.end()
		case err != nil:
			return Chunk{}, err
		case ev.Comment:
			return Chunk{Data: ev.Data, Comment: true}, nil
		}
		data := bytes.TrimSpace(ev.Data)
		if string(data) == "[DONE]" {
			return Chunk{}, s.end()
		}
		if len(data) == 0 || string(data) == "null" {
			continue
		}
		if c, ok, err := s.read(ev.Name, data); ok || err != nil {
			return c, err
		}
	}
}

// Free gives the stream's memory back. No chunk may be used any more, and nothing more can be read.
func (s *Stream) Free() {
	s.events.free()
	if s.parts != nil {
		s.parts.free()
		s.parts = nil
	}
}

// Ready says that the next event is here already: a writer need not flush before it. It may miss one.
func (s *Stream) Ready() bool { return s.events.ready() }

// Ended says that every choice that began has ended.
func (s *Stream) Ended() bool { return s.began != (places{}) && s.began == s.ended }

// end says whether the answer is whole.
func (s *Stream) end() error {
	if !s.Ended() {
		return io.ErrUnexpectedEOF
	}
	return io.EOF
}

// head is what must be known of a chunk to pass it on.
type head struct {
	id, object, failure, detail, message, usage, choices []byte
}

func (h *head) take(key, value []byte) error {
	switch {
	case is(key, "id"):
		h.id = value
	case is(key, "object"):
		h.object = value
	case is(key, "choices"):
		h.choices = value
	case is(key, "usage"):
		h.usage = value
	case is(key, "error"):
		h.failure = value
	case is(key, "detail"):
		h.detail = value
	case is(key, "message"):
		h.message = value
	}
	return nil
}

// read looks at one event's data. ok is false for an event that says nothing of an answer.
func (s *Stream) read(name string, data []byte) (_ Chunk, ok bool, err error) {
	if s.parts == nil {
		s.parts = readings.Get().(*reading)
	}
	h := &s.parts.head
	if err := s.parts.take(data); err != nil {
		if name == "error" || data[0] == '[' && json.Valid(data) { // as Google's servers give an error
			return Chunk{}, false, Foreign(0, data)
		}
		return Chunk{}, false, fmt.Errorf("%w: %w", ErrChunk, err)
	}
	if err := s.parts.takeChoices(h.choices); err != nil {
		return Chunk{}, false, err
	}
	told := h.choices != nil || given(h.usage)
	silent := s.began == (places{}) && (name == "" || name == "message") // a ping has a name
	if name == "error" || given(h.failure) || string(h.object) == `"error"` || !told && (silent || given(h.detail) || given(h.message)) {
		return Chunk{}, false, Foreign(0, data)
	}
	if err := s.note(data); err != nil || !told {
		return Chunk{}, false, err
	}
	if s.id == "" {
		id, _ := walk.Text(h.id)
		s.id = string(id[:min(len(id), maxID)])
	}
	c := Chunk{Data: data, Usage: usageOf(h.usage), parts: s.parts}
	if h.choices == nil { // clients look for the list without asking whether it is there
		s.fits = append(append(s.fits[:0], `{"choices":[],`...), data[1:]...)
		c.Data = s.fits
	}
	return c, true, nil
}

// choice is what must be known of a chunk's choice.
type choice struct {
	index   int
	finish  string
	failure []byte
	all     members
}

func (c *choice) take(key, value []byte) error {
	*c.all.in(nameOf(key)) = value
	switch {
	case is(key, "index"):
		return takeInt(&c.index, value)
	case is(key, "finish_reason"):
		c.finish = "" // null takes back what stood before
		return takeText(&c.finish, value)
	case is(key, "error"):
		c.failure = value
	}
	return nil
}

// takeInt keeps a whole number; null changes nothing.
func takeInt(into *int, value []byte) error {
	if len(value) == 1 && '0' <= value[0] && value[0] <= '9' {
		*into = int(value[0] - '0')
		return nil
	}
	n := *into
	err := json.Unmarshal(value, &n)
	*into = n
	return err
}

// failures are what servers give as finish_reason where they gave up: the answer is no whole one.
var failures = []string{"error", "abort", "aborted", "cancelled", "canceled"}

// note keeps which choices began and ended.
func (s *Stream) note(data []byte) error {
	for i := range s.parts.choices {
		c := &s.parts.choices[i]
		switch {
		case c.index < 0 || c.index >= maxJoined:
			return fmt.Errorf("%w: choice %d, expected one from 0 to %d", ErrChunk, c.index, maxJoined-1)
		case given(c.failure):
			return Foreign(0, c.failure)
		case slices.Contains(failures, c.finish):
			return Foreign(0, data)
		}
		if s.began.add(c.index); c.finish != "" {
			s.ended.add(c.index)
		}
		if c.index == 0 && c.finish != "" {
			s.finish = c.finish
		}
	}
	return nil
}

// ID is what the server calls its answer, cut to 128 bytes; empty as long as it has not said so.
func (s *Stream) ID() string { return s.id }

// Finish is why choice 0 ended, empty as long as it has not.
func (s *Stream) Finish() string { return s.finish }

// given says that a member is there and says something.
func given(raw json.RawMessage) bool {
	switch string(raw) {
	case "", "null", "false", `""`, "{}", "[]":
		return false
	}
	return true
}

// failed is the error of a server that gave no other status.
const failed = http.StatusBadGateway
