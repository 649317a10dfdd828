package http1

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// framing are the headers that say where an answer ends; the server writes them.
var framing = map[string]bool{"Content-Length": true, "Transfer-Encoding": true, "Connection": true, "Trailer": true}

func appendDecimal(b []byte, n int) []byte     { return strconv.AppendInt(b, int64(n), 10) }
func appendHexadecimal(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 16) }

// appendStatus adds a status line.
func appendStatus(b []byte, minor, status int) []byte {
	b = append(append(append(b, protos[minor]...), ' '), byte('0'+status/100), byte('0'+status/10%10), byte('0'+status%10), ' ')
	if text := http.StatusText(status); text != "" {
		b = append(b, text...)
	} else {
		b = appendDecimal(append(b, "status code "...), status)
	}
	return append(b, "\r\n"...)
}

// appendHeader adds the handler's header.
func (w *response) appendHeader(b []byte) []byte {
	w.typed = !bodyAllowed(w.status)
	for name, values := range w.header {
		b = w.appendNoted(b, name, values)
	}
	for i := range w.lines {
		if l := &w.lines[i]; !w.isLater(l) {
			b = w.appendNoted(b, l.name, l.value[:])
		}
	}
	return b
}

// appendNoted adds a header of the handler's, or notes what frames the answer.
func (w *response) appendNoted(b []byte, name string, values []string) []byte {
	switch name {
	case "Content-Length":
		w.declare(values)
		return b
	case "Connection":
		w.connection = values
		return b
	case "Transfer-Encoding":
		return b
	case "Trailer":
		w.trailers = true
	case "Content-Type":
		if w.status == http.StatusNotModified {
			return b
		}
		w.typed = true
	case "Content-Encoding":
		w.typed = w.typed || len(values) > 0 && values[0] != "" // what is packed is not looked into
	case "Date":
		w.dated = true
	}
	if strings.HasPrefix(name, http.TrailerPrefix) {
		w.trailers = true
		return b
	}
	return appendField(b, name, values)
}

// declare takes the handler's word for the answer's length, if it is one.
func (w *response) declare(values []string) {
	if len(values) == 0 || !bodyAllowed(w.status) {
		return
	}
	if n, ok := decimal(values[0]); ok {
		w.length = n
	}
}

// appendField adds a header line for each value. A line's end in a value would begin another header, and becomes a blank.
func appendField(b []byte, name string, values []string) []byte {
	if !isToken(name) {
		return b
	}
	for _, v := range values {
		b = append(append(b, name...), ": "...)
		from := len(b)
		b = append(b, trimmed(v)...)
		if !hasLineEnd(b[from:]) {
			b = append(b, "\r\n"...)
			continue
		}
		for i, c := range b[from:] {
			if c == '\n' || c == '\r' {
				b[from+i] = ' '
			}
		}
		b = append(b, "\r\n"...)
	}
	return b
}

// trimmed is a value without what surrounds it.
func trimmed(v string) string {
	for v != "" && isAround(v[0]) {
		v = v[1:]
	}
	for v != "" && isAround(v[len(v)-1]) {
		v = v[:len(v)-1]
	}
	return v
}

func isAround(c byte) bool { return isBlank(c) || c == '\r' || c == '\n' }

func hasLineEnd(b []byte) bool { return bytes.IndexByte(b, '\n') >= 0 || bytes.IndexByte(b, '\r') >= 0 }

// appendFraming adds the rest of the header: what kind the body is of, where it ends, and what becomes of the connection.
func (w *response) appendFraming(b, next []byte) []byte {
	if !w.typed && w.written > 0 {
		first := w.piece.body
		if len(first) == 0 {
			first = next
		}
		b = append(append(append(b, "Content-Type: "...), http.DetectContentType(first)...), "\r\n"...)
	}
	if !w.dated {
		b = append(b, date(time.Now())...)
	}
	switch {
	case w.length >= 0:
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), w.length, 10), "\r\n"...)
	case w.chunks:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	switch {
	case w.ends && w.minor > 0:
		b = append(b, "Connection: close\r\n"...)
	case !w.ends && len(w.connection) > 0:
		b = appendField(b, "Connection", w.connection)
	case !w.ends && w.keeps:
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	return append(b, "\r\n"...)
}

// appendTrailers adds what the handler says after the body.
func (w *response) appendTrailers(b []byte) []byte {
	if w.trailers {
		w.Header() // has all lines then
	}
	for _, name := range w.announced() {
		b = appendField(b, name, w.header[name])
	}
	for name, values := range w.header {
		if name, ok := strings.CutPrefix(name, http.TrailerPrefix); ok && !framing[name] {
			b = appendField(b, name, values)
		}
	}
	return b
}

// stamp is the Date header of one second.
type stamp struct {
	second int64
	line   string
}

var lastStamp atomic.Pointer[stamp]

// date is the Date header at a moment, as a whole line.
func date(now time.Time) string {
	if s := lastStamp.Load(); s != nil && s.second == now.Unix() {
		return s.line
	}
	s := &stamp{now.Unix(), "Date: " + now.UTC().Format(http.TimeFormat) + "\r\n"}
	lastStamp.Store(s)
	return s.line
}
