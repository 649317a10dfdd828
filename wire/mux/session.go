package mux

import (
	"context"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	backlog   = 256       // streams that wait to be accepted; more are reset, so no more are opened than that
	window    = 256 << 10 // bytes that a stream's end may send at first, by the protocol
	maxWindow = 4 << 20   // bytes that it may grow to; 80 MB/s at 50 ms
)

// Config is what a session allows. Zero times take the defaults named beside them.
type Config struct {
	MaxIncoming  int           // streams that the other end may have open at once; more are reset
	KeepAlive    time.Duration // silence after which the other end is asked whether it is there; 10 s
	WriteTimeout time.Duration // for the other end to take 64 KiB of what is written, and to answer when asked; 10 s
}

// Session is one end of a connection with streams on it. As a net.Listener it accepts those that the other end opens.
type Session struct {
	Config
	conn     net.Conn
	w        writer
	odd      bool // the other end's streams have odd numbers
	accepted chan *Stream
	unacked  chan struct{} // one for each stream that was opened here and not yet accepted there
	done     chan struct{} // closed when the session ends
	work     sync.WaitGroup

	lead lead
	in   input

	began time.Time
	heard atomic.Int64 // when the last frame came, in nanoseconds since began
	rtt   atomic.Int64 // measured round trip in nanoseconds; 0 before the first
	pongs chan uint32  // names of pings that were answered

	mu       sync.Mutex // guards what follows
	streams  map[uint32]*Stream
	incoming int // of streams
	next     uint32
	err      error // why the session has ended
}

// Client starts the end that opens streams with odd numbers. Conn is out itself or TLS over it, and belongs to the session.
func Client(conn net.Conn, out *Outlet, c Config) *Session { return start(conn, out, c, 1) }

// Server starts the end that opens streams with even numbers.
func Server(conn net.Conn, out *Outlet, c Config) *Session { return start(conn, out, c, 2) }

func start(conn net.Conn, out *Outlet, c Config, first uint32) *Session {
	const usual = 10 * time.Second
	if c.KeepAlive <= 0 {
		c.KeepAlive = usual
	}
	if c.WriteTimeout <= 0 {
		c.WriteTimeout = usual
	}
	s := &Session{
		Config: c, conn: conn, w: writer{conn: conn, out: out, timeout: c.WriteTimeout},
		odd: first == 2, next: first, streams: map[uint32]*Stream{}, began: time.Now(),
		accepted: make(chan *Stream, backlog), unacked: make(chan struct{}, backlog),
		done: make(chan struct{}), pongs: make(chan uint32, 1),
	}
	s.w.room.L, s.w.free.L = &s.w.mu, &s.w.mu
	s.lead.begin()
	out.hold(true)
	s.work.Go(s.keep)
	s.work.Go(s.tend)
	return s
}

// OpenStream opens a stream. It waits only where 256 that it opened are not accepted yet.
func (s *Session) OpenStream(ctx context.Context) (*Stream, error) {
	select {
	case s.unacked <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.done:
		return nil, s.reason()
	}
	st, err := s.open()
	if err != nil {
		<-s.unacked
		return nil, err
	}
	if err := s.w.control(frame(kindWindow, flagSYN, st.id, 0)); err != nil {
		st.end(err)
		return nil, err
	}
	return st, nil
}

func (s *Session) open() (*Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	if s.next >= math.MaxUint32-1 {
		return nil, ErrExhausted
	}
	st := newStream(s, s.next)
	st.unacked = true
	s.streams[s.next] = st
	s.next += 2
	return st, nil
}

// AcceptStream waits for a stream that the other end opens.
func (s *Session) AcceptStream() (*Stream, error) {
	for {
		select {
		case st := <-s.accepted:
			if _, err := st.writable(); err != nil {
				continue // it was reset meanwhile
			}
			_ = s.w.control(frame(kindWindow, flagACK, st.id, 0)) // a session that ends ends its streams
			return st, nil
		case <-s.done:
			return nil, s.reason()
		}
	}
}

// Accept is AcceptStream for a net.Listener.
func (s *Session) Accept() (net.Conn, error) {
	st, err := s.AcceptStream()
	if err != nil {
		return nil, err
	}
	return st, nil
}

// Addr is the connection's own address, as LocalAddr.
func (s *Session) Addr() net.Addr       { return s.conn.LocalAddr() }
func (s *Session) LocalAddr() net.Addr  { return s.conn.LocalAddr() }
func (s *Session) RemoteAddr() net.Addr { return s.conn.RemoteAddr() }

// Done is closed when the session ends.
func (s *Session) Done() <-chan struct{} { return s.done }

// NumStreams is how many streams are open, at either end.
func (s *Session) NumStreams() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.streams)
}

// Close ends the session and its streams without a word, and waits for its goroutines.
func (s *Session) Close() error {
	s.finish(ErrClosed, codeNormal)
	s.wait()
	return nil
}

// CloseWithError is Close, but says a code to the other end first, for a second at most.
func (s *Session) CloseWithError(code uint32) {
	s.finish(&GoAway{Code: code}, code)
	s.wait()
}

func (s *Session) wait() {
	s.work.Wait()
	s.w.work.Wait()
}

// finish ends the session, once.
func (s *Session) finish(err error, code uint32) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return
	}
	s.err = err
	streams := s.streams
	s.streams = nil
	s.mu.Unlock()
	close(s.done)
	for _, st := range streams {
		st.end(err)
	}
	s.w.end(code)
}

func (s *Session) reason() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// forget takes a stream that has ended both ways off the session.
func (s *Session) forget(st *Stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.streams[st.id] != st {
		return
	}
	delete(s.streams, st.id)
	if s.theirs(st.id) {
		s.incoming--
	}
}

// theirs says whether the other end opens streams of this number.
func (s *Session) theirs(id uint32) bool { return (id%2 == 1) == s.odd }
