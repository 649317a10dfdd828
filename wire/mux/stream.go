package mux

import (
	"io"
	"math"
	"net"
	"os"
	"sync"
	"time"
)

// Stream is one stream, a net.Conn. Its methods may be called at the same time; a deadline costs a timer only while somebody waits.
type Stream struct {
	s  *Session
	id uint32

	mu      sync.Mutex // guards what follows
	in, out half
	waiting int  // who waits for something to read, but for the idle
	unacked bool // it was opened here, and is not accepted yet

	got    buffer
	unread int       // bytes in got, or of the frame that comes
	credit int       // bytes that the other end may send beside them
	window int       // bytes that both are to come to
	epoch  time.Time // when the other end was last let send more

	room int // bytes that may be sent
}

// half is one direction of a stream.
type half struct {
	sync.Cond           // something to read or room to write, another deadline, or the end
	until     time.Time // deadline; zero is none
	err       error     // why the direction has ended
}

func (h *half) late() bool { return !h.until.IsZero() && !time.Now().Before(h.until) }

func newStream(s *Session, id uint32) *Stream {
	st := &Stream{s: s, id: id, credit: window, window: window, room: window, epoch: time.Now()}
	st.in.L, st.out.L = &st.mu, &st.mu
	return st
}

// StreamID is the stream's number in its session.
func (st *Stream) StreamID() uint32 { return st.id }

// LocalAddr and RemoteAddr are the session's.
func (st *Stream) LocalAddr() net.Addr  { return st.s.LocalAddr() }
func (st *Stream) RemoteAddr() net.Addr { return st.s.RemoteAddr() }

// Read reads what has come, and waits for it even if p has no room. After a reset nothing can be read any more.
func (st *Stream) Read(p []byte) (int, error) {
	n, grant, err := st.read(p)
	if grant > 0 {
		_ = st.s.w.control(frame(kindWindow, 0, st.id, grant)) // a session that cannot write ends
	}
	return n, err
}

func (st *Stream) read(p []byte) (n int, grant uint32, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if err := st.come(false); err != nil {
		return 0, 0, err
	}
	n = st.got.read(p)
	st.unread -= n
	return n, st.grant(), nil
}

// Await waits until there is something to read, or never will be: the error is the one that Read would give. It is for who expects nothing
// yet, and may be told two milliseconds late.
func (st *Stream) Await() error {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.come(true)
}

// come waits until there is something to read, which an idle reader does not expect yet. It is called with mu held, and releases it meanwhile.
func (st *Stream) come(idle bool) error {
	for {
		switch {
		case st.in.err != nil && st.got.size == 0:
			return st.in.err
		case st.in.late():
			return os.ErrDeadlineExceeded
		case st.got.size > 0:
			return nil
		}
		st.wait(idle)
	}
}

// wait waits for something to come, or reads the session for it. It is called as come.
func (st *Stream) wait(idle bool) {
	if st.in.until.IsZero() && st.s.lead.take(st) {
		st.mu.Unlock()
		st.s.read()
		st.mu.Lock()
		return
	}
	if !idle {
		st.waiting++
		st.s.lead.await(1)
	}
	wait(&st.in.Cond, st.in.until, func() { st.rouse() })
}

// rouse lets all who wait for something to read look again, and returns how many wait at other streams, but for the idle. It is called with
// mu held.
func (st *Stream) rouse() (others int) {
	others = st.s.lead.await(-st.waiting)
	st.waiting = 0
	st.in.Broadcast()
	return others
}

// call is rouse, also for a reader who leads.
func (st *Stream) call() {
	st.rouse()
	if st.s.lead.by.Load() == st {
		st.s.w.out.call()
	}
}

// grant is how many bytes more the other end may send, once that is half of the window. One that uses up a window within four round trips
// is given a larger one.
func (st *Stream) grant() uint32 {
	more := st.window - st.unread - st.credit
	if st.in.err != nil || more < st.window/2 {
		return 0
	}
	now := time.Now()
	if rtt := time.Duration(st.s.rtt.Load()); now.Sub(st.epoch) < 4*rtt {
		more -= st.window
		st.window = min(2*st.window, maxWindow)
		more += st.window
	}
	st.epoch = now
	st.credit += more
	return uint32(more)
}

// spend takes n bytes that come off what the other end may send, and says whether it may.
func (st *Stream) spend(n int) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if n > st.credit {
		return false
	}
	st.credit -= n
	st.unread += n
	return true
}

