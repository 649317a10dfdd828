package mux

import "sync"

// chunk holds bytes that came and wait to be read, as b[r:w].
type chunk struct {
	next *chunk
	r, w int
	b    []byte
}

// Sizes of chunks: most frames fit the small one, and the large one takes a whole record of TLS.
const (
	smallChunk = 4 << 10
	largeChunk = 16 << 10
)

var (
	small = sync.Pool{New: func() any { return &chunk{b: make([]byte, smallChunk)} }}
	large = sync.Pool{New: func() any { return &chunk{b: make([]byte, largeChunk)} }}
)

// takeChunk is room for some of n bytes.
func takeChunk(n int) *chunk {
	if n <= smallChunk {
		return small.Get().(*chunk)
	}
	return large.Get().(*chunk)
}

// give gives a chunk back.
func (c *chunk) give() {
	c.next, c.r, c.w = nil, 0, 0
	if len(c.b) == smallChunk {
		small.Put(c)
	} else {
		large.Put(c)
	}
}

// buffer is what came, in order. It holds memory only for bytes that wait, at most some twice as much, so that many small frames cost no
// more than a few large ones.
type buffer struct {
	first, last *chunk
	size        int
}

// add takes over a chunk with n bytes in it.
func (b *buffer) add(c *chunk, n int) {
	b.size += n
	c.w = n
	switch {
	case b.last == nil:
		b.first, b.last = c, c
	case n <= len(b.last.b)-b.last.w:
		b.last.w += copy(b.last.b[b.last.w:], c.b[:n])
		c.give()
	default:
		b.last.next = c
		b.last = c
	}
}

// read takes as many bytes as there are and fit.
func (b *buffer) read(p []byte) (n int) {
	for b.first != nil && n < len(p) {
		c := b.first
		m := copy(p[n:], c.b[c.r:c.w])
		n += m
		if c.r += m; c.r == c.w {
			b.pop()
		}
	}
	b.size -= n
	return n
}

func (b *buffer) pop() {
	c := b.first
	if b.first = c.next; b.first == nil {
		b.last = nil
	}
	c.give()
}

// drop forgets what came.
func (b *buffer) drop() {
	for b.first != nil {
		b.pop()
	}
	b.size = 0
}
