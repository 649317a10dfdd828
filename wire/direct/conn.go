// Package direct reads and writes connections by system calls of which Go's scheduler is mostly not told. They never wait, so it need not
// be: a call that it is told of wakes its monitor, a thread, whenever the program had nothing to do, and for a request that comes alone
// that costs more than the calls. What waits, waits as ever, in the runtime's poller and within the connection's deadlines.
package direct

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Conn is a connection that is read and written directly.
type Conn struct {
	net.Conn
	raw     syscall.RawConn // nil where the connection has no socket that this system lets be used so; it is used as it comes
	in, out call
	limit   limit // of writes, where there is a socket
}

// New is a connection over conn.
func New(conn net.Conn) *Conn {
	c := &Conn{Conn: conn}
	if s, ok := conn.(syscall.Conn); ok && possible {
		c.raw, _ = s.SyscallConn() // one that is closed already says so when it is used
	}
	c.in.run, c.out.run = c.in.read, c.out.write
	c.limit.conn, c.out.limit = conn, &c.limit
	return c
}

// Read is net.Conn's.
func (c *Conn) Read(p []byte) (int, error) {
	if c.raw == nil || len(p) == 0 {
		return c.Conn.Read(p)
	}
	return c.in.do(c.raw.Read, p, true)
}

// Write is net.Conn's.
func (c *Conn) Write(p []byte) (int, error) {
	if c.raw == nil || len(p) == 0 {
		return c.Conn.Write(p)
	}
	return c.write(p, true)
}

// TryWrite writes of p what the connection takes without waiting: nothing where that cannot be tried.
func (c *Conn) TryWrite(p []byte) (int, error) {
	if c.raw == nil || len(p) == 0 {
		return 0, nil
	}
	return c.write(p, false)
}

func (c *Conn) write(p []byte, waits bool) (int, error) {
	if c.limit.passed() {
		return 0, failed("write", os.ErrDeadlineExceeded)
	}
	return c.out.do(c.raw.Write, p, waits)
}

// WriteParts writes one part behind the other by as few system calls as Write would one.
func (c *Conn) WriteParts(parts net.Buffers) (int64, error) {
	if c.raw != nil {
		c.limit.begin()
		defer c.limit.end()
	}
	return parts.WriteTo(c.Conn)
}

// SetWriteDeadline is net.Conn's, but that a connection which is closed need not say so.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if c.raw == nil {
		return c.Conn.SetWriteDeadline(t)
	}
	return c.limit.set(t)
}

// SetDeadline is net.Conn's.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// call is a read or a write that may be under way, with its outcome.
type call struct {
	run   func(fd uintptr) bool
	limit *limit // nil where the connection keeps the deadline itself

	mu      sync.Mutex // held over a whole one, as the connection's own lock is
	p       []byte
	n       int
	err     error
	waits   bool // it may wait
	limited bool // it does, within limit
}

func (a *call) do(by func(func(fd uintptr) bool) error, p []byte, waits bool) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.p, a.n, a.err, a.waits = p, 0, nil, waits
	err := by(a.run)
	a.p = nil
	if a.limited {
		a.limited = false
		a.limit.end()
	}
	if err == nil {
		err = a.err
	}
	return a.n, err
}

// wait is false where a call is to wait for the connection.
func (a *call) wait() bool {
	if a.waits && a.limit != nil && !a.limited {
		a.limited = true
		a.limit.begin()
	}
	return !a.waits
}

func failed(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Err: os.NewSyscallError(op, err)}
}
