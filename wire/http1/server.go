package http1

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Server serves connections of its listeners until Shutdown or Close. Zero limits take the defaults named beside them; they must
// not be changed once Serve has been called.
type Server struct {
	Handler        http.Handler
	HeaderTimeout  time.Duration // for a header, from its first byte on, and for a connection's first byte; 10 s
	IdleTimeout    time.Duration // for the next request on a connection; 2 min, and up to a quarter more
	WriteTimeout   time.Duration // for a client to take what is written at once, unless the handler has set a deadline; 2 min, and up to a quarter more
	MaxHeaderBytes int           // of a request's line and header; beyond it 431; 32 KiB
	MaxConns       int           // open at once, beyond it a new one is closed; 16,384
	PerAddress     int           // of them, of one address or IPv6 network of 64 bits; loopback, where proxies stand, has no such limit; 1,024
	Log            *slog.Logger  // of handlers that panic; slog.Default()

	closing atomic.Bool
	ticks   atomic.Int64 // so far
	ticking atomic.Bool  // the next is due
	ticker  *time.Timer
	once    sync.Once
	end     chan struct{} // closed with closing

	mu        sync.Mutex // guards what follows
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{}
	from      map[netip.Prefix]int // of conns, by their addresses
	empty     chan struct{}        // closed when the last connection has ended; nil unless Shutdown waits
}

// prepare fills in what is not set.
func (s *Server) prepare() {
	s.once.Do(func() {
		s.HeaderTimeout = cmp.Or(s.HeaderTimeout, 10*time.Second)
		s.IdleTimeout = cmp.Or(s.IdleTimeout, 2*time.Minute)
		s.WriteTimeout = cmp.Or(s.WriteTimeout, 2*time.Minute)
		s.MaxHeaderBytes = cmp.Or(s.MaxHeaderBytes, 32<<10)
		s.MaxConns = cmp.Or(s.MaxConns, 16<<10)
		s.PerAddress = cmp.Or(s.PerAddress, 1<<10)
		s.Log = cmp.Or(s.Log, slog.Default())
		s.end = make(chan struct{})
		s.listeners, s.conns = map[net.Listener]struct{}{}, map[*conn]struct{}{}
		s.from = map[netip.Prefix]int{}
		s.ticker = time.AfterFunc(watchAfter, s.tick)
		s.ticking.Store(true)
	})
}

// Serve accepts connections until the server or the listener is closed, and closes the listener. The error is never nil; after
// Shutdown or Close it is http.ErrServerClosed.
func (s *Server) Serve(l net.Listener) error {
	s.prepare()
	defer l.Close()
	if !s.listen(l) {
		return http.ErrServerClosed
	}
	swept := make(chan struct{})
	defer func() { <-swept }()
	done := make(chan struct{})
	defer close(done)
	go func() { defer close(swept); s.sweep(done) }()
	for pause := time.Duration(0); ; {
		nc, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			s.open(nc)
		case s.closing.Load():
			return http.ErrServerClosed
		case !passes(err):
			s.forget(l)
			return err
		default: // out of files, for one
			pause = min(max(5*time.Millisecond, 2*pause), time.Second)
			select {
			case <-time.After(pause):
			case <-s.end:
			}
		}
	}
}

// passes says whether an error of Accept goes by while the listener is there.
func passes(err error) bool {
	var n net.Error
	//lint:ignore SA1019 nothing else tells a want of files from a listener that is gone
	return errors.As(err, &n) && n.Temporary()
}

func (s *Server) listen(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	s.listeners[l] = struct{}{}
	return true
}

func (s *Server) forget(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}

// open serves a connection in a goroutine of its own, which Shutdown waits for and Close ends.
func (s *Server) open(nc net.Conn) {
	c := newConn(s, nc)
	s.mu.Lock()
	if s.closing.Load() || len(s.conns) >= s.MaxConns || c.from.IsValid() && s.from[c.from] >= s.PerAddress {
		s.mu.Unlock()
		nc.Close()
		return
	}
	s.conns[c] = struct{}{}
	s.from[c.from]++
	s.mu.Unlock()
	go c.serve()
}

// origin is what connections of one client are counted by; none for loopback and what is no address.
func origin(at net.Addr) netip.Prefix {
	tcp, ok := at.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap()
	if !ip.IsValid() || ip.IsLoopback() {
		return netip.Prefix{}
	}
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.WithZone("").Prefix(bits) // it has as many
	return p
}

// gone notes that a connection has ended.
func (s *Server) gone(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.from[c.from]--; s.from[c.from] == 0 {
		delete(s.from, c.from)
	}
	if len(s.conns) == 0 && s.empty != nil {
		close(s.empty)
		s.empty = nil
	}
}

// sweep closes connections that have waited for too long, for a request or for a client to take its answer, so that none needs a
// timer of its own.
func (s *Server) sweep(done <-chan struct{}) {
	tick := time.NewTicker(max(min(s.IdleTimeout, s.WriteTimeout)/4, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			now := sinceStart()
			s.closeIdle(now - int64(s.IdleTimeout))
			s.closeStalled(now - int64(s.WriteTimeout))
		}
	}
}

var programBegan = time.Now()

// sinceStart is how long the program has run, in nanoseconds and at least one: a machine's clock that is set does not change it.
func sinceStart() int64 { return int64(time.Since(programBegan)) + 1 }

// closeIdle closes the connections that have waited for a request since before a moment of sinceStart.
func (s *Server) closeIdle(before int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if since := c.idle.Load(); since > 0 && since <= before && c.idle.CompareAndSwap(since, closed) {
			c.rwc.Close()
		}
	}
}

// closeStalled closes the connections whose clients have taken nothing since before a moment of sinceStart, though a write waits for them.
func (s *Server) closeStalled(before int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		for _, since := range []int64{c.answering.Load(), c.asking.Load()} {
			if since > 0 && since <= before {
				c.rwc.Close()
			}
		}
	}
}

// stop lets no new connections in.
func (s *Server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing.Swap(true) {
		close(s.end)
	}
	for l := range s.listeners {
		l.Close()
		delete(s.listeners, l)
	}
}

// Shutdown closes listeners and idle connections, and waits until the requests under way are answered or ctx ends; its error is
// then ctx's.
func (s *Server) Shutdown(ctx context.Context) error {
	s.prepare()
	s.stop()
	s.closeIdle(sinceStart() + int64(time.Second))
	s.mu.Lock()
	if len(s.conns) == 0 {
		s.mu.Unlock()
		return nil
	}
	if s.empty == nil {
		s.empty = make(chan struct{})
	}
	empty := s.empty
	s.mu.Unlock()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close closes listeners and all connections, which ends the contexts of their requests. It does not wait for handlers.
func (s *Server) Close() error {
	s.prepare()
	s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.cut()
	}
	return nil
}
