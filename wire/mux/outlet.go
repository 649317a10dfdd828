package mux

import (
	"errors"
	"net"
	"sync"
	"time"

	"agora/wire/direct"
)

// maxHeld bounds what a layer above may write without a flush: a session's is a few batches, more is an answer to the other end's
// renewing of keys over and over.
const maxHeld = 1 << 20

var errHeld = errors.New("mux: too much is written that nobody sends")

// Outlet is the connection under TLS. Under a session it keeps what is written, so that many records go out by one system call that does
// not wait, and whoever writes to a stream is never held by a peer that reads nothing.
type Outlet struct {
	*direct.Conn

	mu   sync.Mutex // guards what follows
	held bool       // what is written is kept
	kept *[]byte    // nil where nothing is

	reading sync.Mutex // guards what follows
	until   time.Time  // deadline of reads
	rings   bool       // who reads is called

	batch *[]byte // what is being sent; nil where all is; belongs to who flushes, as what follows
	sent  int     // bytes of it
}

// NewOutlet is a connection that passes everything on until a session holds it.
func NewOutlet(conn net.Conn) *Outlet { return &Outlet{Conn: direct.New(conn)} }

// Write passes p on, or keeps it.
func (o *Outlet) Write(p []byte) (int, error) {
	o.mu.Lock()
	if !o.held {
		o.mu.Unlock()
		return o.Conn.Write(p)
	}
	defer o.mu.Unlock()
	if o.kept == nil {
		o.kept = takeBuffer()
	}
	if len(*o.kept)+len(p) > maxHeld {
		return 0, errHeld
	}
	*o.kept = append(*o.kept, p...)
	return len(p), nil
}

func (o *Outlet) hold(yes bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held = yes
}

// call ends the read that waits, or the next one that would, as if its deadline had passed.
func (o *Outlet) call() {
	o.reading.Lock()
	defer o.reading.Unlock()
	o.rings = true
	_ = o.Conn.SetReadDeadline(time.Unix(1, 0)) // a connection that is closed ends its reader, here and below
}

// called says whether that is why a read has ended, and lets others wait again.
func (o *Outlet) called() bool {
	o.reading.Lock()
	defer o.reading.Unlock()
	if !o.rings {
		return false
	}
	o.rings = false
	_ = o.Conn.SetReadDeadline(o.until)
	return true
}

// SetReadDeadline is net.Conn's.
func (o *Outlet) SetReadDeadline(t time.Time) error {
	o.reading.Lock()
	defer o.reading.Unlock()
	o.until = t
	if o.rings {
		return nil
	}
	return o.Conn.SetReadDeadline(t)
}

// SetDeadline is net.Conn's.
func (o *Outlet) SetDeadline(t time.Time) error {
	return errors.Join(o.SetReadDeadline(t), o.SetWriteDeadline(t))
}

// next is what is to be sent now; nothing where all was.
func (o *Outlet) next() []byte {
	if o.batch == nil {
		o.mu.Lock()
		o.batch, o.kept, o.sent = o.kept, nil, 0
		o.mu.Unlock()
		if o.batch == nil {
			return nil
		}
	}
	return (*o.batch)[o.sent:]
}

// took notes how much was sent of it.
func (o *Outlet) took(n int) {
	if o.sent += n; o.sent == len(*o.batch) {
		giveBuffer(o.batch)
		o.batch = nil
	}
}

// flush sends what is kept as far as the connection takes it at once, and says whether that was all.
func (o *Outlet) flush() (all bool, err error) {
	p := o.next()
	if len(p) == 0 {
		return true, nil
	}
	n, err := o.TryWrite(p)
	if err != nil {
		return false, err
	}
	o.took(n)
	return o.batch == nil, nil
}

// drain sends what is kept and waits for the connection to take it; before each piece it calls extend.
func (o *Outlet) drain(extend func()) error {
	for p := o.next(); len(p) > 0; p = o.next() {
		extend()
		n, err := o.Conn.Write(p[:min(len(p), maxPending)])
		if err != nil {
			return err
		}
		o.took(n)
	}
	return nil
}

// buffers hold frames on their way out; none is held by a session that writes nothing.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

func takeBuffer() *[]byte { return buffers.Get().(*[]byte) }

func giveBuffer(b *[]byte) {
	if cap(*b) <= 4*maxPending {
		*b = (*b)[:0]
		buffers.Put(b)
	}
}
