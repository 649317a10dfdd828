package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"agora/wire/cancel"
	"agora/wire/openai"
	"agora/wire/receipt"
	"agora/wire/walk"
)

const (
	maxReason = 64 << 10 // bytes of a miner's refusal that are read
	maxHeld   = 32       // comments of a stream that are kept until it begins
)

// answer is one miner's answer to a call.
type answer struct {
	*call
	from    *candidate
	series  *series // that it adds to
	ctx     context.Context
	ends    cancel.Context // ctx
	stop    context.CancelFunc
	reason  atomic.Pointer[error] // for which the gateway itself has ended the request
	watch   *time.Timer           // ends the request when the miner is silent for too long, or the call has lasted too long
	begun   atomic.Bool           // the miner's first part is here
	err     error                 // why it did not begin
	resp    *http.Response
	read    atomic.Int64 // bytes of the answer
	sent    time.Time
	started time.Time // when a stream's first chunk, or all of what is no stream, was here
	got     time.Time // when what is delivered first was here

	request outgoing
	stream  *openai.Stream // in events; nil for what is no stream
	events  openai.Stream
	held    [][]byte       // comments before the first chunk
	first   []byte         // the first chunk of a stream that is passed on
	joined  *openai.Joined // of one that is put together
	whole   []byte         // a plain answer
	kind    string         // its content type
	usage   *openai.Usage
	parts   uint64 // chunks delivered
	voice   voice  // tells the stream in another API's events; nil where it is passed on as it is

	nonce  [16]byte
	signID string        // of its receipt: the nonce in hex
	heard  receipt.Heard // for the check of its receipt
	signed *unchecked    // its receipt; nil until it is whole
}

// ask prepares the request of a call to a miner. Its context has no deadline: the timer that watches the miner keeps it.
func (a *answer) ask(c *call, m *candidate, now time.Time) {
	a.call, a.from, a.series, a.kind, a.sent, a.nonce = c, m, c.metrics.of(c.name, c.route.subnet), "application/json", now, c.Proofs.nonce(m.netuid)
	a.ctx, a.stop = a.ends.Under(c.ctx)
	a.watch = time.AfterFunc(min(c.patience(m, now), c.until.Sub(now)), a.silent)
}

// await lets the miner be silent for so long from now on, within the time that the call may last.
func (a *answer) await(silence time.Duration) { a.watch.Reset(min(silence, time.Until(a.until))) }

// silent ends the request to a miner that was silent for too long, or whose call has lasted for as long as it may.
func (a *answer) silent() {
	switch {
	case a.late():
		a.giveUp(context.DeadlineExceeded)
	case a.begun.Load():
		a.giveUp(errStalled)
	default:
		a.giveUp(errSlowStart)
	}
}

// patience is how long a miner may be silent before the next one is asked: one piece, and an answer that nobody else can give,
// WholeAnswer; a stream's first event at least FirstEvent, and that of a plain answer, which some servers give at once and late, as
// much of WholeAnswer as each of the attempts has; more where this miner's model has been seen to take long, three times its slowest
// start of late.
func (c *call) patience(m *candidate, now time.Time) time.Duration {
	if c.operation.whole || !c.route.other(c.able, c.tried) {
		return c.WholeAnswer
	}
	least := c.FirstEvent
	if !c.Stream {
		least = max(least, c.WholeAnswer/time.Duration(c.Attempts))
	}
	return min(max(least, 3*m.slowest(now)), max(c.FirstEvent, c.WholeAnswer))
}

func (a *answer) close() {
	a.watch.Stop()
	if a.resp != nil {
		a.resp.Body.Close()
	}
	if a.stream != nil {
		a.stream.Free()
	}
	if a.joined != nil {
		a.joined.Free()
	}
	a.stop()
}

// begin sends the request and waits for the first that comes: a stream's first chunk, or all of what is no stream.
func (a *answer) begin() error {
	request := a.request.request(a.ctx, a.path, a.call.kind, a.body, a.nonce)
	a.signID = request.Header[receipt.NonceHeader][0]
	a.call.enclose(request.Header, a.from)
	resp, err := a.Miners.RoundTripper(a.from.netuid, a.from.HotKey).RoundTrip(request)
	if err != nil {
		return a.why(err)
	}
	a.resp = resp
	kind := valueOf(resp.Header, "Content-Type")
	switch {
	case resp.StatusCode != http.StatusOK:
		return a.refusal()
	case a.operation.whole:
		err = a.readPiece()
	case strings.HasPrefix(kind, "text/event-stream"):
		a.events = *openai.NewStream(a, a.MaxEvent)
		a.stream = &a.events
		err = a.beginStream()
	case strings.HasPrefix(kind, "application/json") && !a.Stream:
		err = a.readPlain()
	default:
		err = errKind
	}
	return err
}

