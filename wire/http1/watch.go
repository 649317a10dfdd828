package http1

import (
	"errors"
	"net"
	"time"
)

// begin notes how the request under way is ended.
func (c *conn) begin(cancel func()) {
	c.watchMu.Lock()
	defer c.watchMu.Unlock()
	c.leave = cancel
	if c.left {
		cancel()
	}
}

// cut ends the connection, and the request under way or about to begin.
func (c *conn) cut() {
	c.rwc.Close()
	c.watchMu.Lock()
	defer c.watchMu.Unlock()
	c.left = true
	c.leave()
}

// current ends the request under way when it is called.
func (c *conn) current() func() {
	c.watchMu.Lock()
	defer c.watchMu.Unlock()
	return c.leave
}

// arm lets the watcher begin, should the answer take long: all of the request was read.
func (c *conn) arm() {
	c.watchMu.Lock()
	defer c.watchMu.Unlock()
	if c.watch != unwatched {
		return
	}
	c.watch = armed
	c.armed.Store(c.ticks.Load() + 1)
	c.keepTicking()
}

// keepTicking sees to a tick within watchAfter. One timer is enough for all connections, and is not set anew for every request, which
// would wake a thread of the runtime each time.
func (s *Server) keepTicking() {
	if !s.ticking.Load() && !s.ticking.Swap(true) {
		s.ticker.Reset(watchAfter)
	}
}

// tick lets the watchers begin of answers that were under way when it was last called.
func (s *Server) tick() {
	now := s.ticks.Add(1)
	s.ticking.Store(false) // before connections are looked at: whoever arms its watch later ticks on
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		switch at := c.armed.Load(); {
		case at == 0:
		case at < now:
			go c.watcher() // ended by stopWatch
		default:
			s.keepTicking()
		}
	}
}

// watcher waits for what a client sends while its request is answered: its end, which ends the request too, or the first byte of
// the next request, which is kept. stopWatch waits for it.
func (c *conn) watcher() {
	c.watchMu.Lock()
	c.armed.Store(0)
	if c.watch != armed || c.in.hasEarly {
		c.watchMu.Unlock()
		return
	}
	c.watch = watching
	ended := make(chan struct{})
	c.ended = ended
	c.watchMu.Unlock()

	var p [1]byte
	n, err := c.rwc.Read(p[:])
	for late(err) && c.watchesOn() {
		n, err = c.rwc.Read(p[:])
	}

	c.watchMu.Lock()
	defer c.watchMu.Unlock()
	defer close(ended)
	switch {
	case n == 1:
		c.in.early, c.in.hasEarly = p[0], true
	case err != nil && c.watch == watching:
		c.left = true
		c.leave()
	}
	c.ended = nil
}

// late says whether a deadline has passed, of whatever kind of connection.
func late(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// watchesOn takes a handler's deadline off the input: it was for the request's body, all of which has come. False says that the watch
// is to end.
func (c *conn) watchesOn() bool {
	c.watchMu.Lock()
	defer c.watchMu.Unlock()
	return c.watch == watching && c.rwc.SetReadDeadline(time.Time{}) == nil
}

// stopWatch ends the watch. False says that the client was seen to leave.
func (c *conn) stopWatch() bool {
	c.watchMu.Lock()
	c.armed.Store(0)
	c.leave = func() {} // what was the request's may go
	ended := c.ended
	c.watch = unwatched
	if ended != nil {
		c.watch = aborting
		_ = c.rwc.SetReadDeadline(time.Unix(1, 0)) // ends a read that waits
	}
	left := c.left
	c.watchMu.Unlock()
	if ended == nil {
		return !left
	}
	<-ended
	c.watchMu.Lock()
	defer c.watchMu.Unlock()
	c.watch = unwatched
	_ = c.rwc.SetReadDeadline(time.Time{})
	return !c.left
}
