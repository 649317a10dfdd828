package mux

import (
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stall fills a session whose other end reads nothing, until a write waits for room to wait in. Its streams' windows are open.
func stall(t testing.TB, c Config) (*Session, stranger) {
	t.Helper()
	x, y := sockets(t)
	narrow(t, x, y)
	out := NewOutlet(x)
	s := Client(out, out, c)
	t.Cleanup(func() { s.Close() })
	for range 10 {
		st, err := s.OpenStream(t.Context())
		require.NoError(t, err)
		go func() { _, _ = st.Write(make([]byte, window)) }() // ends with the session
	}
	eventually(t, func() bool {
		s.w.mu.Lock()
		defer s.w.mu.Unlock()
		return s.w.pending != nil && len(*s.w.pending) >= maxPending
	})
	return s, stranger{t, y}
}

func TestAPeerThatReadsNothingEndsTheSession(t *testing.T) {
	checkNoLeak(t)
	s, _ := stall(t, Config{WriteTimeout: 200 * time.Millisecond})
	within(t, "the session ends", func() { <-s.Done() })
	require.ErrorIs(t, s.reason(), ErrWriteTimeout)
	_, err := s.OpenStream(t.Context())
	require.ErrorIs(t, err, ErrWriteTimeout)
}

// waiting is a stream with a write that waits for others' frames to go.
func waiting(t *testing.T, s *Session) (*Stream, chan error) {
	t.Helper()
	st, err := s.OpenStream(t.Context()) // a frame without payload waits for nothing
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { _, err := st.Write([]byte("x")); ended <- err }()
	select {
	case err := <-ended:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(30 * time.Millisecond):
	}
	return st, ended
}

func TestAWriterThatWaitsIsFreed(t *testing.T) {
	for name, free := range map[string]struct {
		by  func(*Stream, *Session)
		err error
	}{
		"by a reset":           {func(st *Stream, _ *Session) { st.Reset() }, ErrReset},
		"by closing":           {func(st *Stream, _ *Session) { st.Close() }, net.ErrClosed},
		"by a deadline":        {func(st *Stream, _ *Session) { _ = st.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)) }, os.ErrDeadlineExceeded},
		"by one in the past":   {func(st *Stream, _ *Session) { _ = st.SetDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
		"by the session's end": {func(_ *Stream, s *Session) { go s.Close() }, net.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			checkNoLeak(t)
			s, _ := stall(t, Config{WriteTimeout: time.Hour})
			st, ended := waiting(t, s)
			free.by(st, s)
			within(t, "the writer returns", func() { require.ErrorIs(t, <-ended, free.err) })
		})
	}
}

func TestTheOtherEndsResetFreesAWriterThatWaits(t *testing.T) {
	s, x := stall(t, Config{WriteTimeout: time.Hour})
	st, ended := waiting(t, s)
	x.say(frame(kindWindow, flagRST, st.StreamID(), 0))
	within(t, "the writer returns", func() { require.ErrorIs(t, <-ended, ErrReset) })
}

// The one who sends for all is not held by the connection either.
func TestTheOneWhoSendsIsFreed(t *testing.T) {
	x, y := sockets(t)
	narrow(t, x, y)
	out := NewOutlet(x)
	s := Client(out, out, Config{WriteTimeout: time.Hour})
	t.Cleanup(func() { s.Close() })
	st, err := s.OpenStream(t.Context())
	require.NoError(t, err)
	stranger{t, y}.say(frame(kindWindow, 0, st.StreamID(), 1<<30))
	ended := make(chan error, 1)
	go func() { // alone, until the connection takes no more
		for err == nil {
			_, err = st.Write(make([]byte, 1<<10))
		}
		ended <- err
	}()
	for sent := -1; ; time.Sleep(50 * time.Millisecond) {
		st.mu.Lock()
		now := st.room
		st.mu.Unlock()
		if now == sent {
			break
		}
		sent = now
	}
	st.Reset()
	within(t, "the writer returns", func() { require.ErrorIs(t, <-ended, ErrReset) })
}

// What cannot be sent keeps nothing from being read.
func TestReadingGoesOnWhileNothingCanBeWritten(t *testing.T) {
	s, x := stall(t, Config{WriteTimeout: time.Hour})
	st, _ := waiting(t, s)
	for range 100 {
		x.say(frame(kindPing, flagSYN, 0, 1), frame(kindData, 0, st.StreamID(), 2), []byte("hi"))
		_, err := st.Read(make([]byte, 2))
		require.NoError(t, err)
	}
}

