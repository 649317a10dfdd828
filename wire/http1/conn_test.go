package http1

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// call is a request that its handler holds.
type call struct {
	w    http.ResponseWriter
	r    *http.Request
	end  chan struct{} // closed by the test
	over chan struct{} // closed when the handler returns
}

// held serves by handlers that wait until the test lets them go on.
func held(t *testing.T, s *Server) (addr string, calls chan *call) {
	calls = make(chan *call, 16)
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{w, r, make(chan struct{}), make(chan struct{})}
		defer close(c.over)
		calls <- c
		select {
		case <-c.end:
			fmt.Fprintf(w, "%s ", r.URL.Path)
		case <-r.Context().Done():
		}
	})
	return start(t, s), calls
}

func (c *call) left(t *testing.T) {
	t.Helper()
	select {
	case <-c.over:
	case <-time.After(patience):
		t.Fatal("the request goes on for nobody")
	}
	require.ErrorIs(t, c.r.Context().Err(), context.Canceled)
}

const get, post = "GET /x HTTP/1.1\r\n" + host + "\r\n", "POST /x HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\n"

func TestClientThatLeavesEndsItsRequest(t *testing.T) {
	addr, calls := held(t, &Server{})
	c := dial(t, addr).say(get)
	one := <-calls
	require.NoError(t, c.Close())
	one.left(t)

	c = dial(t, addr).say(post + "hello")
	one = <-calls
	_, err := io.ReadAll(one.r.Body)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	one.left(t)

	c = dial(t, addr).say(get) // the second of a connection
	close((<-calls).end)
	c.get(200, "/x")
	c.say(get)
	one = <-calls
	require.NoError(t, c.Conn.(*net.TCPConn).CloseWrite())
	one.left(t)
}

// The one timer of all connections runs while it has something to wait for, and each answer that takes long is watched, whenever it began.
func TestEveryLongAnswerIsWatchedByOneTimer(t *testing.T) {
	s := &Server{}
	addr, calls := held(t, s)
	var all []*call
	var clients []*client
	for range 4 {
		clients = append(clients, dial(t, addr).say(get))
		all = append(all, <-calls)
		time.Sleep(watchAfter / 3)
	}
	for i, c := range all {
		require.NoError(t, clients[i].Close())
		c.left(t)
	}
	require.Eventually(t, func() bool { return !s.ticking.Load() }, patience, watchAfter)
	c := dial(t, addr).say(get) // after a rest
	one := <-calls
	require.NoError(t, c.Close())
	one.left(t)
}

func TestRequestsSentAheadAreAnsweredInOrder(t *testing.T) {
	addr, calls := held(t, &Server{})
	c := dial(t, addr).say(strings.Replace(get, "/x", "/1", 1))
	one := <-calls
	time.Sleep(5 * watchAfter) // the watch has begun, or begins
	c.say(strings.Replace(get, "/x", "/2", 1) + strings.Replace(get, "/x", "/3", 1))
	time.Sleep(5 * watchAfter) // it has read a byte that is not its own
	close(one.end)
	for i := 1; i <= 3; i++ {
		if i > 1 {
			close((<-calls).end)
		}
		c.get(200, fmt.Sprintf("/%d ", i))
	}
	require.Empty(t, calls)
}

func TestBodyIsReadBesideSlowAnswers(t *testing.T) {
	addr, calls := held(t, &Server{})
	c := dial(t, addr).say(post + "he")
	one := <-calls
	time.Sleep(3 * watchAfter) // no watch may take a byte of the body
	c.say("llo" + get)
	body, err := io.ReadAll(one.r.Body)
	require.NoError(t, err)
	require.Equal(t, "hello", string(body))
	time.Sleep(3 * watchAfter)
	close(one.end)
	c.get(200, "/x")
	close((<-calls).end)
	c.get(200, "/x")
}

func TestBodyIsAskedForWhenItIsRead(t *testing.T) {
	addr := start(t, &Server{Handler: http.HandlerFunc(echo)})
	c := dial(t, addr).say("POST /body HTTP/1.1\r\n" + host + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	line, err := c.in.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 100 Continue\r\n", line)
	line, err = c.in.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "\r\n", line)
	c.say("hello" + get)
	c.get(200, `"hello" <nil>`)
	c.get(200, "GET /x")
}

