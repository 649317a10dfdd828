package mux

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stranger is the other end of a session, which sends whatever frames it likes.
type stranger struct {
	testing.TB
	net.Conn
}

// meet starts a session that accepts streams, and its stranger.
func meet(t testing.TB, c Config) (*Session, stranger) {
	t.Helper()
	x, y := sockets(t)
	out := NewOutlet(x)
	s := Server(out, out, c)
	t.Cleanup(func() { s.Close() })
	return s, stranger{t, y}
}

// say sends frames, each with its payload.
func (x stranger) say(frames ...any) {
	x.Helper()
	var all []byte
	for _, f := range frames {
		switch f := f.(type) {
		case header:
			all = append(all, f[:]...)
		case []byte:
			all = append(all, f...)
		}
	}
	_, err := x.Write(all)
	require.NoError(x, err)
}

// hear waits for a frame that is no question whether it is there.
func (x stranger) hear() (h header, payload []byte, err error) {
	_ = x.SetReadDeadline(time.Now().Add(patience))
	for {
		if _, err := io.ReadFull(x, h[:]); err != nil {
			return h, nil, err
		}
		if h[1] == kindPing && h.has(flagSYN) {
			continue
		}
		if h[1] == kindData {
			payload = make([]byte, h.length())
			_, err = io.ReadFull(x, payload)
		}
		return h, payload, err
	}
}

// settle waits until the session has taken all that was said.
func (x stranger) settle() {
	x.Helper()
	x.say(frame(kindPing, flagSYN, 0, 4711))
	for pong := frame(kindPing, flagACK, 0, 4711); ; {
		h, _, err := x.hear()
		require.NoError(x, err)
		if h == pong {
			return
		}
	}
}

func open(id uint32) header { return frame(kindWindow, flagSYN, id, 0) }

func TestWhatBreaksTheProtocolEndsTheSession(t *testing.T) {
	much := make([]byte, window+1)
	for name, said := range map[string][]any{
		"another version":                 {header{1}},
		"an unknown kind":                 {header{0, 4}},
		"a number of the other end":       {open(2)},
		"the same stream twice":           {open(1), open(1)},
		"more than the window":            {open(1), frame(kindData, 0, 1, window+1), much},
		"more than is left of it":         {open(1), frame(kindData, 0, 1, window), much[1:], frame(kindData, 0, 1, 1), much[:1]},
		"more than the window at once":    {frame(kindData, flagSYN, 1, window+1), much},
		"a length beyond all":             {open(1), frame(kindData, 0, 1, 1<<32-1)},
		"a length for no stream":          {frame(kindData, 0, 9, maxWindow+1)},
		"a length beyond all for none":    {frame(kindData, 0, 9, 1<<32-1)},
		"windows that add up beyond all":  {open(1), frame(kindWindow, 0, 1, 1<<31), frame(kindWindow, 0, 1, 1<<31)},
		"a window beyond all with an ACK": {open(1), frame(kindWindow, flagACK, 1, 1<<32-1)},
	} {
		t.Run(name, func(t *testing.T) {
			s, x := meet(t, Config{MaxIncoming: 10})
			x.say(said...)
			h, _, err := x.hear()
			require.NoError(t, err)
			require.Equal(t, frame(kindGoAway, 0, 0, codeProtocol), h)
			_, _, err = x.hear()
			require.Error(t, err)
			within(t, "the session ends", func() { <-s.Done() })
			require.ErrorIs(t, s.reason(), ErrProtocol)
		})
	}
}

// A window is opened again by halves, not with every read.
func TestWindowsAreOpenedByHalves(t *testing.T) {
	s, x := meet(t, Config{MaxIncoming: 10})
	x.say(open(1))
	st, err := s.AcceptStream()
	require.NoError(t, err)
	for range 2 * window / 1024 {
		x.say(frame(kindData, 0, 1, 1024), make([]byte, 1024))
		_, err := io.ReadFull(st, make([]byte, 1024))
		require.NoError(t, err)
	}
	x.say(frame(kindPing, flagSYN, 0, 1))
	var updates []uint32
	for h := (header{}); h != frame(kindPing, flagACK, 0, 1); {
		if h, _, err = x.hear(); h[1] == kindWindow && h.length() > 0 {
			updates = append(updates, h.length())
		}
		require.NoError(t, err)
	}
	require.Equal(t, []uint32{window / 2, window / 2, window / 2, window / 2}, updates)
}

