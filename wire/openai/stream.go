package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// maxJoined bounds the choices of a stream.
const maxJoined = 128

// ErrChunk marks an event that is no part of an answer.
var ErrChunk = errors.New("openai: event of a stream")

// Chunk is one part of a streamed answer, or a comment.
type Chunk struct {
	Data    []byte // a JSON object as it came, or the comment's text; valid until the next call
	Comment bool
	Usage   *Usage // where the chunk tells it
}

// Stream reads the stream of one answer, of chat or of completions, from whatever server.
//
// It is whole if every choice that began has its finish_reason and then [DONE] or the end of the stream comes; what
// follows [DONE] is not read. An end without a finish_reason is a cut, [DONE] or not: five of seven clients do not notice
// it. An error is one in whatever spelling: an "error" member, an event of that name, an object or a finish_reason of that
// name, a message without choices.
type Stream struct {
	events   *EventReader
	begun    bool         // a chunk with choices came
	finished map[int]bool // choices that began: whether each has ended
	fits     []byte       // a chunk that had to be written anew
}

// NewStream reads from r events of at most limit bytes each.
func NewStream(r io.Reader, limit int) *Stream {
	return &Stream{events: NewEventReader(r, limit), finished: map[int]bool{}}
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
		if len(data) == 0 {
			continue
		}
		if c, ok, err := s.read(ev.Name, data); ok || err != nil {
			return c, err
		}
	}
}

// Ready says that the next event is here already: a writer need not flush before it. It may miss one.
func (s *Stream) Ready() bool { return s.events.ready() }

// end says whether the answer is whole.
func (s *Stream) end() error {
	for _, done := range s.finished {
		if !done {
			return io.ErrUnexpectedEOF
		}
	}
	if len(s.finished) == 0 {
		return io.ErrUnexpectedEOF
	}
	return io.EOF
}

// head is what must be known of a chunk to pass it on.
type head struct {
	Object  json.RawMessage  `json:"object"`
	Error   json.RawMessage  `json:"error"`
	Detail  json.RawMessage  `json:"detail"`
	Message json.RawMessage  `json:"message"`
	Usage   json.RawMessage  `json:"usage"`
	Choices *json.RawMessage `json:"choices"`
}

// read looks at one event's data. ok is false for an event that says nothing of an answer.
func (s *Stream) read(name string, data []byte) (_ Chunk, ok bool, err error) {
	var h head
	if err := json.Unmarshal(data, &h); err != nil {
		if name == "error" {
			return Chunk{}, false, Foreign(0, data)
		}
		return Chunk{}, false, fmt.Errorf("%w: %w", ErrChunk, err)
	}
	choices, err := choicesOf(h.Choices)
	if err != nil {
		return Chunk{}, false, err
	}
	told := choices != nil || given(h.Usage)
	if name == "error" || given(h.Error) || string(h.Object) == `"error"` || !told && (!s.begun || given(h.Detail) || given(h.Message)) {
		return Chunk{}, false, Foreign(0, data)
	}
	if err := s.note(choices, data); err != nil || !told {
		return Chunk{}, false, err
	}
	c := Chunk{Data: data, Usage: usageOf(h.Usage)}
	if h.Choices == nil { // clients look for the list without asking whether it is there
		s.fits = append(append(s.fits[:0], `{"choices":[],`...), data[1:]...)
		c.Data = s.fits
	}
	return c, true, nil
}

// choice is what must be known of a chunk's choice.
type choice struct {
	Index        int             `json:"index"`
	FinishReason *string         `json:"finish_reason"`
	Error        json.RawMessage `json:"error"`
}

func choicesOf(raw *json.RawMessage) ([]choice, error) {
	if raw == nil {
		return nil, nil
	}
	var list []choice
	if err := json.Unmarshal(*raw, &list); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChunk, err)
	}
	return list, nil
}

// note keeps which choices began and ended.
func (s *Stream) note(choices []choice, data []byte) error {
	for _, c := range choices {
		if c.Index < 0 || c.Index >= maxJoined {
			return fmt.Errorf("%w: choice %d, expected one from 0 to %d", ErrChunk, c.Index, maxJoined-1)
		}
		end := c.FinishReason != nil && *c.FinishReason != ""
		if given(c.Error) {
			return Foreign(0, c.Error)
		}
		if end && *c.FinishReason == "error" {
			return Foreign(0, data)
		}
		s.finished[c.Index] = s.finished[c.Index] || end
		s.begun = true
	}
	return nil
}

// usageOf reads a usage object in whatever spelling; nil where it is none.
func usageOf(raw json.RawMessage) *Usage {
	if !given(raw) {
		return nil
	}
	u := new(Usage)
	if json.Unmarshal(raw, u) != nil {
		return nil
	}
	return u
}

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

// UsageOf is the usage that a plain answer tells, nil where it tells none.
func UsageOf(answer []byte) *Usage {
	var h struct {
		Usage json.RawMessage `json:"usage"`
	}
	if json.Unmarshal(answer, &h) != nil {
		return nil
	}
	return usageOf(h.Usage)
}
