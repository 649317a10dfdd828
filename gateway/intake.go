package gateway

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"
	"time"

	"agora/gateway/peek"
	"agora/wire/openai"
)

// firstRead is the memory that a body gets before its bytes are there; it grows with them, whatever length was declared.
const firstRead = 64 << 10

var byteOrderMark = []byte("\ufeff")

// readBody reads a request's body within its limits of size, memory and time. A byte order mark before it is dropped:
// JSON has none, and some systems write one without being asked.
func (g *Gateway) readBody(w http.ResponseWriter, r *http.Request, v *visit) ([]byte, error) {
	if r.ContentLength > g.MaxBody {
		return nil, bodyFault(&http.MaxBytesError{Limit: g.MaxBody}, g.MaxBody)
	}
	// Not every writer has deadlines, those of tests do not; the server's do.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(v.arrived.Add(g.BodyTimeout))
	raw := r.Body
	if r.ContentLength < 0 {
		raw = http.MaxBytesReader(w, raw, g.MaxBody)
	}
	in, err := unpacked(raw, valueOf(r.Header, "Content-Encoding"))
	if err != nil {
		return nil, err
	}
	body, err := v.read(in, r.ContentLength)
	if err != nil {
		return nil, err
	}
	_ = control.SetReadDeadline(time.Time{}) // after an error it stays: the rest of the body is not waited for
	return bytes.TrimPrefix(body, byteOrderMark), nil
}

// unpacked is the body without its compression.
func unpacked(in io.Reader, encoding string) (io.Reader, error) {
	var out io.Reader
	var err error
	switch strings.ToLower(encoding) {
	case "", "identity":
		return in, nil
	case "gzip", "x-gzip":
		out, err = gzip.NewReader(in)
	case "deflate":
		out, err = zlib.NewReader(in)
	default:
		return nil, openai.Errorf(http.StatusUnsupportedMediaType, "send the body as it is, or with gzip or deflate, not as %.20q", encoding)
	}
	if err != nil {
		return nil, openai.Errorf(http.StatusBadRequest, "the body is not what its Content-Encoding %q says", encoding)
	}
	return out, nil
}

// read reads a body into memory that it takes as the bytes come, with room for what AsStream adds.
func (v *visit) read(in io.Reader, declared int64) ([]byte, error) {
	var buf []byte
	for {
		if len(buf) == cap(buf) {
			size := int64(max(firstRead, 2*cap(buf)))
			if whole := declared + peek.Room + 1; declared > 0 && size > declared && whole > int64(cap(buf)) {
				size = whole
			}
			size = min(size, v.MaxBody+peek.Room+1)
			if size == int64(cap(buf)) {
				return nil, bodyFault(&http.MaxBytesError{Limit: v.MaxBody}, v.MaxBody)
			}
			if err := v.hold(size - int64(cap(buf))); err != nil {
				return nil, err
			}
			buf = append(make([]byte, 0, size), buf...)
		}
		n, err := in.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > v.MaxBody:
			return nil, bodyFault(&http.MaxBytesError{Limit: v.MaxBody}, v.MaxBody)
		case err == io.EOF:
			return buf, nil
		case err != nil:
			return nil, bodyFault(err, v.MaxBody)
		}
	}
}
