package http1

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// deaf is a connection whose client says something and then takes nothing.
type deaf struct {
	script
	once   sync.Once
	closed chan struct{}
}

func newDeaf(text string) *deaf {
	return &deaf{script: script{[]byte(text), readSize}, closed: make(chan struct{})}
}

func (d *deaf) Read(p []byte) (int, error) {
	if n, err := d.script.Read(p); err == nil {
		return n, nil
	}
	<-d.closed
	return 0, net.ErrClosed
}

func (d *deaf) Write([]byte) (int, error) {
	<-d.closed
	return 0, net.ErrClosed
}

func (d *deaf) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}

func (*deaf) RemoteAddr() net.Addr { return &net.TCPAddr{} }
func (*deaf) LocalAddr() net.Addr  { return &net.TCPAddr{} }

func (d *deaf) wasLeft(t *testing.T) {
	t.Helper()
	select {
	case <-d.closed:
	case <-time.After(patience):
		t.Fatal("it is waited for on and on")
	}
}

func TestClientThatTakesNothingIsLeftWithoutDeadlinesOfHandlers(t *testing.T) {
	s := &Server{Handler: http.HandlerFunc(echo), WriteTimeout: 50 * time.Millisecond}
	s.prepare()
	start(t, s)
	for name, text := range map[string]string{"an answer": get, "asked for its body": "POST /body HTTP/1.1\r\n" + host + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"} {
		t.Run(name, func(t *testing.T) {
			d := newDeaf(text)
			s.open(d)
			d.wasLeft(t)
		})
	}
}

func TestFloodOfRequestsWhoseAnswersNobodyTakesEnds(t *testing.T) {
	s := &Server{Handler: http.HandlerFunc(echo), WriteTimeout: 100 * time.Millisecond}
	c := dial(t, start(t, s))
	flood := strings.Repeat(strings.Replace(get, "/x", "/huge", 1), 1000)
	for {
		if _, err := io.WriteString(c, flood); err != nil {
			var n net.Error
			require.False(t, errors.As(err, &n) && n.Timeout(), "it is never left")
			return
		}
	}
}

func TestHandlersDeadlineGoesBeforeTheServers(t *testing.T) {
	goOn := make(chan struct{})
	s := &Server{WriteTimeout: time.Millisecond, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Hour))
		_, _ = w.Write(make([]byte, 16<<20))
		close(goOn)
	})}
	c := dial(t, start(t, s)).say(get)
	time.Sleep(100 * time.Millisecond) // many sweeps
	h, err := c.hear(http.MethodGet)
	require.NoError(t, err)
	require.False(t, h.cut)
	<-goOn
}

// timed notes the read deadline that its connection has.
type timed struct {
	net.Conn
	until atomic.Pointer[time.Time]
}

func (c *timed) SetReadDeadline(t time.Time) error {
	c.until.Store(&t)
	return c.Conn.SetReadDeadline(t)
}

// TestTimeForAnUnreadBodyEndsWithIt has a stream behind a body that its handler leaves unread: the time in which the rest of the
// body may come is not a time for the stream.
func TestTimeForAnUnreadBodyEndsWithIt(t *testing.T) {
	left := make(chan time.Time, 1)
	s := &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).Flush()
		left <- *w.(*response).c.rwc.(*timed).until.Load()
	})}
	s.prepare()
	start(t, s)
	here, there := pair(t)
	s.open(&timed{Conn: here})
	_, err := io.WriteString(there, post+"hello")
	require.NoError(t, err)
	require.Zero(t, <-left)
}

// A request of which the watcher has taken the first byte has begun, though nothing more comes.
func TestAByteThatCameEarlyIsNotWaitedFor(t *testing.T) {
	in := input{early: 'G', hasEarly: true, wait: func() error { return errWait }}
	require.NoError(t, in.fill())
	require.Equal(t, "G", string(in.waiting()))
	require.ErrorIs(t, (&input{wait: in.wait}).fill(), errWait)
}

// pair is a connection over loopback.
func pair(t *testing.T) (here, there net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	there, err = net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { there.Close() })
	here, err = l.Accept()
	require.NoError(t, err)
	return here, there
}

// TestReaderAtTheEndLeavesNoDeadline has somebody look at a body, all of which has come, just when its request ends.
func TestReaderAtTheEndLeavesNoDeadline(t *testing.T) {
	here, _ := pair(t)
	defer here.Close()
	nc := &timed{Conn: here}
	b := &body{c: newConn(&Server{}, nc), err: io.EOF}
	b.mu.Lock()
	ended := make(chan struct{})
	go func() { defer close(ended); b.end() }()
	require.Eventually(t, func() bool { return nc.until.Load() != nil }, patience, time.Millisecond, "the reader is interrupted")
	b.mu.Unlock()
	<-ended
	require.Zero(t, *nc.until.Load())
}

func TestAnswerEndsThoughItsBodyIsStillRead(t *testing.T) {
	read := make(chan error, 1)
	addr := start(t, &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/y" {
			w.Header().Set("Connection", "close")
		}
		_, _ = io.ReadFull(r.Body, make([]byte, 1))
		begun := make(chan struct{})
		go func() {
			close(begun)
			_, err := r.Body.Read(make([]byte, 8))
			read <- err
		}()
		<-begun
		time.Sleep(20 * time.Millisecond) // it waits for bytes now
		fmt.Fprint(w, "over")
	})})
	for _, sent := range []string{strings.Replace(post, "/x", "/y", 1), strings.Replace(post, host, host+"Connection: close\r\n", 1)} {
		c := dial(t, addr).say(sent + "h")
		require.NoError(t, c.SetDeadline(time.Now().Add(drainTime/2)))
		c.get(200, "over")
		require.True(t, c.ends())
		select {
		case err := <-read:
			require.Error(t, err)
		case <-time.After(patience):
			t.Fatal("it is read on and on")
		}
	}
}