// All that waited arrives once the other end reads, in order and whole.
func TestWhatWaitedArrives(t *testing.T) {
	s, x := stall(t, Config{})
	st, ended := waiting(t, s)
	got := map[uint32]int{}
	for got[st.StreamID()] == 0 {
		h, payload, err := x.hear()
		require.NoError(t, err)
		got[h.stream()] += len(payload)
	}
	require.NoError(t, <-ended)
	for id := uint32(1); id <= 19; id += 2 {
		for got[id] < window {
			h, payload, err := x.hear()
			require.NoError(t, err)
			got[h.stream()] += len(payload)
		}
	}
	require.NoError(t, s.w.failed())
}

// counted counts writes.
type counted struct {
	net.Conn
	mu     sync.Mutex
	writes int
}

func (c *counted) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes++
	return c.Conn.Write(p)
}

func TestFramesThatComeWhileAnotherIsSentGoTogether(t *testing.T) {
	x, y := sockets(t)
	out := NewOutlet(x)
	conn := &counted{Conn: out}
	s := Client(conn, out, Config{})
	t.Cleanup(func() { s.Close() })
	_, err := io.ReadFull(y, make([]byte, 12)) // the first ping is out, so that nothing else is sent
	require.NoError(t, err)
	st, err := s.OpenStream(t.Context())
	require.NoError(t, err)

	eventually(t, func() bool {
		s.w.mu.Lock()
		defer s.w.mu.Unlock()
		if s.w.writing {
			return false
		}
		s.w.writing = true // as if somebody did, from now on
		return true
	})
	for range 50 { // none waits
		_, err := st.Write([]byte("frame"))
		require.NoError(t, err)
	}
	conn.mu.Lock()
	before := conn.writes
	conn.mu.Unlock()
	s.w.mu.Lock()
	require.NoError(t, s.w.send())
	conn.mu.Lock()
	require.Equal(t, before+1, conn.writes)
	conn.mu.Unlock()
	for got := 0; got < 50; {
		h, _, err := stranger{t, y}.hear()
		require.NoError(t, err)
		if h[1] == kindData {
			got++
		}
	}
}

// Nobody is kept for good by what others write: after some rounds a goroutine goes on in his place.
func TestAWriterIsNotKeptByOthers(t *testing.T) {
	x, y := sockets(t)
	out := NewOutlet(x)
	more := &refilled{Conn: out}
	s := Client(more, out, Config{})
	more.w = &s.w
	t.Cleanup(func() { s.Close() })
	go func() { // reads what comes, until the session ends
		for p := make([]byte, 4<<10); ; {
			if _, err := y.Read(p); err != nil {
				return
			}
		}
	}()
	st, err := s.OpenStream(t.Context())
	require.NoError(t, err)
	more.set(1000)
	_, err = st.Write([]byte("mine"))
	require.NoError(t, err)
	require.Greater(t, more.set(0), 0, "the write ended while others still came")
}

// refilled is a connection to which somebody else writes whenever something is written.
type refilled struct {
	net.Conn
	w     *writer
	mu    sync.Mutex
	times int
}

func (r *refilled) set(n int) (before int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, r.times = r.times, n
	return before
}

func (r *refilled) Write(p []byte) (int, error) {
	r.mu.Lock()
	again := r.times > 0
	r.times = max(0, r.times-1)
	r.mu.Unlock()
	if again {
		_ = r.w.control(frame(kindWindow, 0, 77, 1))
	}
	return r.Conn.Write(p)
}

// What TLS writes by itself, as an answer to new keys, is bounded while nobody sends it.
func TestAnOutletKeepsABoundedAmount(t *testing.T) {
	x, _ := sockets(t)
	out := NewOutlet(x)
	out.hold(true)
	var err error
	for range 2*maxHeld>>10 + 1 {
		if _, err = out.Write(make([]byte, 1<<10)); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, errHeld)
	require.LessOrEqual(t, len(*out.kept), maxHeld)
}

func TestASessionSaysFarewellToTLS(t *testing.T) {
	a, out, b, _ := secured(t)
	s := Client(a, out, Config{})
	go s.Close()
	for p := make([]byte, 64); ; {
		_ = b.SetReadDeadline(time.Now().Add(patience))
		if _, err := b.Read(p); err != nil {
			require.EqualError(t, err, "EOF", "an end without an alert is one that may have been cut")
			return
		}
	}
}
