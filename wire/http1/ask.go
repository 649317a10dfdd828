package http1

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
)

// errShort says that a request's body has not the length that the request tells.
var errShort = errors.New("http1: the body is not as long as its ContentLength says")

// AppendRequest adds a request to b, as its Write would write it, and closes its body. It takes requests of a usual form whose length is
// known; of others, which net/http must write, ok is false and nothing is read.
func AppendRequest(b []byte, r *http.Request) (_ []byte, ok bool, err error) {
	empty := r.Body == nil || r.Body == http.NoBody
	if !isUsual(r) || !empty && r.ContentLength <= 0 {
		return b, false, nil
	}
	b = append(append(append(b, r.Method...), ' '), r.URL.Path...)
	b = append(append(append(b, " HTTP/1.1\r\nHost: "...), r.URL.Host...), "\r\n"...)
	agent, said := r.Header["User-Agent"]
	switch {
	case !said:
		b = append(b, "User-Agent: Go-http-client/1.1\r\n"...)
	case len(agent) > 0 && agent[0] != "":
		b = append(append(append(b, "User-Agent: "...), agent[0]...), "\r\n"...)
	}
	switch {
	case !empty:
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), r.ContentLength, 10), "\r\n"...)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		b = append(b, "Content-Length: 0\r\n"...)
	}
	b = append(appendSorted(b, r.Header), "\r\n"...)
	if empty {
		return b, true, nil
	}
	b, err = appendBody(b, r)
	return b, true, err
}

// isUsual says that a request has nothing that needs a rule of its own.
func isUsual(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch:
	default:
		return false
	}
	u := r.URL
	if r.Close || len(r.TransferEncoding)+len(r.Trailer) > 0 || r.Host != "" && r.Host != u.Host || u.Opaque+u.RawPath+u.RawQuery != "" || u.ForceQuery {
		return false
	}
	if u.Host == "" || !isPlainHost(u.Host) || u.Path == "" || !isPlain(u.Path) {
		return false
	}
	for name, values := range r.Header {
		if framing[name] || name == "Host" || !isToken(name) {
			return false
		}
		for _, v := range values {
			if hasControl(v) || v != "" && (isBlank(v[0]) || isBlank(v[len(v)-1])) {
				return false
			}
		}
	}
	return true
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// isPlainHost says that a host is a name that is written as it stands.
func isPlainHost(host string) bool {
	for i := range len(host) {
		if c := host[i]; !plainBytes[c] || c == '/' {
			return false
		}
	}
	return true
}

// appendSorted adds header lines in the order of their names.
func appendSorted(b []byte, h http.Header) []byte {
	var few [16]string
	names := few[:0]
	for name := range h {
		if name != "User-Agent" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range h[name] {
			b = append(append(append(append(b, name...), ": "...), v...), "\r\n"...)
		}
	}
	return b
}

// appendBody adds a request's body and closes it.
func appendBody(b []byte, r *http.Request) ([]byte, error) {
	n := len(b)
	b = slices.Grow(b, int(r.ContentLength)+1)
	got, err := io.ReadFull(r.Body, b[n:n+int(r.ContentLength)+1]) // a byte more than there should be
	closed := r.Body.Close()
	switch {
	case err == nil, err == io.EOF, err == io.ErrUnexpectedEOF && int64(got) != r.ContentLength:
		return b[:n], errShort
	case err != io.ErrUnexpectedEOF:
		return b[:n], err
	}
	return b[:n+got], closed
}