func TestChunkIsReadBeforeWhatFollowsIt(t *testing.T) {
	got := make(chan string, 1)
	addr := start(t, &Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		p := make([]byte, 5)
		_, err := io.ReadFull(r.Body, p)
		got <- fmt.Sprint(string(p), err)
	})})
	c := dial(t, addr).say("POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello")
	select {
	case text := <-got:
		require.Equal(t, "hello<nil>", text)
	case <-time.After(patience):
		t.Fatal("what has come is held back")
	}
	c.say("\r\n0\r\n\r\n").get(200, "")
}

// TestEmptyLineBehindAPostIsPassedOver has old clients' one line of grace, and no other.
func TestEmptyLineBehindAPostIsPassedOver(t *testing.T) {
	addr := start(t, &Server{Handler: http.HandlerFunc(echo)})
	posted := "POST /body HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello"
	c := dial(t, addr)
	for _, line := range []string{"\r\n", "", "\r\n"} {
		c.say(posted+line).get(200, "hello")
	}
	for _, letter := range posted + "\r\n" + get { // one by one
		c.say(string(letter))
	}
	c.get(200, "hello")
	c.get(200, "GET /x")
	for name, sent := range map[string]string{"twice": posted + "\r\n\r\n" + get, "LF alone": posted + "\n" + get, "CR alone": posted + "\r" + get} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, addr).say(sent)
			c.get(200, "hello")
			require.True(t, c.get(400, "").closing)
			require.True(t, c.ends())
		})
	}
	c = dial(t, addr).say(get + "\r\n" + get)
	c.get(200, "GET /x")
	require.True(t, c.get(400, "").closing, "nothing was posted")
}

func TestEmptyLineBehindAPostIsNoRequestUnderWay(t *testing.T) {
	s := &Server{Handler: http.HandlerFunc(echo)}
	c := dial(t, start(t, s)).say(post + "hello\r\n")
	c.get(200, "POST /x")
	time.Sleep(20 * time.Millisecond) // it waits for a request now
	ctx, cancel := context.WithTimeout(t.Context(), patience/10)
	defer cancel()
	require.NoError(t, s.Shutdown(ctx))
	require.True(t, c.ends())
}

func TestConnectionHeaderBeginsNoOther(t *testing.T) {
	addr := start(t, &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "a\r\nX-False: 1")
		w.WriteHeader(http.StatusOK)
		w.Header().Set("Connection", "later")
	})})
	h := dial(t, addr).say(get).get(200, "")
	require.Equal(t, "a  X-False: 1", h.header.Get("Connection"))
	require.Empty(t, h.header.Get("X-False"))
}

func TestCloseEndsARequestThatBeginsMeanwhile(t *testing.T) {
	here, _ := pair(t)
	s := &Server{Handler: http.HandlerFunc(echo)}
	s.prepare()
	c := newConn(s, here)
	s.conns[c] = struct{}{}
	require.NoError(t, s.Close()) // its header was read, its handler not called yet
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.begin(cancel)
	require.Error(t, ctx.Err())
}

// TestDeadlineForABodyIsNoneForItsAnswer has a handler leave its deadline where it is.
func TestDeadlineForABodyIsNoneForItsAnswer(t *testing.T) {
	s := &Server{}
	addr, calls := held(t, s)
	c := dial(t, addr).say(get)
	one := <-calls
	time.Sleep(5 * watchAfter) // the watch has begun, or begins
	require.NoError(t, one.w.(*response).SetReadDeadline(time.Unix(1, 0)))
	time.Sleep(5 * watchAfter)
	require.NoError(t, one.r.Context().Err())
	close(one.end)
	c.get(200, "/x")
	c.say(get)
	one = <-calls
	time.Sleep(5 * watchAfter)
	require.NoError(t, one.w.(*response).SetReadDeadline(time.Unix(1, 0)))
	time.Sleep(5 * watchAfter)
	require.NoError(t, c.Close())
	one.left(t)
}

// TestBodyThatIsHereHasNoTime has a handler bound the reading of two bodies, of which one came with its header.
func TestBodyThatIsHereHasNoTime(t *testing.T) {
	set := make(chan bool, 1)
	s := &Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctl, nc := http.NewResponseController(w), w.(*response).c.rwc.(*timed)
		nc.until.Store(nil)
		require.NoError(t, ctl.SetReadDeadline(time.Now().Add(time.Hour)))
		set <- nc.until.Load() != nil
		_, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.NoError(t, ctl.SetReadDeadline(time.Time{}))
	})}
	s.prepare()
	start(t, s)
	here, there := pair(t)
	s.open(&timed{Conn: here})
	_, err := io.WriteString(there, post+"hello")
	require.NoError(t, err)
	require.False(t, <-set)
	_, err = io.WriteString(there, post+"hell")
	require.NoError(t, err)
	require.True(t, <-set)
	_, err = io.WriteString(there, "o"+post+"hello")
	require.NoError(t, err)
	require.False(t, <-set)
}