func TestHandlerMayReadWhileItWrites(t *testing.T) {
	addr := start(t, &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctl := http.NewResponseController(w)
		require.NoError(t, ctl.EnableFullDuplex())
		p := make([]byte, 1)
		for {
			if _, err := io.ReadFull(r.Body, p); err != nil {
				return
			}
			_, _ = w.Write(p)
			_ = ctl.Flush()
		}
	})})
	c := dial(t, addr).say("POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\n")
	c.say("a")
	resp, err := http.ReadResponse(c.in, nil)
	require.NoError(t, err)
	for _, letter := range "abc" {
		p := make([]byte, 1)
		_, err := io.ReadFull(resp.Body, p)
		require.NoError(t, err)
		require.Equal(t, string(letter), string(p))
		if letter < 'c' {
			c.say(string(letter + 1))
		}
	}
	rest, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Empty(t, rest)
}

func TestSlowClientsAreLeft(t *testing.T) {
	addr := start(t, &Server{Handler: http.HandlerFunc(echo), HeaderTimeout: 50 * time.Millisecond, IdleTimeout: 100 * time.Millisecond})
	require.True(t, dial(t, addr).ends(), "says nothing")
	require.True(t, dial(t, addr).say("GET / HT").ends(), "begins a request")
	c := dial(t, addr).say(get)
	c.get(200, "GET /x")
	require.True(t, c.ends(), "asks nothing more")
	c = dial(t, addr).say(get)
	c.get(200, "GET /x")
	require.True(t, c.say("GET / HT").ends(), "begins a second request")
}

func TestHeaderMayComeInPieces(t *testing.T) {
	addr := start(t, &Server{Handler: http.HandlerFunc(echo)})
	c := dial(t, addr)
	large := "GET /x HTTP/1.1\r\n" + host + "X-Large: " + strings.Repeat("x", 20<<10) + "\r\n\r\n"
	for _, text := range []string{get, post + "hello" + get, large + get} {
		for len(text) > 0 {
			n := min(len(text), max(1, len(text)/50))
			c.say(text[:n])
			text = text[n:]
			time.Sleep(100 * time.Microsecond)
		}
	}
	for range 5 {
		c.get(200, " /x")
	}
}

func TestDeadlinesOfHandlersEndWithTheirRequest(t *testing.T) {
	addr := start(t, &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctl := http.NewResponseController(w)
		if r.URL.Path == "/x" {
			require.NoError(t, ctl.SetReadDeadline(time.Now().Add(-time.Second)))
			require.NoError(t, ctl.SetWriteDeadline(time.Now().Add(time.Hour)))
		}
		_, err := io.ReadAll(r.Body)
		fmt.Fprint(w, "read ", err)
	})})
	c := dial(t, addr).say(get)
	c.get(200, "read <nil>")
	c.say(strings.Replace(post, "/x", "/y", 1) + "hello")
	c.get(200, "read <nil>")
	c.say(post)
	c.get(200, "timeout")
	require.True(t, c.ends(), "the rest of the body is not waited for")
}

func TestClientThatTakesNothingEndsItsRequest(t *testing.T) {
	failed := make(chan error, 1)
	addr := start(t, &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		for {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				<-r.Context().Done()
				failed <- err
				return
			}
		}
	})})
	dial(t, addr).say(get)
	select {
	case err := <-failed:
		require.ErrorContains(t, err, "timeout")
	case <-time.After(patience):
		t.Fatal("it is written on and on")
	}
}

func TestRefusedBodyDoesNotHideTheAnswer(t *testing.T) {
	addr := start(t, &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	})})
	resp, err := http.Post("http://"+addr, "text/plain", strings.NewReader(strings.Repeat("x", 8<<20)))
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
	require.NoError(t, resp.Body.Close())
}

func TestPanicEndsTheConnectionAlone(t *testing.T) {
	log := &lines{}
	addr := start(t, &Server{Log: log.logger(), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/x" {
			panic("a fault")
		}
		echo(w, r)
	})})
	require.True(t, dial(t, addr).say(get).ends())
	require.Contains(t, log.text(), "a fault")
	require.Contains(t, log.text(), "conn_test.go", "where it was")
	c := dial(t, addr).say(strings.Replace(get, "/x", "/abort", 1))
	h, err := c.hear(http.MethodGet)
	require.NoError(t, err)
	require.True(t, h.cut)
	require.NotContains(t, log.text(), "abort")
	dial(t, addr).say(strings.Replace(get, "/x", "/y", 1)).get(200, "GET /y")
}

