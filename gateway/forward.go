package gateway

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"agora/gateway/peek"
	"agora/wire"
	"agora/wire/cancel"
	"agora/wire/openai"
	"agora/wire/receipt"
)

// Carrier carries requests to miners.
type Carrier interface {
	// RoundTripper carries HTTP requests to the miner with this hot key in this subnet.
	RoundTripper(netuid uint32, key ed25519.PublicKey) http.RoundTripper
}

// Judge knows the items that the gateway's own validator has under test.
type Judge interface {
	// Open says whether a miner may be answering one of a request's prompts as an item now: what a user says in one turn, or what is
	// to be continued, as openai.ReadAsk reads it from an item's body. It is called once for each request, concurrently.
	Open(prompts [][]byte) bool
}

// operation is one endpoint for answers.
type operation struct {
	name  string // as OpenTelemetry calls it
	path  string // here and at the miner
	input string // the field without which there is nothing to answer; empty for a form
	needs openai.Ability
	whole bool // answered in one piece
}

var (
	chat       = operation{"chat", "/v1/chat/completions", "messages", openai.CanChat, false}
	completion = operation{"text_completion", "/v1/completions", "prompt", openai.CanComplete, false}
)

// maxRefusals is how many miners may refuse a request as one that they cannot do before nobody else is asked.
const maxRefusals = 8

// call is one request of a consumer on its way.
type call struct {
	*Gateway
	operation
	peek.Head
	*translation        // nil where the consumer speaks as miners do
	url          string // path that the consumer asked
	out          *outlet
	said         *lines          // of the answer's header
	ctx          context.Context // ends when the consumer leaves
	body         []byte          // as miners get it: a request for a stream
	kind         string          // its content type
	route        *route
	later        []*route // to fall back to
	asked        openai.Ask
	arrived      time.Time
	until        time.Time // it may last
	tried        []*candidate
	few          [2]*candidate // room of tried
	failed       failures
	suspect      []*candidate // failed before an answer began; to blame once another has answered
	bill         *bill        // nil where nobody pays
	given        *answer      // that was delivered; nil where none was
	public       bool         // its consumer lets others see request and answer, should the answer be false
}

// infer serves one request for an answer, from the door to the end of the answer.
func (g *Gateway) infer(w http.ResponseWriter, r *http.Request, d door, came arrival) {
	v, ok := g.enter(w, r, came)
	if !ok {
		return
	}
	defer v.leave()
	c := &v.call
	err := v.accept(w, r, d)
	if err == nil {
		err = v.takeSlot()
	}
	if err != nil {
		g.deny(w, openai.AsError(err), waitOf(err))
		return
	}
	c.ctx = joined(r.Context(), &v.said, r)
	var leave context.CancelFunc
	if c.Stream { // which is kept alive, and ends where that does not come through
		c.ctx, leave = new(cancel.Context).Under(c.ctx)
		defer leave()
	}
	v.way = newOutlet(w, came.id, g, leave)
	c.out = &v.way
	if c.translation != nil && c.voice != nil {
		c.out.failing = c.voice().Fail
	}
	if e := c.open(v.from); e != nil {
		g.deny(w, e, waitOf(e))
		return
	}
	defer c.bill.close()
	if c.Stream {
		c.out.keepAlive(c.hello)
	}
	defer c.out.close()
	c.finish(v, c.serve())
}

// accept reads a request and finds where it leads: the visit's call.
func (v *visit) accept(w http.ResponseWriter, r *http.Request, d door) error {
	body, err := v.readBody(w, r, v)
	if err != nil {
		return err
	}
	now := time.Now()
	var other *translation
	if d.open != nil {
		if other, err = d.open(body, strings.TrimPrefix(v.id, requestPrefix)); err != nil {
			return err
		}
		if err := v.hold(int64(len(other.chat))); err != nil {
			return err
		}
		body = other.chat
	}
	h, err := d.head(r, body)
	if err != nil {
		return err
	}
	t := v.table.Load()
	if t == nil {
		return notReady()
	}
	paths, err := v.paths(t, h)
	if err != nil {
		return err
	}
	ask := openai.Ask{Choices: 1}
	if ask.MaxPrice, err = openai.ReadMaxPrice(h.Provider); err != nil {
		return err
	}
	if !d.operation.whole {
		if ask = h.Ask(); !roomy(paths, &ask) {
			ask.Count()
		}
	}
	if err := v.spend(&ask, now); err != nil {
		return err
	}
	if v.isOpen(ask) {
		return openai.Errorf(http.StatusBadRequest, "this prompt is an open question of this validator's judge: ask it again in some minutes").WithCode("open_question")
	}
	v.call = call{
		Gateway: v.Gateway, url: r.URL.Path, operation: d.operation, Head: h, translation: other, body: d.outgoing(body, h), kind: contentType(d.operation, r),
		route: paths[0], later: paths[1:], asked: ask, said: &v.said, public: valueOf(r.Header, "X-Agora-Proof") == "public", arrived: v.arrived, until: now.Add(v.Total),
	}
	if other != nil {
		v.call.Stream = other.stream
	}
	v.call.Stream = v.call.Stream && !d.operation.whole
	return nil
}

