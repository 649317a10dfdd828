package wire

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"agora/wire/cancel"
	"agora/wire/http1"
)

// body is an answer's body. At its end the stream goes back to wait for the next request; closed before that, the
// stream is reset, which tells the miner to stop.
type body struct {
	ctx  context.Context
	p    *peer
	s    *stream
	sent sending
	left cancel.Hook // abandons the stream once the request's context has ended
	keep bool        // the miner keeps the stream open
	done atomic.Bool

	mu     sync.Mutex        // guards what follows, and the stream's input
	answer *http1.AnswerBody // nil where there is none
}

func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done.Load() {
		return 0, io.EOF
	}
	n, err := b.answer.Read(p)
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
	if !b.done.Load() && !b.AtEnd() {
		b.finish(false)
	}
	return nil
}

// AtEnd says, without waiting, whether only the end of the body is left, which is then read: a reader of events stops at the last one.
func (b *body) AtEnd() bool {
	if !b.mu.TryLock() {
		return false
	}
	defer b.mu.Unlock()
	switch {
	case b.done.Load():
	case !b.answer.AtEnd():
		return false
	default:
		b.finish(true)
	}
	return true
}

// finish gives the stream back or resets it, once. Only a stream on which everything was said and heard is used again.
func (b *body) finish(complete bool) {
	if b.done.Swap(true) {
		return
	}
	alive := b.left.Stop()
	written, err := b.sent.over()
	if alive && complete && written && err == nil && b.keep && b.s.answers.Idle() {
		b.p.put(b.s)
	} else {
		b.sent.abort(b.s)
	}
	b.p.inFlight.Add(-1)
}