// Number 0 is the session's, though it is even as the numbers of the end that accepts.
func TestNumberZeroIsNoStream(t *testing.T) {
	x, y := sockets(t)
	out := NewOutlet(x)
	s := Client(out, out, Config{MaxIncoming: 10})
	t.Cleanup(func() { s.Close() })
	stranger{t, y}.say(open(2), open(0))
	within(t, "the session ends", func() { <-s.Done() })
	require.ErrorIs(t, s.reason(), ErrProtocol)
}

// What was under way when a stream ended, and what concerns no stream, is passed over.
func TestFramesForUnknownStreamsArePassedOver(t *testing.T) {
	s, x := meet(t, Config{MaxIncoming: 10})
	x.say(
		frame(kindData, 0, 7, 3), []byte("abc"), frame(kindWindow, 0, 7, 1<<32-1), frame(kindWindow, flagFIN, 7, 0), frame(kindWindow, flagRST, 7, 5),
		frame(kindWindow, flagACK, 2, 0), frame(kindPing, flagACK, 0, 99), frame(kindPing, 0, 0, 98), frame(kindData, flagFIN, 0, 0),
		open(1), frame(kindData, 0, 1, 2), []byte("hi"),
	)
	st, err := s.AcceptStream()
	require.NoError(t, err)
	_, err = io.ReadFull(st, make([]byte, 2))
	require.NoError(t, err)
	st.Close()
	x.say(frame(kindData, 0, 1, 5), []byte("later"), open(3))
	_, err = s.AcceptStream()
	require.NoError(t, err)
}

// A number may be used again once its stream has ended both ways.
func TestANumberIsFreeOnceItsStreamHasEnded(t *testing.T) {
	s, x := meet(t, Config{MaxIncoming: 10})
	for range 20 {
		x.say(open(1))
		st, err := s.AcceptStream()
		require.NoError(t, err)
		st.Close()
		for { // the word that it is closed
			h, _, err := x.hear()
			require.NoError(t, err)
			if h.has(flagFIN) {
				break
			}
		}
		x.say(frame(kindWindow, flagFIN, 1, 0))
	}
	require.Zero(t, s.NumStreams())
}

func TestPayloadAndEndMayComeInOneFrame(t *testing.T) {
	s, x := meet(t, Config{MaxIncoming: 10})
	x.say(frame(kindData, flagSYN|flagFIN, 1, 5), []byte("whole"))
	st, err := s.AcceptStream()
	require.NoError(t, err)
	got, err := io.ReadAll(st)
	require.NoError(t, err)
	require.Equal(t, "whole", string(got))
}

func TestWhatComesAfterTheEndIsDropped(t *testing.T) {
	s, x := meet(t, Config{MaxIncoming: 10})
	x.say(open(1), frame(kindData, flagFIN, 1, 1), []byte("a"), frame(kindData, 0, 1, 1), []byte("b"))
	x.settle()
	st, err := s.AcceptStream()
	require.NoError(t, err)
	got, err := io.ReadAll(st)
	require.NoError(t, err)
	require.Equal(t, "a", string(got))
}

func TestStreamsThatNobodyAcceptsAreBounded(t *testing.T) {
	s, x := meet(t, Config{MaxIncoming: 10_000})
	for i := range uint32(backlog + 20) {
		x.say(open(2*i + 1))
	}
	for i := range uint32(20) {
		h, _, err := x.hear()
		require.NoError(t, err)
		require.Equal(t, frame(kindWindow, flagRST, 2*(backlog+i)+1, 0), h)
	}
	require.Equal(t, backlog, s.NumStreams())
}