// deliver takes the first n bytes of a chunk, and returns how many wait at other streams as rouse; what comes to a direction that has ended is dropped.
func (st *Stream) deliver(c *chunk, n int) (others int, taken bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.in.err != nil {
		c.give()
		return 0, false
	}
	st.got.add(c, n)
	return st.rouse(), true
}

// Write sends p, and waits for the other end to read where its window is full. What was taken may still be lost with the session.
func (st *Stream) Write(p []byte) (n int, err error) {
	for n < len(p) {
		m, err := st.take(len(p) - n)
		if err != nil {
			return n, err
		}
		if err := st.s.w.data(st, p[n:n+m]); err != nil {
			return n, err
		}
		n += m
	}
	return n, nil
}

// take waits for room to send, and takes as much of it as is wanted and goes into a frame.
func (st *Stream) take(want int) (int, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for {
		switch {
		case st.out.err != nil:
			return 0, st.out.err
		case st.out.late():
			return 0, os.ErrDeadlineExceeded
		case st.room > 0:
			n := min(want, st.room, maxFrame)
			st.room -= n
			return n, nil
		}
		wait(&st.out.Cond, st.out.until, st.out.Broadcast)
	}
}

// writable says why nothing can be written, or until when a write may wait.
func (st *Stream) writable() (until time.Time, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.out.err == nil && st.out.late() {
		return st.out.until, os.ErrDeadlineExceeded
	}
	return st.out.until, st.out.err
}

// enlarge lets n bytes more be sent. It is false where no end could mean as many.
func (st *Stream) enlarge(n uint32) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.room > math.MaxUint32-int(n) {
		return false
	}
	st.room += int(n)
	st.out.Broadcast()
	return true
}

// flags takes what a frame says beside its payload.
func (st *Stream) flags(h *header) {
	if h.has(flagACK) {
		st.acked()
	}
	if h.has(flagRST) {
		st.end(ErrReset)
	} else if h.has(flagFIN) {
		st.stop(io.EOF, &st.in)
	}
}

func (st *Stream) acked() {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.unacked {
		st.unacked = false
		<-st.s.unacked
	}
}

// stop ends directions for a reason, together, and the stream where both have ended. It says whether one had not.
func (st *Stream) stop(why error, directions ...*half) (news bool) {
	st.mu.Lock()
	for _, h := range directions {
		if h.err != nil {
			continue
		}
		news, h.err = true, why
		h.Broadcast()
		if h == &st.in {
			st.call()
		}
		if h == &st.in && why != io.EOF {
			st.got.drop()
		}
	}
	over := news && st.in.err != nil && st.out.err != nil
	st.mu.Unlock()
	if over {
		st.acked()
		st.s.forget(st)
	}
	return news
}

// end ends both directions, and whoever waits in them. It says whether one had not ended.
func (st *Stream) end(why error) bool {
	news := st.stop(why, &st.in, &st.out)
	if news {
		st.s.w.look()
	}
	return news
}

// CloseWrite says that no more will be written. What the other end sends can still be read.
func (st *Stream) CloseWrite() error {
	if st.stop(net.ErrClosed, &st.out) {
		st.s.w.look()
		return st.s.w.control(frame(kindWindow, flagFIN, st.id, 0))
	}
	return nil
}

// Close reads and writes no more. The other end may go on reading what was written.
func (st *Stream) Close() error {
	st.stop(net.ErrClosed, &st.in)
	return st.CloseWrite()
}

// Reset ends the stream at once at both ends; whoever waits for it returns.
func (st *Stream) Reset() {
	if st.end(ErrReset) {
		_ = st.s.w.control(frame(kindWindow, flagRST, st.id, 0)) // a session that cannot write ends
	}
}

// SetDeadline bounds reading and writing, also of those who wait; the zero time does not.
func (st *Stream) SetDeadline(t time.Time) error {
	_ = st.SetReadDeadline(t) // neither fails
	return st.SetWriteDeadline(t)
}

// SetReadDeadline bounds reading as SetDeadline.
func (st *Stream) SetReadDeadline(t time.Time) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.in.until = t
	st.call()
	return nil
}

// SetWriteDeadline bounds writing as SetDeadline.
func (st *Stream) SetWriteDeadline(t time.Time) error {
	st.mu.Lock()
	st.out.until = t
	st.out.Broadcast()
	st.mu.Unlock()
	st.s.w.look()
	return nil
}
