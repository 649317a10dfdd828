package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
)

var done = []byte("data: [DONE]\n\n")

// EventWriter writes an answer as server-sent events. The status line and headers go out with the first event, so an error
// before that can still be answered with its own status.
type EventWriter struct {
	w       http.ResponseWriter
	flush   func() error
	line    *[]byte // the event that was written last; nil where there is none
	started bool
	lost    bool
}

// NewEventWriter writes to w, which must support flushing for events to leave at once.
func NewEventWriter(w http.ResponseWriter) *EventWriter {
	return &EventWriter{w: w, flush: http.NewResponseController(w).Flush}
}

// Started says whether an event has been written: from then on an error can only be told inside the stream.
func (e *EventWriter) Started() bool { return e.started }

// Lost says whether an event could not be written: the reader has gone.
func (e *EventWriter) Lost() bool { return e.lost }

// Send writes v as one event and lets it leave at once.
func (e *EventWriter) Send(v any) error {
	if err := e.Add(v); err != nil {
		return err
	}
	err := e.flush()
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	e.lost = e.lost || err != nil
	return err
}

// Add writes v as one event, which leaves with the next that is sent, or at the answer's end.
func (e *EventWriter) Add(v any) error {
	if e.line == nil {
		e.line = lines.Get().(*[]byte)
	}
	line := append((*e.line)[:0], "data: "...)
	if c, ok := v.(*ChatChunk); ok && c.onlyText() {
		line = c.append(line)
	} else {
		data, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("openai: encode event: %w", err)
		}
		line = append(line, data...)
	}
	*e.line = append(line, "\n\n"...)
	return e.event(*e.line)
}

// lines are for events; what has grown larger than maxLine is not kept.
var lines = sync.Pool{New: func() any { return new([]byte) }}

const maxLine = 16 << 10 // bytes

// Fail tells of an error after the stream began, as an event in OpenAI's shape. The stream has no [DONE] then.
func (e *EventWriter) Fail(err error) error { return e.Send(AsError(err)) }

// Comment writes a comment of one line into a stream that has begun; clients pass over it.
func (e *EventWriter) Comment(text string) error {
	_, err := e.w.Write([]byte(": " + text + "\n\n"))
	return err
}

// Done ends the stream; its end leaves with the answer's.
func (e *EventWriter) Done() error {
	if e.line != nil && cap(*e.line) <= maxLine {
		lines.Put(e.line)
	}
	e.line = nil
	return e.event(done)
}

// event writes the lines of an event.
func (e *EventWriter) event(lines []byte) error {
	if !e.started {
		e.started = true
		h, values := e.w.Header(), []string{"text/event-stream", "no-cache", "no"}
		h["Content-Type"], h["Cache-Control"] = values[:1:1], values[1:2:2]
		h["X-Accel-Buffering"] = values[2:] // a reverse proxy in between shall not collect events
		e.w.WriteHeader(http.StatusOK)
	}
	_, err := e.w.Write(lines)
	e.lost = e.lost || err != nil
	return err
}
