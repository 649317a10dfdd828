package openai

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

var done = []byte("[DONE]")

// EventWriter writes an answer as server-sent events, each flushed at once. The status line and headers go out with the
// first event, so an error before that can still be answered with its own status.
type EventWriter struct {
	w       http.ResponseWriter
	flush   func() error
	started bool
}

// NewEventWriter writes to w, which must support flushing for events to leave at once.
func NewEventWriter(w http.ResponseWriter) *EventWriter {
	return &EventWriter{w: w, flush: http.NewResponseController(w).Flush}
}

// Started says whether an event has been written: from then on an error can only be told inside the stream.
func (e *EventWriter) Started() bool { return e.started }

// Send writes v as one event.
func (e *EventWriter) Send(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("openai: encode event: %w", err)
	}
	return e.event(data)
}

// Fail tells of an error after the stream began, as an event in OpenAI's shape. The stream has no [DONE] then.
func (e *EventWriter) Fail(err error) error { return e.Send(AsError(err)) }

// Done ends the stream.
func (e *EventWriter) Done() error { return e.event(done) }

func (e *EventWriter) event(data []byte) error {
	if !e.started {
		e.started = true
		h := e.w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Accel-Buffering", "no") // a reverse proxy in between shall not collect events
		e.w.WriteHeader(http.StatusOK)
	}
	line := make([]byte, 0, len(data)+8)
	line = append(append(append(line, "data: "...), data...), "\n\n"...)
	if _, err := e.w.Write(line); err != nil {
		return err
	}
	if err := e.flush(); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// ErrEventTooLong ends the reading of a stream whose event is larger than the reader's limit.
var ErrEventTooLong = errors.New("openai: server-sent event is larger than the limit")

// EventReader reads the data of server-sent events, ignoring comments and every other field.
type EventReader struct {
	r     *bufio.Reader
	limit int
	data  []byte
}

// NewEventReader reads from r events of at most limit bytes of data each, and lines of at most that plus 1 KiB.
func NewEventReader(r io.Reader, limit int) *EventReader {
	return &EventReader{r: bufio.NewReader(r), limit: limit}
}

// Next returns the next event's data, valid until the next call. It returns io.EOF after [DONE], and
// io.ErrUnexpectedEOF where the stream broke off before it.
func (e *EventReader) Next() ([]byte, error) {
	e.data = e.data[:0]
	some := false
	for {
		line, err := e.line()
		if err == io.EOF && some && bytes.Equal(e.data, done) {
			return nil, io.EOF // some servers leave the last blank line out
		}
		if err == io.EOF {
			return nil, io.ErrUnexpectedEOF // an event without its blank line is not whole
		}
		if err != nil {
			return nil, err
		}
		if len(line) == 0 && some {
			return e.event()
		}
		value, ok := dataOf(line)
		if !ok {
			continue
		}
		if some {
			e.data = append(e.data, '\n')
		}
		some = true
		if e.data = append(e.data, value...); len(e.data) > e.limit {
			return nil, ErrEventTooLong
		}
	}
}

func (e *EventReader) event() ([]byte, error) {
	if bytes.Equal(e.data, done) {
		return nil, io.EOF
	}
	return e.data, nil
}

// dataOf returns the value of a "data" field.
func dataOf(line []byte) ([]byte, bool) {
	value, ok := bytes.CutPrefix(line, []byte("data"))
	if !ok || len(value) > 0 && value[0] != ':' {
		return nil, false
	}
	value = bytes.TrimPrefix(value, []byte(":"))
	return bytes.TrimPrefix(value, []byte(" ")), true
}

// line reads one line without its end, LF or CRLF.
func (e *EventReader) line() ([]byte, error) {
	var long []byte
	for {
		part, err := e.r.ReadSlice('\n')
		if len(long)+len(part) > e.limit+1024 {
			return nil, ErrEventTooLong
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			long = append(long, part...)
			continue
		}
		if err != nil && (err != io.EOF || len(long)+len(part) == 0) {
			return nil, err
		}
		if long != nil {
			part = append(long, part...)
		}
		return bytes.TrimSuffix(bytes.TrimSuffix(part, []byte("\n")), []byte("\r")), nil
	}
}