// roomy says that a request surely fits whoever may be asked, so that its tokens need not be counted.
func roomy(paths []*route, ask *openai.Ask) bool {
	return !slices.ContainsFunc(paths, func(r *route) bool {
		return r.count(func(m *candidate) bool { return !ask.SurelyFits(m.Context) }) > 0
	})
}

// isOpen says whether a request repeats an item that is under test: its answer would be a miner's by another's work.
func (g *Gateway) isOpen(ask openai.Ask) bool {
	return g.Judge != nil && g.Judge.Open(ask.Prompts)
}

// serve asks miners until one begins to answer, and passes that answer on. It returns the status given.
func (c *call) serve() int {
	c.tried = c.few[:0]
	for c.ctx.Err() == nil && c.failed.hard < c.Attempts && c.failed.refused < maxRefusals {
		now := time.Now()
		if !now.Before(c.until) {
			break
		}
		m := c.next(now)
		if m == nil && len(c.later) > 0 && c.bill == nil { // what was set aside is for one model's price and subnet
			c.route, c.later = c.later[0], c.later[1:]
			continue
		}
		if m == nil {
			break
		}
		c.tried = append(c.tried, m)
		status, err := c.attempt(m, now)
		if err == nil {
			return status
		}
		c.failed.add(err)
	}
	if c.gone() {
		return statusGone
	}
	e, wait := c.lastFault()
	c.metrics.refused.WithLabelValues(strconv.Itoa(e.Status)).Inc()
	return c.out.fail(e, wait)
}

// next is the miner to ask now. Those whose cards tell of what the request needs, and of a context in which it has room, come
// before those who tell nothing or may be too small.
func (c *call) next(now time.Time) *candidate {
	sure := func(m *candidate) bool {
		return (m.Can != 0 || len(c.asked.Needs) == 0) && c.asked.Fits(m.Context) && c.able(m)
	}
	if m := c.route.pick(sure, c.tried, c.Session, now); m != nil {
		return m
	}
	return c.route.pick(c.able, c.tried, c.Session, now)
}

// able says whether a miner can be asked this, by what its card declares.
func (c *call) able(m *candidate) bool {
	return c.Miners.Connected(m.netuid, m.HotKey) && c.unable(m) == nil && c.affordable(m)
}

// affordable says whether a miner's price is within what the consumer allows.
func (c *call) affordable(m *candidate) bool {
	return c.bill == nil || within(c.Till.rates(&m.Miner), c.bill.limit)
}

// unable is the reason for which a miner's card rules it out, nil if it does not.
func (c *call) unable(m *candidate) *openai.Error {
	if !c.doable(m) {
		return c.unserved(m)
	}
	if e := c.asked.Refusal(m.Can); e != nil {
		return e
	}
	return c.asked.TooLong(m.Context)
}

// statusGone is what logs and metrics show for a consumer that left; nobody gets it.
const statusGone = 499

func (c *call) gone() bool { return errors.Is(c.ctx.Err(), context.Canceled) }

// late says that the call has taken as long as any may.
func (c *call) late() bool { return !time.Now().Before(c.until) }

// attempt asks one miner, or two where that is slow to begin. An error means that another can be asked: the consumer has seen
// nothing of this one.
func (c *call) attempt(m *candidate, now time.Time) (status int, err error) {
	r := c.run(m, now)
	defer r.end()
	a := r.winner
	m = a.from
	if err = a.err; err == nil {
		err = a.complete()
	}
	if errors.Is(err, errSlowStart) {
		m.silent(time.Since(a.sent), time.Now())
	}
	if err != nil {
		c.note(m, err)
		return 0, err
	}
	c.blame()
	c.given = a
	broken := a.deliver()
	c.note(m, broken)
	if broken != nil && !c.gone() && !isRefusal(broken) {
		c.fault(m, broken)
	}
	if broken == nil {
		a.proof()
		m.succeeded()
	}
	return http.StatusOK, nil
}

// note keeps how an attempt went. What the consumer ended says nothing of the miner. A failure before the answer began is
// held against the miner only once another has answered the same request: a request at which every server fails is no
// fault of a miner's.
func (c *call) note(m *candidate, err error) {
	if err != nil && c.gone() {
		return
	}
	c.metrics.attempt(c.route.subnet, m.label, err)
	if statusOf(err) == http.StatusPaymentRequired && c.bill != nil && c.Till.Miners != nil {
		c.Till.Miners.Demand(m.Owner)
	}
	if err == nil {
		return
	}
	c.Log.Debug("miner failed", "request", c.out.id, "subnet", c.route.subnet, "miner", m.name, "err", err)
	if !isBusy(err) && !isUnserved(err) && !isRefusal(err) && !errors.Is(err, wire.ErrNotConnected) {
		c.suspect = append(c.suspect, m)
	}
}

// blame holds the failures so far against their miners, as another has answered.
func (c *call) blame() {
	for _, m := range c.suspect {
		c.fault(m, errors.New("failed where another answered"))
	}
	c.suspect = nil
}

func (c *call) fault(m *candidate, err error) {
	if m.fail(time.Now()) {
		c.metrics.breaks.Inc()
		c.Log.Warn("miner left alone after failures in a row", "subnet", c.route.subnet, "miner", m.name, "err", err)
	}
}

// AsStream is the body of a request as miners get it. They are always asked for streams, and what a consumer wanted whole
// is put together here: some servers work on for a client that left unless they stream, and a silent server is known
// early. A body that cannot be read stays as it is.
func AsStream(body []byte) []byte {
	for _, input := range []string{chat.input, completion.input} {
		if h, err := peek.Request(body, input); err == nil {
			return peek.AsStream(slices.Clone(body), h)
		}
	}
	return body
}

// contentType is what a body is: JSON, or the form that came.
func contentType(o operation, r *http.Request) string {
	if o.input == "" {
		return r.Header.Get("Content-Type")
	}
	return "application/json"
}

// Request is how a miner is asked: the body as the consumer wrote it but for AsStream, the nonce that its receipt is to
// name, and nothing that tells who asks.
// A validator's own challenges must be made by both too, so that a miner cannot tell them apart.
func Request(ctx context.Context, path string, body []byte, nonce [16]byte) *http.Request {
	return new(outgoing).request(ctx, path, "application/json", body, nonce)
}

func (in *outgoing) request(ctx context.Context, path, kind string, body []byte, nonce [16]byte) *http.Request {
	in.all, in.url = body, url.URL{Scheme: "http", Host: "miner", Path: path}
	in.Reset(body)
	r := blank.WithContext(ctx)
	r.Method, r.Host, r.Proto, r.ProtoMajor, r.ProtoMinor = http.MethodPost, in.url.Host, "HTTP/1.1", 1, 1
	r.URL, r.Body, r.ContentLength, r.GetBody = &in.url, &in.content, int64(len(body)), in.again
	if len(body) == 0 {
		r.Body = http.NoBody
	}
	l := lines{Header: make(http.Header, len(in.values)), values: in.values[:0]}
	l.set("Content-Type", kind)
	l.set(receipt.NonceHeader, hex.EncodeToString(nonce[:]))
	l.set(receipt.TakesHeader, receipt.Together)
	l.set("User-Agent", "") // none
	r.Header = l.Header
	return r
}

// blank is what requests are made from, since their context can be given only to a copy.
var blank http.Request

// outgoing is what a request to a miner has of its own, in one piece of memory.
type outgoing struct {
	content
	url    url.URL
	values [5]string // of its header
}

// content is the body of a request to a miner.
type content struct {
	bytes.Reader
	all []byte
}

func (*content) Close() error { return nil }

// again is the body from its beginning.
func (c *content) again() (io.ReadCloser, error) {
	n := &content{all: c.all}
	n.Reset(c.all)
	return n, nil
}
