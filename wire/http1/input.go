package http1

import (
	"io"
	"sync"
)

// readSize is the memory for bytes that have come and wait to be read. Most requests fit; larger bodies go past it.
const readSize = 4 << 10

var readBuffers = sync.Pool{New: func() any { return new([readSize]byte) }}

// input is what a client has sent and nobody has read yet. It has a buffer only while there is some.
type input struct {
	from   io.Reader
	wait   func() error    // for more to come; nil where the buffer is held meanwhile
	still  bool            // nothing is waited for
	pooled *[readSize]byte // under buf; nil where that is larger, or not there
	buf    []byte
	r, w   int // buf[r:w] waits

	early    byte // came while an answer was under way; before all that is read later
	hasEarly bool
}

// waiting is what has come.
func (in *input) waiting() []byte { return in.buf[in.r:in.w] }

// fill waits for more bytes. It has room for them: of what waits, only a header may be longer than a buffer, and its reader
// bounds it.
func (in *input) fill() error {
	if in.still {
		return errWait
	}
	if in.wait != nil && in.r == in.w && !in.hasEarly {
		in.release()
		if err := in.wait(); err != nil {
			return err
		}
	}
	in.makeRoom()
	if in.hasEarly {
		in.buf[in.w] = in.early
		in.w++
		in.hasEarly = false
		return nil
	}
	n, err := in.from.Read(in.buf[in.w:])
	in.w += n
	if n > 0 {
		return nil
	}
	return err
}

func (in *input) makeRoom() {
	switch {
	case in.buf == nil:
		in.pooled = readBuffers.Get().(*[readSize]byte)
		in.buf = in.pooled[:]
	case in.r == in.w:
		in.r, in.w = 0, 0
	case in.w < len(in.buf):
	case in.r > 0:
		in.w = copy(in.buf, in.waiting())
		in.r = 0
	default:
		larger := make([]byte, 2*len(in.buf))
		in.w = copy(larger, in.waiting())
		in.give()
		in.buf = larger
	}
}

// give gives the buffer back.
func (in *input) give() {
	if in.pooled != nil {
		readBuffers.Put(in.pooled)
	}
	in.pooled, in.buf = nil, nil
}

// release gives the buffer back where nothing waits in it.
func (in *input) release() {
	if in.buf != nil && in.r == in.w {
		in.give()
		in.r, in.w = 0, 0
	}
}

// read reads what waits, or else past the buffer.
func (in *input) read(p []byte) (int, error) {
	if in.hasEarly {
		if err := in.fill(); err != nil {
			return 0, err
		}
	}
	if in.r < in.w {
		n := copy(p, in.waiting())
		in.r += n
		return n, nil
	}
	if in.still {
		return 0, errWait
	}
	if in.wait != nil {
		in.release()
	}
	return in.from.Read(p)
}
