package wire

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/libp2p/go-yamux/v5"
)

const (
	maxResponseHeader = 64 << 10  // bytes; a miner that sends more fails the request
	maxInformational  = 5         // 1xx answers read past
	inlineBody        = 128 << 10 // bytes; half the window, so that writing it cannot wait for the miner
)

// errStale marks a stream that ended before a byte of the answer came.
var errStale = errors.New("wire: the miner closed the stream without answering")

// stream is one yamux stream with HTTP/1.1 on it. It is used by one request at a time.
type stream struct {
	conn  *yamux.Stream
	limit io.LimitedReader // what the answer's header may still take
	r     *bufio.Reader
	since time.Time // when it began to wait
}

func newStream(conn *yamux.Stream) *stream {
	s := &stream{conn: conn, limit: io.LimitedReader{R: conn, N: math.MaxInt64}}
	s.r = bufio.NewReaderSize(&s.limit, 1<<10) // a header; bodies are read past it, and thousands may wait
	return s
}

// writers are what requests are written through: no stream holds one while it waits for an answer.
var writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 8<<10) }}

// transport is one miner as an http.RoundTripper.
type transport struct {
	hub    *Hub
	netuid uint32
	key    ed25519.PublicKey
}

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	p := t.hub.find(t.netuid, t.key)
	if p == nil {
		closeBody(r)
		return nil, ErrNotConnected
	}
	if p.inFlight.Add(1) > int64(p.opt.MaxStreams) {
		p.inFlight.Add(-1)
		closeBody(r)
		return nil, ErrBusy
	}
	resp, err := p.roundTrip(r)
	if err != nil {
		p.inFlight.Add(-1)
		return nil, err
	}
	return resp, nil
}

// roundTrip repeats a request once: if a waiting stream turned out to be closed, no byte of an answer came,
// and the body can be read again.
func (p *peer) roundTrip(r *http.Request) (*http.Response, error) {
	s, reused, err := p.take(r.Context())
	if err != nil {
		closeBody(r)
		return nil, cause(r.Context(), fmt.Errorf("wire: open stream: %w", err))
	}
	resp, err := p.exchange(s, r)
	if err == nil || !reused || !errors.Is(err, errStale) || r.Context().Err() != nil {
		return resp, err
	}
	again, ok := rewind(r)
	if !ok {
		return nil, err
	}
	if s, err = p.fresh(r.Context()); err != nil {
		closeBody(again)
		return nil, cause(r.Context(), fmt.Errorf("wire: open stream: %w", err))
	}
	return p.exchange(s, again)
}

// exchange sends the request on s and reads the answer's header. Unless it succeeds, s is closed.
func (p *peer) exchange(s *stream, r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	stop := context.AfterFunc(ctx, s.abandon)
	sent := s.send(r)
	resp, err := s.readResponse(r)
	if err != nil {
		stop()
		sent.abort(s)
		return nil, cause(ctx, err)
	}
	b := &body{ReadCloser: resp.Body, ctx: ctx, p: p, s: s, sent: sent, stop: stop, keep: !resp.Close}
	if resp.Body == http.NoBody {
		b.finish(true)
	}
	resp.Body = b
	return resp, nil
}

// abandon ends the stream at once, also for a write that waits for the connection.
func (s *stream) abandon() {
	s.conn.SetDeadline(time.Unix(1, 0))
	s.conn.Reset()
}

// sending is a request on its way out; err is valid once done is closed.
type sending struct {
	r    *http.Request
	done chan struct{}
	err  error
}

// abort ends the stream and waits until nothing is written to it any more.
func (out *sending) abort(s *stream) {
	s.abandon()
	select {
	case <-out.done:
		return
	default:
		closeBody(out.r) // its reader may be what the writer waits for
	}
	<-out.done
}

// send writes a small request at once. A body that could fill the window is written beside the reading of the answer,
// since a miner may refuse it without reading it all.
func (s *stream) send(r *http.Request) *sending {
	out := &sending{r: r, done: make(chan struct{})}
	write := func() {
		defer close(out.done)
		w := writers.Get().(*bufio.Writer)
		w.Reset(s.conn)
		if out.err = r.Write(w); out.err == nil {
			out.err = w.Flush()
		}
		w.Reset(nil)
		writers.Put(w)
	}
	// net/http reads a length of 0 with a body as unknown.
	empty := r.Body == nil || r.Body == http.NoBody
	if empty || r.ContentLength > 0 && r.ContentLength <= inlineBody {
		write()
		return out
	}
	go write() // ended by abort or by its own end; the answer's body sees to it
	return out
}

func (s *stream) readResponse(r *http.Request) (*http.Response, error) {
	s.limit.N = maxResponseHeader
	defer func() { s.limit.N = math.MaxInt64 }()
	if _, err := s.r.Peek(1); err != nil {
		return nil, fmt.Errorf("%w: %w", errStale, err)
	}
	for range maxInformational {
		resp, err := http.ReadResponse(s.r, r)
		if err != nil && s.limit.N <= 0 {
			return nil, fmt.Errorf("wire: the miner's response header is larger than %d bytes", maxResponseHeader)
		}
		if err != nil {
			return nil, fmt.Errorf("wire: read the miner's response: %w", err)
		}
		if resp.StatusCode == http.StatusSwitchingProtocols {
			return nil, errors.New("wire: the miner switched protocols, which nobody asked for")
		}
		if resp.StatusCode >= 200 {
			return resp, nil
		}
	}
	return nil, fmt.Errorf("wire: the miner sent more than %d informational responses", maxInformational)
}

// rewind returns r with its body at the start again, where that is possible.
func rewind(r *http.Request) (*http.Request, bool) {
	if r.Body == nil || r.Body == http.NoBody {
		return r, true
	}
	if r.GetBody == nil {
		return nil, false
	}
	body, err := r.GetBody()
	if err != nil {
		return nil, false
	}
	again := *r
	again.Body = body
	return &again, true
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		r.Body.Close()
	}
}

// cause prefers the context's reason: closing the stream is only how it took effect.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
