package openai

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sync"
	"unicode/utf8"
)

// ErrEventTooLong ends the reading of a stream whose event is larger than the reader's limit.
var ErrEventTooLong = errors.New("openai: server-sent event is larger than the limit")

const (
	maxField = 1 << 10 // bytes that a line may have beside its data
	minRead  = 2 << 10 // bytes of a reader's first buffer
)

// Event is one server-sent event, or a comment that stood between lines.
type Event struct {
	Name    string // of its "event" field; most often empty
	Data    []byte // its data, or the comment's text; valid until the next call
	Comment bool
}

// EventReader reads server-sent events as the WHATWG format has them: lines end with LF, CR or CRLF, a field's value
// begins after the colon and at most one space, several data lines are one text. Beyond that format an event at the end
// of the stream counts without its blank line, since some servers leave it out; whoever reads its data sees whether it
// is whole.
type EventReader struct {
	r       io.Reader
	limit   int
	buf     []byte // what was read and not used yet, in base
	base    []byte // nil where what is read is not the reader's own
	scanned int    // bytes at its front without a line end
	err     error  // of the last read
	cr      bool   // the last line ended with CR: an LF at the front belongs to it
	begun   bool   // the first line, which may carry a byte order mark, is read

	name string // of the event being read
	data []byte // its data; the first line as it stands in base
	some bool   // it has data
}

// NewEventReader reads from r events of at most limit bytes of data each, and lines of at most that plus 1 KiB.
func NewEventReader(r io.Reader, limit int) *EventReader { return &EventReader{r: r, limit: limit} }

// Next returns the next event or comment. At the end of the stream it returns io.EOF, whatever came before.
func (e *EventReader) Next() (Event, error) {
	for {
		line, err := e.line()
		switch {
		case err == io.EOF && e.some:
			return e.event(), nil
		case err != nil:
			return Event{}, err
		case len(line) == 0 && e.some:
			return e.event(), nil
		case len(line) == 0:
			e.name = ""
			continue
		case line[0] == ':':
			return Event{Data: bytes.TrimPrefix(line[1:], []byte(" ")), Comment: true}, nil
		}
		if err := e.field(line); err != nil {
			return Event{}, err
		}
	}
}

// ready says that what was read already holds a blank line, so that the next event need not be waited for. It may miss one.
func (e *EventReader) ready() bool {
	return bytes.Contains(e.buf, []byte("\n\n")) || bytes.Contains(e.buf, []byte("\r\n\r\n"))
}

// field takes one line that is neither blank nor a comment.
func (e *EventReader) field(line []byte) error {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "event":
		e.name = string(value)
	case "data":
		if e.some {
			e.data = append(append(e.data, '\n'), value...)
		} else {
			e.data = slices.Clip(value) // so that another line does not write over what stands behind
		}
		if e.some = true; len(e.data) > e.limit {
			return ErrEventTooLong
		}
	}
	return nil
}

func (e *EventReader) event() Event {
	ev := Event{Name: e.name, Data: e.data}
	e.name, e.data, e.some = "", nil, false
	return ev
}

// line returns the next line without its end. The last one may lack an end; then comes the stream's error.
func (e *EventReader) line() ([]byte, error) {
	for {
		if e.cr && len(e.buf) > 0 {
			e.cr = false
			e.buf = bytes.TrimPrefix(e.buf, []byte("\n"))
		}
		if i := lineEnd(e.buf[e.scanned:]); i >= 0 {
			end := e.scanned + i
			line := e.buf[:end]
			e.cr = e.buf[end] == '\r'
			e.buf, e.scanned = e.buf[end+1:], 0
			return e.first(line), nil
		}
		if e.scanned = len(e.buf); e.scanned > e.limit+maxField {
			return nil, ErrEventTooLong
		}
		if e.err != nil {
			return e.rest()
		}
		e.fill()
	}
}

// lineEnd is where the first line ends, -1 where it goes on.
func lineEnd(b []byte) int {
	lf := bytes.IndexByte(b, '\n')
	if lf >= 0 {
		b = b[:lf]
	}
	if cr := bytes.IndexByte(b, '\r'); cr >= 0 {
		return cr
	}
	return lf
}

// rest is what stands behind the last line end. Where the stream broke off it is worth nothing.
func (e *EventReader) rest() ([]byte, error) {
	line := e.buf
	e.buf, e.scanned = nil, 0
	if len(line) == 0 || e.err != io.EOF {
		return nil, e.err
	}
	return e.first(line), nil
}

func (e *EventReader) first(line []byte) []byte {
	if e.begun {
		return line
	}
	e.begun = true
	return bytes.TrimPrefix(line, byteOrderMark)
}

var byteOrderMark = utf8.AppendRune(nil, '\ufeff')

// bases are the first buffers of readers.
var bases = sync.Pool{New: func() any { return new([minRead]byte) }}

// free gives the buffer back. Nothing that was read may be used any more, and nothing more can be read.
func (e *EventReader) free() {
	if cap(e.base) == minRead {
		bases.Put((*[minRead]byte)(e.base[:minRead]))
	}
	e.base, e.buf, e.data, e.err = nil, nil, nil, io.ErrClosedPipe
}

// fill reads once and keeps what it got behind what is there. It must not be called while a line is in use, but for the data of
// the event being read, which then stays where it is.
func (e *EventReader) fill() {
	switch {
	case cap(e.buf)-len(e.buf) >= minRead/4:
	case !e.some && len(e.buf) <= cap(e.base)/2 && e.base != nil:
		e.buf = append(e.base[:0], e.buf...)
	case e.base == nil && len(e.buf) < minRead/2:
		e.base = bases.Get().(*[minRead]byte)[:0]
		e.buf = append(e.base, e.buf...)
	default:
		e.base = make([]byte, 0, max(minRead, 2*len(e.buf)+minRead/4))
		e.buf = append(e.base, e.buf...)
	}
	n, err := e.r.Read(e.buf[len(e.buf):cap(e.buf)])
	e.buf, e.err = e.buf[:len(e.buf)+n], err
}