// One that is reset before it is accepted is not worth a word more, and leaves its place.
func TestStreamsThatAreResetAtOnceAreNotAccepted(t *testing.T) {
	s, x := meet(t, Config{MaxIncoming: 10})
	for i := range uint32(backlog - 1) {
		x.say(open(2*i+1), frame(kindWindow, flagRST, 2*i+1, 0))
	}
	x.say(open(10_001))
	x.settle()
	st, err := s.AcceptStream()
	require.NoError(t, err)
	require.EqualValues(t, 10_001, st.StreamID())
	h, _, err := x.hear()
	require.NoError(t, err)
	require.Equal(t, frame(kindWindow, flagACK, 10_001, 0), h)
	require.Equal(t, 1, s.NumStreams())
}

// An ACK is of one stream: one that comes twice makes no room for another.
func TestAnAckCountsOnce(t *testing.T) {
	s, x := meet(t, Config{})
	for range backlog {
		_, err := s.OpenStream(t.Context())
		require.NoError(t, err)
	}
	for range 10 {
		x.say(frame(kindWindow, flagACK, 2, 0))
	}
	x.settle()
	require.Len(t, s.unacked, backlog-1)
}

// Many small frames cost no more memory than their bytes, twice.
func TestSmallFramesCostNoMoreThanLargeOnes(t *testing.T) {
	for _, size := range []int{1, 100, smallChunk/2 + 1, smallChunk + 1, largeChunk/2 + 1} {
		s, x := meet(t, Config{MaxIncoming: 10})
		x.say(open(1))
		n := min(window/size, 20_000) * size
		var said []byte
		for range n / size {
			h := frame(kindData, 0, 1, uint32(size))
			said = append(append(said, h[:]...), make([]byte, size)...)
		}
		x.say(said)
		st, err := s.AcceptStream()
		require.NoError(t, err)
		eventually(t, func() bool { st.mu.Lock(); defer st.mu.Unlock(); return st.got.size == n })
		held := 0
		for c := st.got.first; c != nil; c = c.next {
			held += len(c.b)
		}
		require.LessOrEqual(t, held, 2*n+largeChunk, "frames of %d bytes", size)
		got := 0
		for p := make([]byte, 777); got < n; {
			m, err := st.Read(p)
			require.NoError(t, err)
			got += m
		}
		require.Equal(t, n, got)
	}
}

func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatal("never came true")
}

// One who asks without an end and never reads costs a bounded amount of memory, and is left when he has taken nothing for WriteTimeout.
func TestFloodsCostABoundedAmountOfMemory(t *testing.T) {
	for name, f := range map[string]header{
		"pings":                   frame(kindPing, flagSYN, 0, 1),
		"pongs":                   frame(kindPing, flagACK, 0, 1),
		"streams that are no use": open(1),
		"windows":                 frame(kindWindow, 0, 3, 0),
		"resets":                  frame(kindWindow, flagRST, 5, 0),
	} {
		t.Run(name, func(t *testing.T) {
			x, y := sockets(t)
			narrow(t, x, y)
			out := NewOutlet(x)
			s := Server(buffered{out, bufio.NewReader(out)}, out, Config{WriteTimeout: 300 * time.Millisecond}) // takes no streams
			t.Cleanup(func() { s.Close() })
			var flood []byte
			for range 1000 {
				flood = append(flood, f[:]...)
			}
			most := 0
			_ = y.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
			for range 1000 {
				if _, err := y.Write(flood); err != nil {
					break
				}
				s.w.mu.Lock()
				if s.w.pending != nil {
					most = max(most, len(*s.w.pending))
				}
				s.w.mu.Unlock()
			}
			require.LessOrEqual(t, most, maxQueued+len(f))
			if name == "pings" {
				require.LessOrEqual(t, most, maxPending+len(f))
			}
		})
	}
}

// Answers that must not be left out are bounded too, however slowly they are taken.
func TestAPeerThatLeavesAnswersUnreadEndsTheSession(t *testing.T) {
	x, y := sockets(t)
	out := NewOutlet(x)
	s := Server(buffered{out, bufio.NewReader(out)}, out, Config{WriteTimeout: time.Hour}) // takes no streams
	t.Cleanup(func() { s.Close() })
	var flood []byte
	for range 1000 {
		h := open(1)
		flood = append(flood, h[:]...)
	}
	_ = y.SetWriteDeadline(time.Now().Add(patience))
	for err := error(nil); err == nil; {
		_, err = y.Write(flood)
	}
	within(t, "the session ends", func() { <-s.Done() })
	require.ErrorIs(t, s.reason(), ErrWriteTimeout)
}

