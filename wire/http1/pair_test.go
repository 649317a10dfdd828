package http1

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var quiet = slog.New(slog.DiscardHandler)

// patience is for what must happen, on a machine that does much else.
const patience = 20 * time.Second

// start serves on loopback until the test's end.
func start(t testing.TB, s *Server) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	if s.Log == nil {
		s.Log = quiet
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.ErrorIs(t, <-done, http.ErrServerClosed)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, s.Shutdown(ctx), "every connection ends")
	})
	return l.Addr().String()
}

// startStandard serves by the standard library.
func startStandard(t *testing.T, h http.Handler) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &http.Server{Handler: h, MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		<-done
	})
	return l.Addr().String()
}

// client is a connection on which bytes are sent as they stand.
type client struct {
	net.Conn
	t  testing.TB
	in *bufio.Reader
}

func dial(t testing.TB, addr string) *client {
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { nc.Close() })
	require.NoError(t, nc.SetDeadline(time.Now().Add(patience)))
	return &client{nc, t, bufio.NewReader(nc)}
}

func (c *client) say(text string) *client {
	_, err := io.WriteString(c, text)
	require.NoError(c.t, err)
	return c
}

// heard is an answer as a client reads it.
type heard struct {
	status  int
	header  http.Header
	body    string
	trailer http.Header
	closing bool
	cut     bool // the body did not end
}

func (c *client) hear(method string) (h heard, err error) {
	resp, err := http.ReadResponse(c.in, &http.Request{Method: method})
	if err != nil {
		return h, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	resp.Header.Del("Date")
	return heard{resp.StatusCode, resp.Header, string(body), resp.Trailer, resp.Close, err != nil}, nil
}

// get hears an answer with status and body.
func (c *client) get(status int, body string) heard {
	c.t.Helper()
	h, err := c.hear(http.MethodGet)
	require.NoError(c.t, err)
	require.Equal(c.t, status, h.status, h.body)
	require.Contains(c.t, h.body, body)
	return h
}

// ends says whether nothing but the connection's end comes.
func (c *client) ends() bool {
	_, err := c.in.ReadByte()
	var n net.Error
	return err != nil && !(errors.As(err, &n) && n.Timeout())
}

// echo answers with what it was asked; the path says how.
func echo(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, "/body"):
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %q %v %v %d", r.Method, r.RequestURI, body, err, r.TransferEncoding, r.ContentLength)
	case path == "/large":
		for range 100 {
			_, _ = io.WriteString(w, strings.Repeat("large ", 100))
		}
	case path == "/huge":
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte(strings.Repeat("huge ", 200_000)))
	case path == "/length":
		w.Header().Set("Content-Length", "6")
		_, _ = io.WriteString(w, "length")
	case path == "/short":
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "short")
	case path == "/long":
		w.Header().Set("Content-Length", "2")
		_, err := io.WriteString(w, "long")
		if err == nil {
			panic("more was written than declared")
		}
	case path == "/stream":
		for i := range 3 {
			fmt.Fprintf(w, "event %d\n", i)
			_ = http.NewResponseController(w).Flush()
		}
	case path == "/trailers":
		w.Header().Set("Trailer", "X-After, X-Then")
		_, _ = io.WriteString(w, "body")
		w.Header().Set("X-After", "after")
		w.Header().Set("X-Then", "then")
	case path == "/late":
		_ = http.NewResponseController(w).Flush()
		w.Header().Set(http.TrailerPrefix+"X-Late", "late")
	case path == "/early":
		w.Header().Set(http.TrailerPrefix+"X-Early", "early")
	case path == "/frozen":
		w.Header().Set("X-One", "1")
		w.WriteHeader(http.StatusAccepted)
		w.Header().Set("X-One", "2")
		w.WriteHeader(http.StatusTeapot)
	case path == "/lines":
		w.Header()["X-Two"] = []string{" a\r\nX-False: 1 ", "b"}
		w.Header()["X Bad"] = []string{"no"}
	case path == "/status":
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", "4")
		var status int
		_, _ = fmt.Sscan(r.URL.RawQuery, &status)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "body")
	case path == "/close":
		w.Header().Set("Connection", "close")
		_, _ = io.WriteString(w, "closing")
	case path == "/abort":
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case path == "/empty":
	case path == "/typed":
		_, _ = io.WriteString(w, "<html><body>a page")
	case path == "/packed":
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, "packed")
	default:
		fmt.Fprintf(w, "%s %s %s %v", r.Method, r.URL, r.Host, r.Header)
	}
}