// complete waits for what can be delivered, of an answer that has begun: nothing more of a stream, the rest of what the
// consumer wants whole.
func (a *answer) complete() (err error) {
	a.got = a.started
	if a.stream != nil && !a.Stream {
		err = a.readAll()
	}
	if err == nil && !a.Stream && a.translation != nil {
		a.whole, err = a.translation.whole(a.whole)
	}
	return err
}

// Read reads the miner's answer within its limits.
func (a *answer) Read(p []byte) (int, error) {
	n, err := a.resp.Body.Read(p)
	if a.read.Add(int64(n)) > a.MaxAnswer && !a.Stream {
		return 0, errTooLarge
	}
	if err != nil && err != io.EOF {
		err = a.why(errors.Join(errCut, err))
	}
	return n, err
}

// why prefers the reason for which a request was ended to what the connection says of it.
func (a *answer) why(err error) error {
	if a.ctx.Err() == nil {
		return err
	}
	if reason := a.reason.Load(); reason != nil {
		return *reason
	}
	return context.Cause(a.ctx)
}

// giveUp ends the request for a reason, unless it has ended.
func (a *answer) giveUp(reason error) {
	if a.ctx.Err() == nil {
		a.reason.CompareAndSwap(nil, &reason)
	}
	a.stop()
}

// next reads the stream's next chunk or comment; io.EOF is its proper end.
func (a *answer) next() (openai.Chunk, error) {
	c, err := a.stream.Next()
	for err == nil && c.Comment && a.heard.Comment(c.Data) { // not for the consumer
		c, err = a.stream.Next()
	}
	if err == nil && !c.Comment && a.Proofs != nil {
		a.heard.Chunk(c.Data)
	}
	if err == nil || err == io.EOF {
		return c, err
	}
	return c, a.broken(err)
}

// broken is the error of a stream in the gateway's words.
func (a *answer) broken(err error) error {
	var reason *openai.Error
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, errCut):
		err = errCut
	case errors.Is(err, openai.ErrEventTooLong):
		err = errTooLarge
	case errors.As(err, &reason):
		err = &told{reason: reason}
	}
	return a.why(err)
}

// beginStream waits for a stream's first chunk. A stream that begins with an error, or ends, has not begun; comments are
// no beginning.
func (a *answer) beginStream() error {
	for {
		c, err := a.next()
		switch {
		case err == io.EOF:
			return errCut
		case err != nil:
			return err
		case c.Comment && len(a.held) < maxHeld:
			a.held = append(a.held, slices.Clone(c.Data[:min(len(c.Data), maxComment)]))
		case !c.Comment:
			a.begun.Store(true)
			a.begins()
			a.usage = c.Usage
			if a.Stream {
				a.first = slices.Clone(c.Data)
				return nil
			}
			a.joined = openai.NewJoined()
			return a.joined.Add(c)
		}
	}
}

// begins notes that the first that counts of an answer is here.
func (a *answer) begins() {
	a.started = time.Now()
	a.from.answered(a.started.Sub(a.sent), a.started)
}

// readAll reads a stream to its end and puts the plain answer together.
func (a *answer) readAll() error {
	var err error
	for err == nil {
		if !a.stream.Ready() {
			a.await(min(a.Stall, a.left()))
		}
		var c openai.Chunk
		if c, err = a.next(); err != nil {
			break
		}
		if c.Usage != nil {
			a.usage = c.Usage
		}
		err = a.joined.Add(c)
	}
	if err != io.EOF {
		return err
	}
	a.got = time.Now()
	a.paced(a.got)
	a.whole, err = a.joined.Whole()
	return err
}

// paced notes how fast a stream was that has come to its end.
func (a *answer) paced(now time.Time) {
	if a.usage != nil {
		a.from.wrote(a.usage.CompletionTokens, now.Sub(a.started))
	}
}

// left is what is left of WholeAnswer where another miner could give the answer; who is alone has until Total.
func (a *answer) left() time.Duration {
	if !a.route.other(a.able, a.tried) {
		return a.Total
	}
	return max(0, a.WholeAnswer-time.Since(a.sent))
}

// readPlain reads the answer of a miner that does not stream.
func (a *answer) readPlain() error {
	body, err := io.ReadAll(a)
	if err != nil {
		return err
	}
	if !walk.IsObject(body) {
		return errNotJSON
	}
	a.begins()
	a.heard.Whole(body, a.resp.Header.Get(receipt.TokensHeader))
	a.whole = body
	a.usage = openai.UsageOf(body)
	return nil
}

// refusal is the error for a status that is not 200.
func (a *answer) refusal() error {
	body, err := io.ReadAll(io.LimitReader(a.resp.Body, maxReason))
	if err != nil {
		return a.why(errors.Join(errCut, err))
	}
	wait, _ := strconv.Atoi(a.resp.Header.Get("Retry-After"))
	return &told{openai.Foreign(a.resp.StatusCode, body), time.Duration(wait) * time.Second}
}
