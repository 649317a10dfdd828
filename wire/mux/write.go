package mux

import (
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"time"
)

const (
	maxFrame   = 64<<10 - 12 // bytes of payload in one frame
	maxPending = 64 << 10    // bytes that wait for whoever writes; with as many, data waits with its writer
	maxQueued  = 1 << 20     // of frames without payload, which do not wait; beyond it the session ends
	maxRounds  = 16          // times that a writer sends what others left for him
	closeTime  = time.Second // for what is left, and the reason, when a session ends
	readAfter  = time.Second // for a reason to come, once nothing can be written
)

// writer sends a session's frames, each whole and in the order in which they came. Who finds nobody writing writes, first his own frame and
// then what came meanwhile, in one record and one system call. No lock of a stream is held when it is called.
type writer struct {
	conn    net.Conn // TLS over out
	out     *Outlet
	timeout time.Duration  // for the other end to take a piece of what is written
	work    sync.WaitGroup // of drain; the session's owner waits

	mu      sync.Mutex // guards what follows
	room    sync.Cond  // in pending; an error or the end of a stream is told to all who wait for it
	free    sync.Cond  // nobody writes
	pending *[]byte    // frames that wait; nil where none does
	writing bool       // somebody sends, and conn and out's flush are his
	pause   int        // writes that are not gathered once nobody has come
	alone   int        // of them that are left
	err     error      // why nothing is sent any more
	cut     time.Time  // when the session that ends gives up; zero before
}

// control sends a frame without a payload. It never waits.
func (w *writer) control(h header) error {
	w.mu.Lock()
	return w.put(h, nil)
}

// data sends a frame with a payload of at most maxFrame bytes. It waits for room no longer than st takes writes.
func (w *writer) data(st *Stream, p []byte) error {
	w.mu.Lock()
	for w.err == nil && w.pending != nil && len(*w.pending) >= maxPending {
		until, err := st.writable()
		if err != nil {
			w.room.Signal() // the next one's
			w.mu.Unlock()
			return err
		}
		wait(&w.room, until, w.room.Broadcast)
	}
	return w.put(frame(kindData, 0, st.id, uint32(len(p))), p)
}

// pong answers a ping, unless as much waits to be sent as may.
func (w *writer) pong(name uint32) {
	w.mu.Lock()
	if w.pending != nil && len(*w.pending) >= maxPending {
		w.mu.Unlock()
		return
	}
	_ = w.put(frame(kindPing, flagACK, 0, name), nil) // a session that cannot write ends
}

// look lets who waits for room look whether it still may.
func (w *writer) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.room.Broadcast()
}

// failed is why nothing is sent any more; nil while something is.
func (w *writer) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// put adds a frame and sends it, unless somebody who writes does. It is called with mu held, and releases it.
func (w *writer) put(h header, p []byte) error {
	if w.err != nil {
		defer w.mu.Unlock()
		return w.err
	}
	if w.pending == nil {
		w.pending = takeBuffer()
	}
	*w.pending = append(append(*w.pending, h[:]...), p...)
	if len(*w.pending) < maxPending {
		w.room.Signal() // who waits still
	}
	if !w.writing {
		w.writing = true
		w.gather()
		return w.send()
	}
	defer w.mu.Unlock()
	if len(*w.pending) > maxQueued {
		w.fail(ErrWriteTimeout)
	}
	return nil
}

// gather lets others who are about to write add their frames, so that one record and one system call carry all. Where nobody came, as where
// one stream alone is used, it is tried ever more seldom, up to one time in 64. It is called with mu held, and releases it meanwhile.
func (w *writer) gather() {
	if w.alone > 0 {
		w.alone--
		return
	}
	mine := len(*w.pending)
	w.mu.Unlock()
	runtime.Gosched()
	w.mu.Lock()
	if len(*w.pending) > mine {
		w.pause = 0
		return
	}
	w.pause = min(2*w.pause+1, 63)
	w.alone = w.pause
}

