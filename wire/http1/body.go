package http1

import (
	"errors"
	"io"
	"net/http"
	"strings"
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

	mu     sync.Mutex // guards what follows, and the connection's input while the body lasts
	chunks bool       // it comes in chunks
	begun  bool       // the first chunk has
	left   int64      // bytes to come, of the body or of this chunk
	noise  int        // bytes of extensions
	err    error      // that of all later reads; io.EOF at the proper end
	closed bool       // by the handler, or since it has returned
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
	if b.chunks && b.left == 0 {
		if err := b.next(); err != nil {
			return 0, b.fail(err)
		}
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err = b.c.in.read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err != nil && n == 0 {
		return 0, b.fail(err)
	}
	if b.left > 0 || b.chunks {
		return n, nil
	}
	return n, b.fail(io.EOF)
}

// fail ends the body. At its proper end the connection's watch begins, and its buffer goes back.
func (b *body) fail(err error) error {
	if err == io.EOF && b.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	b.err = err
	if err == io.EOF {
		b.c.in.release()
		b.c.arm()
	}
	return err
}

// next reads the end of a chunk and the line before the next; io.EOF says that it was the last, and that what follows it was read.
func (b *body) next() error {
	if b.begun {
		if err := b.cut(); err != nil {
			return err
		}
	}
	b.begun = true
	line, err := b.line(maxChunkLine)
	if err != nil {
		return err
	}
	size, extension, _ := strings.Cut(line, ";")
	if hasControl(extension) {
		return errChunk
	}
	if b.noise += len(extension); b.noise > maxExtensions {
		return errChunkNoise
	}
	if b.left, err = hexadecimal(size); err != nil {
		return err
	}
	if b.left > 0 {
		return nil
	}
	return b.trailer()
}

// trailer reads the lines behind the last chunk, which nobody gets.
func (b *body) trailer() error {
	for room := maxTrailers; ; {
		line, err := b.line(room)
		switch {
		case err != nil:
			return err
		case line == "":
			return io.EOF
		}
		if _, _, err := field(line); err != nil {
			return err
		}
		room -= len(line) + 2
	}
}

// cut reads the end of a chunk's line.
func (b *body) cut() error {
	line, err := b.line(2)
	if err == nil && line != "" {
		err = errChunk
	}
	return err
}

// line reads one line of at most so many bytes, with CRLF. The end of the connection in it is no end of the body.
func (b *body) line(most int) (string, error) {
	in := &b.c.in
	for from := 0; ; {
		waiting := in.waiting()
		for i := from; i < len(waiting) && i < most; i++ {
			if waiting[i] != '\n' {
				continue
			}
			if i == 0 || waiting[i-1] != '\r' {
				return "", errChunk
			}
			line := string(waiting[:i-1])
			in.r += i + 1
			return line, nil
		}
		if from = len(waiting); from >= most {
			return "", errChunkNoise
		}
		if err := in.fill(); err == io.EOF {
			return "", io.ErrUnexpectedEOF
		} else if err != nil {
			return "", err
		}
	}
}

// hexadecimal reads a chunk's size: up to 15 digits.
func hexadecimal(text string) (n int64, err error) {
	if text == "" || len(text) > 15 {
		return 0, errChunk
	}
	for i := range len(text) {
		c := text[i]
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, errChunk
		}
		n = 16*n + int64(c)
	}
	return n, nil
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