// buffered is a connection that is read by many frames at once, as TLS reads.
type buffered struct {
	net.Conn
	r io.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

// narrow makes the buffers of a connection small.
func narrow(t testing.TB, conns ...net.Conn) {
	t.Helper()
	for _, c := range conns {
		require.NoError(t, c.(*net.TCPConn).SetWriteBuffer(64<<10))
		require.NoError(t, c.(*net.TCPConn).SetReadBuffer(64<<10))
	}
}

// FuzzSession gives a session whatever bytes: it ends, and leaves nothing behind.
func FuzzSession(f *testing.F) {
	add := func(frames ...any) {
		var all []byte
		for _, part := range frames {
			switch part := part.(type) {
			case header:
				all = append(all, part[:]...)
			case string:
				all = append(all, part...)
			}
		}
		f.Add(all, uint8(3), false)
		f.Add(all, uint8(3), true)
	}
	add(open(1), frame(kindData, 0, 1, 5), "hello", frame(kindWindow, flagFIN, 1, 0))
	add(frame(kindData, flagSYN|flagFIN, 1, 2), "hi", frame(kindPing, flagSYN, 0, 7), frame(kindWindow, flagRST, 1, 1))
	add(frame(kindWindow, flagACK, 2, 9), frame(kindData, 0, 2, 3), "abc", frame(kindData, flagRST, 2, 1), "x")
	add(frame(kindGoAway, 0, 0, 0x10))
	add(open(1), open(3), open(1))
	add(frame(kindData, 0, 9, 1<<32-1), "x")
	add(frame(kindData, 0, 1, 1), "x", frame(kindWindow, flagRST, 1, 0), open(1), frame(kindData, 0, 1, 3), "xyz")
	f.Fuzz(func(t *testing.T, said []byte, piece uint8, lone bool) {
		if lone { // a stream whose reader reads for himself, before all
			said = append(oneByOne(1, 2*aloneAfter), said...)
		}
		before := runtime.NumGoroutine()
		out := NewOutlet(&script{text: said, piece: 1 + int(piece)})
		s := Server(out, out, Config{MaxIncoming: 4})
		opened, err := s.OpenStream(t.Context())
		if err == nil {
			_, _ = opened.Write([]byte("question"))
		}
		for {
			st, err := s.AcceptStream()
			if err != nil {
				break
			}
			_, _ = io.CopyN(st, st, 64)
			st.Close()
		}
		s.Close()
		if n := s.NumStreams(); n != 0 {
			t.Fatalf("%d streams are left", n)
		}
		if opened != nil {
			if _, err := io.Copy(io.Discard, opened); err == nil && opened.in.err == nil {
				t.Fatal("a stream goes on without its session")
			}
		}
		for range 1000 {
			if runtime.NumGoroutine() <= before {
				return
			}
			time.Sleep(time.Millisecond)
		}
		t.Fatal("a goroutine is left")
	})
}

// oneByOne opens a stream and sends n bytes on it, one by one.
func oneByOne(id uint32, n int) (said []byte) {
	for range n {
		h := frame(kindData, 0, id, 1)
		said = append(append(said, h[:]...), 'x')
	}
	binary.BigEndian.PutUint16(said[2:], flagSYN)
	return said
}

// script is a connection on which the other end says something in pieces, and hears nothing.
type script struct {
	text  []byte
	piece int
	late  atomic.Bool // the deadline of reads has passed
}

func (s *script) Read(p []byte) (int, error) {
	runtime.Gosched() // to who waits for what came before
	if s.late.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	if len(s.text) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.piece)], s.text)
	s.text = s.text[n:]
	return n, nil
}

func (s *script) SetReadDeadline(t time.Time) error {
	s.late.Store(!t.IsZero() && time.Now().After(t))
	return nil
}

func (s *script) Write(p []byte) (int, error)    { return len(p), nil }
func (*script) Close() error                     { return nil }
func (*script) LocalAddr() net.Addr              { return nil }
func (*script) RemoteAddr() net.Addr             { return nil }
func (*script) SetDeadline(time.Time) error      { return nil }
func (*script) SetWriteDeadline(time.Time) error { return nil }