// send sends what is pending, until nothing is, the connection takes no more at once, or others have kept the caller long enough; drain
// goes on then. It is called with mu held, and releases it.
func (w *writer) send() error {
	defer w.mu.Unlock()
	for range maxRounds {
		all, err := w.batch()
		switch {
		case err != nil:
			w.leave()
			w.fail(err)
			return w.err
		case !all:
			w.work.Go(w.drain)
			return nil
		case w.pending == nil:
			w.leave()
			return nil
		}
	}
	w.work.Go(w.drain)
	return nil
}

// batch sends what is pending as far as the connection takes it at once, and says whether that was all. It is called with mu held, and
// releases it meanwhile.
func (w *writer) batch() (all bool, err error) {
	p := w.pending
	w.pending = nil
	w.room.Signal()
	w.mu.Unlock()
	defer w.mu.Lock()
	if p != nil {
		_, err = w.conn.Write(*p)
		giveBuffer(p)
	}
	if err != nil {
		return false, err
	}
	return w.out.flush()
}

// drain sends in the place of a writer who was held long enough, and waits for the connection.
func (w *writer) drain() {
	err := w.out.drain(w.extend)
	w.mu.Lock()
	defer w.mu.Unlock()
	for err == nil && w.pending != nil {
		if _, err = w.batch(); err == nil {
			w.mu.Unlock()
			err = w.out.drain(w.extend)
			w.mu.Lock()
		}
	}
	if err == nil && w.cut.IsZero() {
		err = w.out.SetWriteDeadline(time.Time{})
	}
	w.leave()
	if err != nil {
		w.fail(err)
	}
}

// leave lets the next one write. It is called with mu held.
func (w *writer) leave() {
	w.writing = false
	w.free.Signal() // the session, which may wait to end
}

// extend gives the other end its time for the next piece.
func (w *writer) extend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	until := w.cut
	if until.IsZero() {
		until = time.Now().Add(w.timeout)
	}
	_ = w.out.SetWriteDeadline(until) // a connection that is closed says so when it is written
}

// fail ends writing. The session ends by its reader, who may still find the other end's reason. It is called with mu held.
func (w *writer) fail(err error) {
	if w.err != nil {
		return
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = ErrWriteTimeout
	}
	w.err = err
	w.room.Broadcast()
	_ = w.out.SetReadDeadline(time.Now().Add(readAfter)) // as above
}

// end sends what is left and, unless it is codeNormal, the code, for closeTime at most, and closes the connection.
func (w *writer) end(code uint32) {
	w.mu.Lock()
	w.cut = time.Now().Add(closeTime)
	_ = w.out.SetWriteDeadline(w.cut) // as above
	for w.writing {
		w.free.Wait()
	}
	w.writing = true // for good
	err := w.err
	if err == nil {
		w.err = ErrClosed
		w.room.Broadcast()
		if code != codeNormal {
			w.pending = orBuffer(w.pending)
			h := frame(kindGoAway, 0, 0, code)
			*w.pending = append(*w.pending, h[:]...)
		}
		_, err = w.batch()
	}
	w.mu.Unlock()
	if err == nil {
		err = w.out.drain(func() {})
	}
	if err != nil {
		w.out.Close() // no alert of TLS goes out any more
	}
	w.out.hold(false)
	w.conn.Close()
}

func orBuffer(b *[]byte) *[]byte {
	if b == nil {
		return takeBuffer()
	}
	return b
}

// wait waits for c, whose lock is held, until a moment, if one is given, at most: late wakes all who wait for it then, with the lock held.
func wait(c *sync.Cond, until time.Time, late func()) {
	if until.IsZero() {
		c.Wait()
		return
	}
	t := time.AfterFunc(time.Until(until), func() {
		c.L.Lock()
		defer c.L.Unlock()
		late()
	})
	c.Wait()
	t.Stop()
}