func TestShutdownWaitsForAnswers(t *testing.T) {
	s := &Server{}
	addr, calls := held(t, s)
	idle, busy := dial(t, addr).say(get), dial(t, addr)
	close((<-calls).end)
	idle.get(200, "/x")
	busy.say(get)
	one := <-calls
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(context.Background()) }()
	require.True(t, idle.ends(), "who asks nothing is not waited for")
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	_, err := net.Dial("tcp", addr)
	require.Error(t, err, "nobody is let in")
	close(one.end)
	require.True(t, busy.get(200, "/x").closing)
	require.NoError(t, <-done)
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	s := &Server{}
	addr, calls := held(t, s)
	dial(t, addr).say(get)
	one := <-calls
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Shutdown(ctx), context.DeadlineExceeded)
	require.NoError(t, s.Close())
	one.left(t)
}

// counted counts a listener's writes.
type counted struct {
	net.Listener
	writes atomic.Int64
}

func (l *counted) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &countedConn{c, l}, err
}

type countedConn struct {
	net.Conn
	l *counted
}

func (c *countedConn) Write(p []byte) (int, error) {
	c.l.writes.Add(1)
	return c.Conn.Write(p)
}

func TestSmallAnswersAreOneWrite(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &counted{Listener: tcp}
	s := &Server{Handler: http.HandlerFunc(echo), Log: quiet}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	defer func() { require.NoError(t, s.Close()); <-done }()
	c := dial(t, tcp.Addr().String())
	for path, writes := range map[string]int64{"/x": 1, "/length": 1, "/empty": 1, "/trailers": 1, "/stream": 4} {
		before := l.writes.Load()
		c.say(strings.Replace(get, "/x", path, 1))
		c.get(200, "")
		require.Equal(t, writes, l.writes.Load()-before, path)
	}
}

// TestOpenStreamsHoldNoBuffers looks at a connection between two events.
func TestOpenStreamsHoldNoBuffers(t *testing.T) {
	at := make(chan *response)
	goOn := make(chan struct{})
	addr := start(t, &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		_, _ = io.WriteString(w, "event\n")
		_ = http.NewResponseController(w).Flush()
		at <- w.(*response)
		<-goOn
	})})
	c := dial(t, addr).say(post + "hello")
	w := <-at
	require.Nil(t, w.piece)
	require.Nil(t, w.c.in.buf)
	close(goOn)
	c.get(200, "event")
}

// TestQuickAnswersStartNoGoroutine counts goroutines over many requests of one connection.
func TestQuickAnswersStartNoGoroutine(t *testing.T) {
	var most atomic.Int64
	addr := start(t, &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		most.Store(max(most.Load(), int64(runtime.NumGoroutine())))
	})})
	c := dial(t, addr).say(get)
	c.get(200, "")
	before := runtime.NumGoroutine()
	most.Store(0)
	for range 50 {
		c.say(get).get(200, "")
	}
	require.LessOrEqual(t, most.Load(), int64(before+1), "one of a request that was held up is possible")
}

// lines is a log that is read.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// A handler can find out whether it would wait for a body.
func TestAHandlerKnowsWhatOfABodyHasCome(t *testing.T) {
	seen := make(chan int64, 2)
	addr := start(t, &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := r.Body.(interface{ Buffered() int64 })
		seen <- b.Buffered()
		_, _ = io.Copy(io.Discard, r.Body)
		seen <- b.Buffered()
	})})
	c := dial(t, addr)
	for _, ask := range []struct {
		now, later string
		buffered   int64
	}{
		{"Content-Length: 4\r\n\r\nbody", "", 4},
		{"Content-Length: 4\r\n\r\nbo", "dy", 2},
		{"Content-Length: 4\r\n\r\n", "body", 0},
		{"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", "", 0},
	} {
		c.say("POST / HTTP/1.1\r\nHost: a\r\n" + ask.now)
		require.Equal(t, ask.buffered, <-seen, ask.now)
		c.say(ask.later)
		require.Zero(t, <-seen, "nothing is left")
		c.get(200, "")
	}
}
