package direct

import (
	"net"
	"sync"
	"time"
)

// limit is the deadline of a connection's writes. The connection itself has it only while a write waits: most do not, and a deadline that is
// set costs more than a lock.
type limit struct {
	conn net.Conn

	mu    sync.Mutex // guards what follows
	until time.Time  // zero is none
	waits int        // writes that wait
}

func (l *limit) set(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = t
	if l.waits == 0 {
		return nil
	}
	return l.conn.SetWriteDeadline(t)
}

func (l *limit) passed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.until.IsZero() && !time.Now().Before(l.until)
}

// begin sees to the deadline of a write that is going to wait; end must follow.
func (l *limit) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waits++; !l.until.IsZero() {
		_ = l.conn.SetWriteDeadline(l.until) // a connection that is closed says so when it is written
	}
}

func (l *limit) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waits--; l.waits == 0 {
		_ = l.conn.SetWriteDeadline(time.Time{}) // as above
	}
}
