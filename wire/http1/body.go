package http1

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	maxChunkLine  = 128       // bytes of the line before a chunk, CRLF included
	maxExtensions = 4 << 10   // bytes of all chunks' extensions of a body
	maxTrailers   = 2 << 10   // bytes of the lines after the last chunk
	maxUnread     = 256 << 10 // bytes of a body that are read past so that its connection can go on
)

var (
	errChunk      = errors.New("http1: malformed chunk")
	errChunkNoise = errors.New("http1: too much beside the chunks")
)

// body is a request's body on its connection. It may be read beside the writing of the answer.
type body struct {
	c *conn
	w *response // to the same request

	mu sync.Mutex // guards what follows, and the connection's input while the body lasts
	frames
	err    error // that of all later reads; io.EOF at the proper end
	closed bool  // by the handler, or since it has returned
}

// Read reads the body. Its first call tells a client that waits for that to send it.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	b.c.sendContinue()
	return b.read(p)
}

// Buffered is how many bytes of the body have come that can be read without waiting, at least, where it does not come in chunks.
func (b *body) Buffered() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.chunks || b.err != nil || b.closed {
		return 0
	}
	return min(b.left, int64(len(b.c.in.waiting())))
}

// Close lets no more be read. What is left is read past when the answer begins.
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}

// read reads the body; mu is held.
func (b *body) read(p []byte) (n int, err error) {
	if b.err != nil {
		return 0, b.err
	}
	if n, err = b.frames.read(p); err != nil {
		err = b.fail(err)
	}
	return n, err
}

// fail ends the body. At its proper end the connection's watch begins, and its buffer goes back.
func (b *body) fail(err error) error {
	b.err = err
	if err == io.EOF {
		b.c.in.release()
		b.c.arm()
	}
	return err
}

// whole says whether all of the body has come; what is not there has. Where somebody reads it still, it has not.
func (b *body) whole() bool {
	if b == nil {
		return true
	}
	if !b.mu.TryLock() {
		return false
	}
	defer b.mu.Unlock()
	return b.err == io.EOF
}

// isHere says that no more of the body will be waited for. Where somebody reads it, that is not known.
func (b *body) isHere() bool {
	if b == nil || !b.mu.TryLock() {
		return false
	}
	defer b.mu.Unlock()
	return !b.chunks && b.left <= int64(len(b.in.waiting())) && b.err == nil && !b.c.owesContinue.Load()
}

// end lets no more be read of a request that is over, and interrupts who does.
func (b *body) end() {
	if !b.mu.TryLock() {
		_ = b.c.rwc.SetReadDeadline(time.Unix(1, 0)) // a connection that is closed interrupts him too
		b.mu.Lock()
		_ = b.c.rwc.SetReadDeadline(time.Time{}) // the next request's time is its own
	}
	defer b.mu.Unlock()
	b.closed = true
}

// drain reads past what is left, so that the next request can be found. False says that there is too much of it, or that it did
// not come.
func (b *body) drain() bool {
	limited := false
	if !b.mu.TryLock() {
		limited = b.w.limitDrain() // the handler reads it
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	if b.err == nil && (b.chunks || b.left <= maxUnread) {
		limited = b.w.limitDrain() || limited
		for room := maxUnread; b.err == nil && room > 0; {
			room -= b.skip()
		}
	}
	if limited { // a watch that has begun is not to end with it
		_ = b.w.SetReadDeadline(time.Time{}) // as above
	}
	return b.err == io.EOF
}

// skip reads some bytes and forgets them; mu is held.
func (b *body) skip() int {
	p := readBuffers.Get().(*[readSize]byte)
	defer readBuffers.Put(p)
	n, _ := b.read(p[:]) // the error stays
	return n
}
