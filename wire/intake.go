package wire

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"agora/wire/http1"
	"agora/wire/mux"
	"agora/wire/openai"
)

const (
	bodyTimeout   = time.Minute      // for a request body to arrive
	headerTimeout = 30 * time.Second // for a request header to arrive, once it began
	idleTimeout   = 3 * time.Minute  // for a stream without requests; longer than a hub's, so that the hub closes first
)

// http is the server of one session.
func (s *server) http() *http1.Server {
	return &http1.Server{
		Handler:        http.HandlerFunc(s.serve),
		HeaderTimeout:  headerTimeout,
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: 64 << 10,
		MaxConns:       2 * s.Capacity, // with those whose handlers have not noticed yet that they were reset
		PerAddress:     2 * s.Capacity, // a validator has one
		Log:            s.Log,
	}
}

// streams are those of a session that a hub opens; it keeps why there are no more.
type streams struct {
	*mux.Session
	ended error
}

// Accept implements net.Listener. Its error is for good, whatever ended the session.
func (l *streams) Accept() (net.Conn, error) {
	stream, err := l.AcceptStream()
	if err != nil {
		l.ended = err
		return nil, net.ErrClosed
	}
	return stream, nil
}

// serve reads the whole body before the handler starts. The server watches for a cancelled request only from then on,
// so a handler that began earlier would work on for nobody.
func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.WriteTimeout)) // a stream that has ended says so when it is read
	size := r.ContentLength
	if size < 0 {
		size = s.MaxBody
	}
	if size > s.MaxBody {
		refuse(w, openai.Errorf(http.StatusRequestEntityTooLarge, "the body has %d bytes, at most %d are allowed", size, s.MaxBody))
		return
	}
	if !s.buffered.take(size, s.MaxBuffered) {
		w.Header().Set("Retry-After", "1")
		refuse(w, openai.Errorf(http.StatusTooManyRequests, "the miner is reading as many requests as it can hold, try again"))
		return
	}
	defer s.buffered.give(size)
	body, err := s.read(w, r)
	if err != nil {
		refuse(w, err)
		return
	}
	r.Body = &whole{*bytes.NewReader(body), body}
	r.ContentLength = int64(len(body))
	s.Handler.ServeHTTP(w, r)
}

// whole is a request's body that is in memory.
type whole struct {
	bytes.Reader
	all []byte
}

func (*whole) Close() error { return nil }

// Body is the body of a request that Serve gives a handler, whatever was read of it. It must not be changed. Of other
// requests there is none.
func Body(r *http.Request) (body []byte, ok bool) {
	b, ok := r.Body.(*whole)
	if !ok {
		return nil, false
	}
	return b.all, true
}

func (s *server) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if !hasCome(r) {
		c := http.NewResponseController(w)
		_ = c.SetReadDeadline(time.Now().Add(bodyTimeout)) // as above
		defer func() { _ = c.SetReadDeadline(time.Time{}) }()
	}
	if r.ContentLength >= 0 {
		body := make([]byte, r.ContentLength)
		_, err := io.ReadFull(r.Body, body)
		return body, broken(err)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.MaxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, openai.Errorf(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", s.MaxBody)
	}
	return body, broken(err)
}

// hasCome says that all of a body can be read without waiting, as most can: they came with their header.
func hasCome(r *http.Request) bool {
	b, ok := r.Body.(interface{ Buffered() int64 })
	return r.ContentLength == 0 || ok && r.ContentLength > 0 && b.Buffered() >= r.ContentLength
}

// broken is what a miner says of a body that ended too early: that is the way's fault, not the request's, so that another is asked.
func broken(err error) error {
	if err == nil {
		return nil
	}
	return openai.Errorf(http.StatusRequestTimeout, "the body did not arrive whole: %v", err)
}

// refuse ends the stream as well: what is left of the body is not worth reading.
func refuse(w http.ResponseWriter, err error) {
	w.Header().Set("Connection", "close")
	openai.WriteError(w, err)
}

// budget counts bytes in use.
type budget struct{ used atomic.Int64 }

func (b *budget) take(n, limit int64) bool {
	if b.used.Add(n) > limit {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }
