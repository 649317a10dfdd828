package gateway

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"agora/gateway/peek"
	"agora/wire"
	"agora/wire/openai"
)

// Carrier carries requests to miners.
type Carrier interface {
	// RoundTripper carries HTTP requests to the miner with this hot key.
	RoundTripper(key ed25519.PublicKey) http.RoundTripper
}

// Judge knows the items that the gateway's own validator has under test.
type Judge interface {
	// Open says whether a miner may be answering this prompt as an item now: what a user says in one turn, or what is to be
	// continued, as openai.ReadAsk reads it from an item's body. It is called for each request, concurrently.
	Open(prompt string) bool
}

// operation is one endpoint for answers.
type operation struct {
	name  string // as OpenTelemetry calls it
	path  string // here and at the miner
	input string // the field without which there is nothing to answer
}

var (
	chat       = operation{"chat", "/v1/chat/completions", "messages"}
	completion = operation{"text_completion", "/v1/completions", "prompt"}
)

// call is one request of a consumer on its way.
type call struct {
	*Gateway
	operation
	peek.Head
	w       http.ResponseWriter
	ctx     context.Context // ends when the consumer leaves
	body    []byte
	route   *route
	asked   openai.Ask
	arrived time.Time
	tried   []*candidate
}

// infer serves one request for an answer, from the door to the end of the answer.
func (g *Gateway) infer(w http.ResponseWriter, r *http.Request, op operation, arrived time.Time) {
	leave, ok := g.enter(w, r)
	if !ok {
		return
	}
	defer leave()
	c, err := g.accept(w, r, op)
	if err != nil {
		g.deny(w, openai.AsError(err), 0)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), g.Total)
	defer cancel()
	c.ctx, c.arrived = ctx, arrived
	status := c.serve()
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // the connection's next request has its own time
	g.metrics.duration.WithLabelValues(op.name, c.route.subnet, strconv.Itoa(status)).Observe(time.Since(arrived).Seconds())
	g.Log.Debug("served", "request", w.Header().Get("X-Request-Id"), "subnet", c.route.subnet, "miner", w.Header().Get("X-Agora-Miner"),
		"status", status, "attempts", len(c.tried), "took", time.Since(arrived))
}

// accept reads a request and finds where it leads.
func (g *Gateway) accept(w http.ResponseWriter, r *http.Request, op operation) (*call, error) {
	body, err := g.readBody(w, r)
	if err != nil {
		return nil, err
	}
	h, err := peek.Request(body, op.input)
	if err != nil {
		return nil, err
	}
	t := g.table.Load()
	if t == nil {
		return nil, notReady()
	}
	to := t.routes[h.Model]
	if to == nil {
		return nil, modelFault(h.Model, t)
	}
	ask := openai.ReadAsk(body)
	if g.isOpen(ask) {
		return nil, openai.Errorf(http.StatusBadRequest, "this prompt is an open question of this validator's judge: ask it again in some minutes").WithCode("open_question")
	}
	return &call{Gateway: g, operation: op, Head: h, w: w, body: body, route: to, asked: ask}, nil
}

// isOpen says whether a request repeats an item that is under test: its answer would be a miner's by another's work.
func (g *Gateway) isOpen(ask openai.Ask) bool {
	return g.Judge != nil && slices.ContainsFunc(ask.Prompts, g.Judge.Open)
}

// serve asks miners until one begins to answer, and passes that answer on. It returns the status given.
func (c *call) serve() int {
	var last error
	for len(c.tried) < c.Attempts && c.ctx.Err() == nil {
		m := c.route.pick(c.Miners.Connected, c.tried, time.Now())
		if m == nil {
			break
		}
		c.tried = append(c.tried, m)
		status, err := c.attempt(m)
		if err == nil {
			return status
		}
		if last == nil || !isUnserved(err) {
			last = err
		}
	}
	if c.gone() {
		return statusGone
	}
	e, wait := c.lastFault(last)
	c.deny(c.w, e, wait)
	return e.Status
}

// statusGone is what logs and metrics show for a consumer that left; nobody gets it.
const statusGone = 499

func (c *call) gone() bool { return errors.Is(c.ctx.Err(), context.Canceled) }

// attempt asks one miner. An error means that the consumer has seen nothing of it, so that another can be asked.
func (c *call) attempt(m *candidate) (status int, err error) {
	m.start()
	defer m.end()
	a := c.ask(m)
	defer a.close()
	err = a.begin()
	if err == nil {
		status = c.deliver(a)
		err = a.broken
	}
	c.note(m, err)
	if status != 0 {
		return status, nil
	}
	return 0, err
}

// note keeps what an attempt told of the miner. What the consumer ended says nothing.
func (c *call) note(m *candidate, err error) {
	if err != nil && c.gone() {
		return
	}
	c.metrics.attempts.WithLabelValues(c.route.subnet, m.label, outcome(err)).Inc()
	if err == nil {
		m.succeeded()
		return
	}
	if isBusy(err) || isUnserved(err) || errors.Is(err, wire.ErrNotConnected) {
		return
	}
	c.Log.Debug("miner failed", "request", c.w.Header().Get("X-Request-Id"), "subnet", c.route.subnet, "miner", m.name, "err", err)
	if m.fail(time.Now()) {
		c.metrics.breaks.Inc()
		c.Log.Warn("miner left alone after failures in a row", "subnet", c.route.subnet, "miner", m.name, "err", err)
	}
}

// answer is one miner's answer to a call.
type answer struct {
	*call
	from   *candidate
	ctx    context.Context
	cancel context.CancelCauseFunc
	watch  *time.Timer // ends the request when the miner is silent for too long
	begun  atomic.Bool // the miner's first part is here
	resp   *http.Response
	sent   time.Time
	got    time.Time // when what is delivered first was here
	part   []byte    // the whole answer, or what a stream began with
	broken error     // why a stream ended early
}

// ask prepares the request to a miner.
func (c *call) ask(m *candidate) *answer {
	a := &answer{call: c, from: m, sent: time.Now()}
	a.ctx, a.cancel = context.WithCancelCause(c.ctx)
	limit := c.WholeAnswer
	if c.Stream {
		limit = c.FirstEvent
	}
	a.watch = time.AfterFunc(limit, func() {
		if a.begun.Load() {
			a.cancel(errStalled)
			return
		}
		a.cancel(errSlowStart)
	})
	return a
}

func (a *answer) close() {
	a.watch.Stop()
	if a.resp != nil {
		a.resp.Body.Close()
	}
	a.cancel(nil)
}

// begin sends the request and waits for the first part of the answer: the whole of it, or a stream's first events.
func (a *answer) begin() error {
	resp, err := a.Miners.RoundTripper(a.from.HotKey).RoundTrip(Request(a.ctx, a.path, a.body))
	if err != nil {
		return a.why(err)
	}
	a.resp = resp
	if resp.StatusCode == http.StatusOK && a.Stream {
		err = a.beginStream()
	} else {
		err = a.readWhole()
	}
	a.got = time.Now()
	if err == nil {
		a.from.answered(a.got.Sub(a.sent), a.got)
	}
	return err
}

// why prefers the reason for which a request was ended to what the connection says of it.
func (a *answer) why(err error) error {
	if a.ctx.Err() != nil {
		return context.Cause(a.ctx)
	}
	return err
}

// Request is how a miner is asked: the body as the consumer wrote it, and nothing that tells who asks. A validator's
// own challenges must be made by it too, so that a miner cannot tell them apart.
func Request(ctx context.Context, path string, body []byte) *http.Request {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://miner"+path, bytes.NewReader(body))
	if err != nil { // only for a path that is no path
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header["User-Agent"] = []string{""} // none
	return r
}

// readWhole reads an answer that is not a stream, and decides whether it can be passed on.
func (a *answer) readWhole() error {
	limit := a.MaxAnswer
	body, err := io.ReadAll(io.LimitReader(a.resp.Body, limit+1))
	if err != nil {
		return a.why(errors.Join(errCut, err))
	}
	if int64(len(body)) > limit {
		return errTooLarge
	}
	a.part = body
	switch s := a.resp.StatusCode; s {
	case http.StatusOK:
		return checkObject(a.resp, body)
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		a.part = refusal(s, body)
		return nil
	default:
		return statusError(s)
	}
}

func checkObject(resp *http.Response, body []byte) error {
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		return errKind
	}
	if !peek.IsObject(body) {
		return errNotJSON
	}
	return nil
}
