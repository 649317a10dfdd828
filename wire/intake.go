package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"agora/wire/openai"
)

const (
	bodyTimeout   = time.Minute      // for a request body to arrive
	headerTimeout = 30 * time.Second // for a request header to arrive, once it began
	idleTimeout   = 3 * time.Minute  // for a stream without requests; longer than a hub's, so that the hub closes first
)

// http is the server of one session; its requests end with ctx.
func (s *server) http(ctx context.Context) *http.Server {
	return &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnState:         s.count,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		WriteTimeout:      s.WriteTimeout,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
}

// count keeps track of the streams. A stream is new before the server's accept loop goes on, and closed after its last
// handler has returned.
func (s *server) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.streams.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.streams.Done()
	}
}

// serve reads the whole body before the handler starts. net/http watches for a cancelled request only from then on,
// so a handler that began earlier would work on for nobody.
func (s *server) serve(w http.ResponseWriter, r *http.Request) {
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
	c := http.NewResponseController(w)
	c.SetReadDeadline(time.Now().Add(bodyTimeout))
	defer c.SetReadDeadline(time.Time{})
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		buf.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	_, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, s.MaxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, openai.Errorf(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", s.MaxBody)
	}
	if err != nil {
		return nil, openai.Errorf(http.StatusBadRequest, "the body did not arrive whole: %v", fmt.Sprint(err))
	}
	return buf.Bytes(), nil
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
