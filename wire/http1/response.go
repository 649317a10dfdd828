package http1

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	pieceSize = 4 << 10  // bytes of an answer that are put together before they go out; an answer that fits gets its length told
	keepSize  = 64 << 10 // a buffer that has grown larger is not kept
)

var errEnded = errors.New("http1: the request is over")

// piece is a part of an answer on its way: what goes out next, and what stands behind it in the body.
type piece struct{ out, body []byte }

var pieces = sync.Pool{New: func() any { return &piece{make([]byte, 0, 2*pieceSize), make([]byte, 0, pieceSize)} }}

// response is an answer on its connection. It holds a piece only between a write and the flush behind it.
type response struct {
	c      *conn
	body   *body // of the request; nil where there is none
	header http.Header
	lines  []line // set beside header
	*piece
	minor  int
	isHead bool
	keeps  bool // a client of HTTP/1.0 wants the connection kept

	status     int   // 0 until the header is decided
	length     int64 // that the handler declared, or that is known in the end; -1 while it is not
	written    int64
	connection []string // what the handler says of it
	typed      bool     // the answer has a content type, or is to have none
	dated      bool
	trailers   bool // the handler has announced some
	decided    bool // how the body's end is told
	chunks     bool
	ends       bool // the connection ends with this answer
	unread     bool // and its client may still be sending
	duplex     bool // the handler reads on while it writes
	over       bool
	readTimed  bool // the handler has set a deadline, here and below
	writeTimed bool
	err        error // of a write
}

// line is a header line. Its value is a list of one, as in an http.Header.
type line struct {
	name  string
	value [1]string
}

const usualLines = 20 // of an answer

// Header is the answer's header, also what SetLine has set. What is changed after WriteHeader goes nowhere, but for trailers.
func (w *response) Header() http.Header {
	for i := range w.lines {
		if l := &w.lines[i]; !w.isLater(l) {
			w.header[l.name] = []string{l.value[0]}
		}
	}
	w.lines = w.lines[:0]
	return w.header
}

// isLater says whether the header has a line that SetLine has set: then it was set once more.
func (w *response) isLater(l *line) bool {
	if len(w.header) == 0 {
		return false
	}
	_, is := w.header[l.name]
	return is
}

// SetLine is Header().Set for a name that is written as an http.Header keeps it, at a part of its cost. A map that Header gave before
// does not show it.
func (w *response) SetLine(name, value string) {
	if strings.HasPrefix(name, "Trailer") { // which is looked for there
		w.Header()[name] = []string{value}
		return
	}
	if len(w.header) > 0 {
		delete(w.header, name)
	}
	for i := range w.lines {
		if w.lines[i].name == name {
			w.lines[i].value[0] = value
			return
		}
	}
	w.lines = append(w.lines, line{name, [1]string{value}})
}

// WriteHeader decides status and header. Informational statuses go out at once, and the answer follows.
func (w *response) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic("http1: a status has three digits")
	}
	if w.status != 0 || w.over {
		return
	}
	if status < 200 && status != http.StatusSwitchingProtocols {
		w.inform(status)
		return
	}
	if w.c.keepContinue() {
		w.ends, w.unread = true, true
	}
	w.status = status
	w.hold()
	w.piece.out = w.appendHeader(appendStatus(w.piece.out, w.minor, status))
}

// inform sends an informational status with the header as it stands.
func (w *response) inform(status int) {
	if w.minor == 0 {
		return
	}
	if status == http.StatusContinue {
		w.c.sendContinue()
		return
	}
	out := appendStatus(nil, 1, status)
	for name, values := range w.Header() {
		if !framing[name] {
			out = appendField(out, name, values)
		}
	}
	w.send(append(out, "\r\n"...), nil, false)
}

// hold takes a piece, unless there is one.
func (w *response) hold() {
	if w.piece == nil {
		w.piece = pieces.Get().(*piece)
	}
}

// give gives the piece back.
func (w *response) give() {
	p := w.piece
	if w.piece = nil; p == nil || cap(p.out) > keepSize {
		return
	}
	p.out, p.body = p.out[:0], p.body[:0]
	pieces.Put(p)
}

// Write writes a part of the body. Small parts go out together.
func (w *response) Write(p []byte) (int, error) {
	if err := w.may(len(p)); err != nil || len(p) == 0 {
		return 0, err
	}
	w.hold()
	if len(w.piece.body)+len(p) <= cap(w.piece.body) {
		w.piece.body = append(w.piece.body, p...)
		return len(p), nil
	}
	w.decide(p, false)
	if w.push(p, false); w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

// WriteString is Write.
func (w *response) WriteString(s string) (int, error) {
	if len(s) > pieceSize {
		return w.Write([]byte(s))
	}
	if err := w.may(len(s)); err != nil || s == "" {
		return 0, err
	}
	w.hold()
	if len(w.piece.body)+len(s) > cap(w.piece.body) {
		w.decide(nil, false)
		if w.push(nil, false); w.err != nil {
			return 0, w.err
		}
		w.hold()
	}
	w.piece.body = append(w.piece.body, s...)
	return len(s), nil
}

// may says whether n more bytes of a body may be written, and counts them.
func (w *response) may(n int) error {
	if w.over {
		return errEnded
	}
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case n == 0:
		return nil
	case !bodyAllowed(w.status):
		return http.ErrBodyNotAllowed
	case w.length >= 0 && w.written+int64(n) > w.length:
		return http.ErrContentLength
	case w.err != nil:
		return w.err
	}
	w.written += int64(n)
	return nil
}

// Flush sends what was written.
func (w *response) Flush() { _ = w.FlushError() } // whoever wants the error calls that

// FlushError sends what was written.
func (w *response) FlushError() error {
	if w.over {
		return errEnded
	}
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	w.decide(nil, false)
	w.push(nil, false)
	return w.err
}

// SetReadDeadline bounds the reading of the request's body.
func (w *response) SetReadDeadline(t time.Time) error {
	if t.IsZero() && !w.readTimed || w.body.isHere() {
		return nil // no read waits for it
	}
	w.readTimed = !t.IsZero()
	return w.c.rwc.SetReadDeadline(t)
}

// SetWriteDeadline bounds the writing of the answer.
func (w *response) SetWriteDeadline(t time.Time) error {
	w.writeTimed = !t.IsZero()
	return w.c.direct.SetWriteDeadline(t)
}

// EnableFullDuplex leaves the request's body to the handler while the answer is under way.
func (w *response) EnableFullDuplex() error {
	w.duplex = true
	return nil
}

// finish sends the rest of an answer whose handler has returned, and ends the reading of its request. True says that the connection
// can take another.
func (w *response) finish() bool {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	w.decide(nil, true)
	w.push(nil, true)
	w.over = true
	if w.duplex {
		w.settle()
	}
	if w.length >= 0 && w.length != w.written && !w.isHead && bodyAllowed(w.status) {
		w.ends = true // the client waits for the rest
	}
	if w.readTimed && !w.ends {
		_ = w.c.rwc.SetReadDeadline(time.Time{}) // a connection that is closed says so when it is read
	}
	if w.writeTimed && !w.ends {
		_ = w.c.direct.SetWriteDeadline(time.Time{})
	}
	if (w.unread || w.ends && !w.body.whole()) && w.err == nil {
		w.c.linger()
	}
	return !w.ends && w.err == nil
}

// settle reads past what is left of the request's body, or lets the connection end.
func (w *response) settle() {
	if w.body == nil || w.ends || w.body.drain() {
		return
	}
	w.ends, w.unread = true, true
}

// limitDrain bounds the time for the rest of a body, unless its handler has. True says that it did.
func (w *response) limitDrain() bool {
	if w.readTimed {
		return false
	}
	_ = w.SetReadDeadline(time.Now().Add(drainTime)) // as above
	return true
}

// decide fixes how the body's end is told, and ends the header. Next is what is written behind what waits; last says that nothing
// follows it.
func (w *response) decide(next []byte, last bool) {
	if w.decided {
		return
	}
	w.decided = true
	w.hold()
	has := bodyAllowed(w.status)
	if w.length < 0 && last && has && !w.trailers && (!w.isHead || w.written > 0) {
		w.length = w.written
	}
	known := w.length >= 0 || !has || w.isHead
	w.chunks = !known && w.minor > 0
	w.ends = w.ends || !known && w.minor == 0 || len(w.connection) > 0 && strings.EqualFold(w.connection[0], "close") || w.c.closing.Load()
	if !w.duplex {
		w.settle()
	}
	w.piece.out = w.appendFraming(w.piece.out, next)
}

// push sends what waits with what follows it, in one write.
func (w *response) push(next []byte, last bool) {
	if w.isHead && w.piece != nil {
		w.piece.body, next = w.piece.body[:0], nil
	}
	if w.piece == nil {
		if !last || !w.chunks {
			return
		}
		w.hold()
	}
	p := w.piece
	n := len(p.body) + len(next)
	chunk := w.chunks && n > 0
	if chunk {
		p.out = append(appendHexadecimal(p.out, n), "\r\n"...)
	}
	p.out = append(p.out, p.body...)
	if len(next) <= cap(p.out)-len(p.out)-2 {
		p.out, next = append(p.out, next...), nil
		if chunk {
			p.out, chunk = append(p.out, "\r\n"...), false
		}
	}
	if last && w.chunks {
		p.out = append(w.appendTrailers(append(p.out, "0\r\n"...)), "\r\n"...)
	}
	w.send(p.out, next, chunk)
	w.give()
}

var crlf = []byte("\r\n")

// send writes to the client. One that cannot be written to is gone, and its request ends.
func (w *response) send(out, next []byte, chunk bool) {
	if w.err != nil || len(out) == 0 && len(next) == 0 {
		return
	}
	if !w.writeTimed {
		w.c.answering.Store(sinceStart())
		defer w.c.answering.Store(0)
	}
	if len(next) == 0 {
		_, w.err = w.c.direct.Write(out)
	} else {
		parts := net.Buffers{out, next}
		if chunk {
			parts = append(parts, crlf)
		}
		_, w.err = w.c.direct.WriteParts(parts)
	}
	if w.err != nil {
		w.c.current()()
	}
}

// bodyAllowed says whether an answer of a status has a body.
func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// announced lists the trailers that a handler has announced.
func (w *response) announced() []string {
	var names []string
	for _, list := range w.header["Trailer"] {
		for name := range strings.SplitSeq(list, ",") {
			name = http.CanonicalHeaderKey(strings.Trim(name, " \t"))
			if isToken(name) && !framing[name] {
				names = append(names, name)
			}
		}
	}
	return names
}
