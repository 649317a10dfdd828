package wire

import (
	"context"
	"io"
	"sync/atomic"
	"time"
)

// body is an answer's body. At its end the stream goes back to wait for the next request; closed before that, the
// stream is reset, which tells the miner to stop.
type body struct {
	io.ReadCloser
	ctx  context.Context
	p    *peer
	s    *stream
	sent *sending
	stop func() bool // false once the request's context has ended
	keep bool        // the miner keeps the stream open
	done atomic.Bool
}

func (b *body) Read(p []byte) (int, error) {
	if b.done.Load() {
		return 0, io.EOF
	}
	n, err := b.ReadCloser.Read(p)
	if err == nil {
		return n, nil
	}
	b.finish(err == io.EOF)
	if err != io.EOF {
		err = cause(b.ctx, err)
	}
	return n, err
}

// Close may be called while Read waits.
func (b *body) Close() error {
	if !b.done.Load() {
		b.finish(b.atEnd())
	}
	return nil
}

// atEnd looks, without waiting, whether only the end of the body is left: a reader of events stops at the last one.
func (b *body) atEnd() bool {
	if b.s.r.Buffered() == 0 {
		return false
	}
	b.s.conn.SetReadDeadline(time.Unix(1, 0))
	defer b.s.conn.SetReadDeadline(time.Time{})
	_, err := b.ReadCloser.Read(make([]byte, 1))
	return err == io.EOF
}

// finish gives the stream back or resets it, once. Only a stream on which everything was said and heard is used again.
func (b *body) finish(complete bool) {
	if b.done.Swap(true) {
		return
	}
	alive := b.stop()
	written := false
	select {
	case <-b.sent.done:
		written = b.sent.err == nil
	default:
	}
	if alive && complete && written && b.keep && b.s.r.Buffered() == 0 {
		b.p.put(b.s)
	} else {
		b.sent.abort(b.s)
	}
	b.p.inFlight.Add(-1)
}
