package http1

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// script is a connection on which a client says something in pieces, and nothing is heard.
type script struct {
	text  []byte
	piece int
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.text) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.piece)], s.text)
	s.text = s.text[n:]
	return n, nil
}

func (s *script) Write(p []byte) (int, error)    { return len(p), nil }
func (*script) Close() error                     { return nil }
func (*script) LocalAddr() net.Addr              { return nil }
func (*script) RemoteAddr() net.Addr             { return nil }
func (*script) SetDeadline(time.Time) error      { return nil }
func (*script) SetReadDeadline(time.Time) error  { return nil }
func (*script) SetWriteDeadline(time.Time) error { return nil }

// understood is a request as a server takes it, and what stands behind it.
type understood struct {
	method, target, path, host string
	header                     http.Header
	length                     int64
	closing                    bool
	body, rest                 string
}

// ours reads a request by this package; false says that it is refused.
func ours(data []byte, piece int) (understood, bool) {
	s := &Server{Handler: http.NotFoundHandler()}
	s.prepare()
	said := &script{data, piece}
	c := newConn(s, said)
	c.watch = watching // nobody shall read beside the test
	x, err := c.readHead()
	if err != nil {
		return understood{}, false
	}
	r := c.request(context.Background(), x)
	x.w = response{c: c, minor: 1}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return understood{}, false
	}
	rest := string(c.in.waiting()) + string(said.text)
	return understood{r.Method, r.RequestURI, r.URL.String(), r.Host, r.Header, r.ContentLength, r.Close, string(body), rest}, true
}

// standard reads one as net/http's server does.
func standard(data []byte) (understood, error) {
	in := bufio.NewReader(bytes.NewReader(data))
	r, err := http.ReadRequest(in)
	if err != nil {
		return understood{}, err
	}
	r.Header.Del("Host")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return understood{}, err
	}
	rest, err := io.ReadAll(in)
	return understood{r.Method, r.RequestURI, r.URL.String(), r.Host, r.Header, r.ContentLength, r.Close, string(body), string(rest)}, err
}

// FuzzRequest holds what is taken to net/http: the same request, and the same bytes behind it.
func FuzzRequest(f *testing.F) {
	for _, c := range asked {
		f.Add([]byte(c.sent), uint16(7))
	}
	f.Add([]byte("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n000\r\nA: b\r\n\r\nGET"), uint16(1))
	f.Add([]byte("POST / HTTP/1.1\r\nHost:\r\nContent-Length: 007\r\n\r\nabcdefgGET"), uint16(4096))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a\rb\r\nabc\r\n0\r\n\r\nGET"), uint16(9))
	f.Fuzz(func(t *testing.T, data []byte, piece uint16) {
		mine, ok := ours(data, max(1, int(piece)))
		if !ok {
			return
		}
		theirs, err := standard(data)
		require.NoError(t, err, "net/http refuses what is taken here")
		if !reflect.DeepEqual(theirs, mine) {
			require.Equal(t, theirs, mine)
		}
	})
}

// FuzzAtEnd asks between all bytes of an answer whether only its end is left, and holds what is read to what is read unasked.
func FuzzAtEnd(f *testing.F) {
	f.Add([]byte("Transfer-Encoding: chunked\r\nTrailer: A\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\nA: b\r\nA: c\r\nB: d\r\n\r\nrest"), uint16(4096))
	f.Add([]byte("Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nA b\r\n\r\n"), uint16(3))
	f.Add([]byte("Content-Length: 2\r\n\r\nabrest"), uint16(20))
	f.Fuzz(func(t *testing.T, data []byte, piece uint16) {
		var texts [2]string
		var errs [2]bool
		var trailers [2]http.Header
		for asks := range 2 {
			said := &script{append([]byte("HTTP/1.1 200 OK\r\n"), data...), max(1, int(piece))}
			limit := 1 << 20
			r, err := NewAnswers(said, func() error { _, err := said.Read(nil); return err }).Next(askedBy(http.MethodGet), &limit)
			if err != nil {
				return
			}
			body, ok := r.Body.(*AnswerBody)
			if !ok {
				return
			}
			var one [1]byte
			for n := 0; err == nil; texts[asks] += string(one[:n]) {
				atEnd := asks == 1 && body.AtEnd()
				n, err = body.Read(one[:])
				require.False(t, atEnd && (n > 0 || err != io.EOF), "%q follows the end, %v", one[:n], err)
			}
			errs[asks], trailers[asks] = err != io.EOF, r.Trailer
		}
		require.Equal(t, texts[0], texts[1])
		require.Equal(t, errs[0], errs[1])
		if !errs[0] {
			require.Equal(t, trailers[0], trailers[1])
		}
	})
}
