package wire

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"agora/wire/http1"
	"agora/wire/mux"
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
	conn     *mux.Stream
	answers  *http1.Answers
	since    time.Time // when it began to wait
	abandons func()    // abandon
}

func newStream(conn *mux.Stream) *stream {
	// A stream's Read waits for bytes even if it has room for none.
	wait := func() error { _, err := conn.Read(nil); return err }
	s := &stream{conn: conn, answers: http1.NewAnswers(conn, wait)}
	s.abandons = s.abandon
	return s
}

// requests are what requests are put together in: no stream holds one while it waits for an answer.
var requests = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

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
	b := &body{ctx: ctx, p: p, s: s, sent: sending{r: r}}
	b.left.After(ctx, s.abandons)
	s.send(&b.sent)
	resp, err := s.readResponse(r)
	if err != nil {
		b.left.Stop()
		b.sent.abort(s)
		return nil, cause(ctx, err)
	}
	b.keep = !resp.Close
	if b.answer, _ = resp.Body.(*http1.AnswerBody); b.answer == nil {
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

// sending is a request on its way out; err is valid once it is done.
type sending struct {
	r    *http.Request
	done chan struct{} // closed when it is; nil where it has been from the beginning
	err  error
}

// over says, without waiting, whether the request is written, and how that went.
func (out *sending) over() (bool, error) {
	if out.done == nil {
		return true, out.err
	}
	select {
	case <-out.done:
		return true, out.err
	default:
		return false, nil
	}
}

// abort ends the stream and waits until nothing is written to it any more.
func (out *sending) abort(s *stream) {
	s.abandon()
	if done, _ := out.over(); done {
		return
	}
	closeBody(out.r) // its reader may be what the writer waits for
	<-out.done
}

// send writes a small request at once. A body that could fill the window is written beside the reading of the answer,
// since a miner may refuse it without reading it all.
func (s *stream) send(out *sending) {
	r := out.r
	// net/http reads a length of 0 with a body as unknown.
	empty := r.Body == nil || r.Body == http.NoBody
	if empty || r.ContentLength > 0 && r.ContentLength <= inlineBody {
		out.err = s.write(r)
		return
	}
	out.done = make(chan struct{})
	go func() { // ended by abort or by its own end; the answer's body sees to it
		defer close(out.done)
		out.err = s.stream(r)
	}()
}

// write writes a request in one piece.
func (s *stream) write(r *http.Request) error {
	room := requests.Get().(*[]byte)
	b, usual, err := http1.AppendRequest((*room)[:0], r)
	switch {
	case !usual:
		err = s.stream(r)
	case err == nil:
		_, err = s.conn.Write(b)
	}
	if *room = b; cap(b) <= 64<<10 {
		requests.Put(room)
	}
	return err
}

// stream writes a request as it comes.
func (s *stream) stream(r *http.Request) error {
	w := bufio.NewWriterSize(s.conn, 8<<10)
	if err := r.Write(w); err != nil {
		return err
	}
	return w.Flush()
}

func (s *stream) readResponse(r *http.Request) (*http.Response, error) {
	limit := maxResponseHeader
	for range maxInformational {
		resp, err := s.answers.Next(r, &limit)
		switch {
		case errors.Is(err, http1.ErrNoAnswer) && limit == maxResponseHeader:
			return nil, fmt.Errorf("%w: %w", errStale, err)
		case err == http1.ErrLarge:
			return nil, fmt.Errorf("wire: the miner's response header is larger than %d bytes", maxResponseHeader)
		case err != nil:
			return nil, fmt.Errorf("wire: read the miner's response: %w", err)
		case resp.StatusCode == http.StatusSwitchingProtocols:
			return nil, errors.New("wire: the miner switched protocols, which nobody asked for")
		case resp.StatusCode >= 200:
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
