package pay

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"agora/mechanism/voucher"
	"agora/wire/openai"
	"agora/wire/x402"
)

const (
	maxBody   = 32 << 20 // bytes of a request
	maxAnswer = 16 << 20 // bytes of an answer that is no stream
	maxLine   = 1 << 20  // bytes of a line of a stream
)

// Endpoint is an OpenAI endpoint for the programs of this machine: it passes requests on to the purse's gateway, pays for
// each, and answers as the gateway does. It is an http.Handler.
type Endpoint struct {
	purse  *Purse
	client *http.Client

	bodyTimeout time.Duration // for a request's body

	mu      sync.Mutex
	session string
}

// NewEndpoint pays with purse.
func NewEndpoint(purse *Purse) *Endpoint {
	return &Endpoint{purse: purse, bodyTimeout: 30 * time.Second, client: &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 64, ResponseHeaderTimeout: 15 * time.Minute, DisableCompression: true,
	}}}
}

// ServeHTTP answers one request.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(e.bodyTimeout)) // writers of tests may have none
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		openai.WriteError(w, openai.Errorf(http.StatusRequestTimeout, "the body did not arrive within %s", e.bodyTimeout))
		return
	}
	_ = control.SetReadDeadline(time.Time{}) // as above
	if err != nil {
		openai.WriteError(w, openai.Errorf(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", maxBody))
		return
	}
	if r.Method != http.MethodPost {
		e.pass(w, r)
		return
	}
	p, err := e.pay(r.Context(), r.URL.Path, body)
	if err != nil {
		openai.WriteError(w, refusal(err))
		return
	}
	defer p.resp.Body.Close()
	p.answer(w)
}

// refusal is an error as an OpenAI client reads it.
func refusal(err error) *openai.Error {
	var known *openai.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, ErrCap), errors.Is(err, ErrDeposit):
		return openai.Errorf(http.StatusPaymentRequired, "%s", err).WithCode("payment_required")
	}
	return openai.Errorf(http.StatusBadGateway, "the gateway cannot be asked: %s", err).WithCode("gateway_unreachable")
}

// pass hands on what costs nothing.
func (e *Endpoint) pass(w http.ResponseWriter, r *http.Request) {
	out, err := http.NewRequestWithContext(r.Context(), http.MethodGet, e.purse.Gateway()+r.URL.Path, nil)
	if err != nil {
		openai.WriteError(w, refusal(err))
		return
	}
	resp, err := e.client.Do(out)
	if err != nil {
		openai.WriteError(w, refusal(err))
		return
	}
	defer resp.Body.Close()
	copyHeader(w.Header(), resp.Header)
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, io.LimitReader(resp.Body, maxAnswer)) // a program that left needs none
}

// paid is a request that was paid for and is being answered.
type paid struct {
	*Endpoint
	resp    *http.Response
	netuid  uint32
	ceiling uint64 // that the purse holds for it
	told    uint64 // ceiling that the gateway reserved, at most that
	cost    uint64
	seen    bool // the end of the answer, and its cost
}

// Pauses before a request is asked again ahead: doubled each time from soon to late.
const (
	soon      = 10 * time.Millisecond
	late      = time.Second
	mostTimes = 8 // or as long as it is not known what others that are open may cost
)

// pay asks the gateway: first for what is owed, and where it wants more, again ahead for what is open. What the gateway has
// taken of another program before this one learnt its ceiling, no voucher covers yet: that is waited for.
func (e *Endpoint) pay(ctx context.Context, path string, body []byte) (*paid, error) {
	most, err := e.purse.Most()
	if err != nil {
		return nil, err
	}
	if err := e.purse.Begin(0, most); err != nil {
		return nil, err
	}
	p := &paid{Endpoint: e, ceiling: most}
	resp, err := e.ask(ctx, path, body, p, false)
	if err != nil {
		return nil, errors.Join(err, e.purse.End(0, most, 0, false))
	}
	if resp.StatusCode != http.StatusPaymentRequired {
		return p.begin(resp, most)
	}
	required, reason := requiredBy(resp)
	resp.Body.Close()
	if err := e.purse.End(0, most, 0, true); err != nil || required == nil {
		return nil, errors.Join(err, reason)
	}
	for times := 0; ; times++ {
		p, err := e.payAhead(ctx, path, body, required, reason)
		if err != nil || !p.short() || times >= mostTimes && !e.purse.Unsure() {
			return p, err
		}
		p.resp.Body.Close()
		if err := e.purse.End(p.netuid, p.ceiling, 0, true); err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(min(soon<<min(times, mostTimes), late)):
		}
	}
}

// payAhead asks with a voucher for all that is open, this request too, as a 402 required it for reason.
func (e *Endpoint) payAhead(ctx context.Context, path string, body []byte, required *x402.Requirement, reason error) (*paid, error) {
	if err := e.correct(ctx, required.Extra); err != nil {
		return nil, err
	}
	ceiling, err := strconv.ParseUint(required.Amount, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the gateway asks for %.30q", required.Amount)
	}
	p := &paid{Endpoint: e, netuid: required.Extra.Netuid, ceiling: ceiling}
	if err := e.purse.Begin(p.netuid, p.ceiling); err != nil {
		return nil, errors.Join(err, reason)
	}
	if p.resp, err = e.ask(ctx, path, body, p, true); err != nil {
		return nil, errors.Join(err, e.purse.End(p.netuid, p.ceiling, 0, false))
	}
	if err = e.note(p.resp, p); err != nil {
		p.resp.Body.Close()
		err = errors.Join(err, e.purse.End(p.netuid, p.ceiling, 0, false))
	}
	return p, err
}

// short says that the gateway refused a request because of others that the voucher did not cover.
func (p *paid) short() bool {
	var required x402.Required
	return p.resp.StatusCode == http.StatusPaymentRequired && x402.Decode(p.resp.Header.Get(x402.HeaderRequired), &required) == nil &&
		strings.HasPrefix(required.Error, voucher.ErrCredit.Error())
}

// begin notes what a request may cost that was taken at once, where most was allowed.
func (p *paid) begin(resp *http.Response, most uint64) (*paid, error) {
	p.resp = resp
	err := p.note(resp, p)
	if err == nil && resp.StatusCode == http.StatusOK {
		if p.told > 0 {
			p.ceiling = p.told
		}
		err = p.purse.Exchange(most, p.netuid, p.ceiling)
	} else { // nothing was reserved, or it was given back
		p.ceiling = 0
		err = errors.Join(err, p.purse.End(0, most, 0, resp.StatusCode != http.StatusOK))
	}
	if err != nil {
		resp.Body.Close()
	}
	return p, err
}

// ask sends a request with a voucher.
func (e *Endpoint) ask(ctx context.Context, path string, body []byte, p *paid, ahead bool) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.purse.Gateway()+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(x402.HeaderMax, strconv.FormatUint(p.ceiling, 10))
	if _, err := e.enclose(r, p.netuid, ahead); err != nil {
		return nil, err
	}
	return e.client.Do(r)
}

// enclose signs a voucher into a request, and returns what it promises.
func (e *Endpoint) enclose(r *http.Request, netuid uint32, ahead bool) (voucher.Parts, error) {
	v, signature, err := e.purse.Sign(netuid, ahead)
	if err != nil {
		return nil, err
	}
	r.Header.Set(x402.HeaderSignature, x402.Encode(x402.Payment{
		X402Version: x402.Version,
		Accepted:    x402.Requirement{Scheme: x402.Scheme, Network: x402.Network(e.purse.ChainID()), Asset: x402.Asset, PayTo: e.purse.doc.Payee},
		Payload:     x402.NewPayload(v, signature),
	}))
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.session != "" {
		r.Header.Set(x402.HeaderSession, e.session)
	}
	return v.Parts, nil
}

// note keeps what an answer's header says of the payment.
func (e *Endpoint) note(resp *http.Response, p *paid) error {
	header := resp.Header.Get(x402.HeaderResponse)
	if header == "" {
		return nil
	}
	var told x402.Response
	if err := x402.Decode(header, &told); err != nil {
		return err
	}
	e.mu.Lock()
	e.session = told.Session
	e.mu.Unlock()
	if p.netuid == 0 {
		p.netuid = told.Netuid
	}
	if told.Ceiling != "" {
		ceiling, err := strconv.ParseUint(told.Ceiling, 10, 64)
		if err != nil || ceiling > p.ceiling {
			return fmt.Errorf("the gateway reserved %.30q rao, %d are allowed", told.Ceiling, p.ceiling)
		}
		p.told = ceiling
	}
	return nil
}

// requiredBy reads a 402; reason is its sentence.
func requiredBy(resp *http.Response) (*x402.Requirement, error) {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	reason := openai.Foreign(resp.StatusCode, text)
	var required x402.Required
	if x402.Decode(resp.Header.Get(x402.HeaderRequired), &required) != nil || len(required.Accepts) == 0 {
		return nil, reason
	}
	return &required.Accepts[0], reason
}

// correct learns from a 402 what was charged, if it shows this purse's own signature of its last voucher: a bare number
// could be anything.
func (e *Endpoint) correct(ctx context.Context, extra x402.Extra) error {
	if extra.Last == nil {
		return nil
	}
	last, err := extra.Last.Voucher()
	if err != nil {
		return err
	}
	if err := last.Verify(e.purse.ChainID(), e.purse.key.Public().(ed25519.PublicKey), extra.Last.Signature); err != nil {
		return fmt.Errorf("the gateway shows a voucher that is not ours: %w", err)
	}
	return e.Settle(ctx)
}

// answer passes the answer on and learns its cost.
func (p *paid) answer(w http.ResponseWriter) {
	defer func() {
		if p.ceiling > 0 {
			_ = p.purse.End(p.netuid, p.ceiling, p.cost, p.seen) // what cannot be written is asked for by the gateway again
		}
	}()
	copyHeader(w.Header(), p.resp.Header)
	if strings.HasPrefix(p.resp.Header.Get("Content-Type"), "text/event-stream") {
		w.WriteHeader(p.resp.StatusCode)
		p.stream(w)
		return
	}
	whole, err := io.ReadAll(io.LimitReader(p.resp.Body, maxAnswer+1))
	if err != nil || len(whole) > maxAnswer {
		w.Header().Del("Content-Length")
		openai.WriteError(w, openai.Errorf(http.StatusBadGateway, "the answer broke off, or is larger than %d bytes", maxAnswer))
		return
	}
	if p.resp.StatusCode != http.StatusOK {
		p.cost, p.seen = 0, true
	} else {
		p.cost, p.seen = costOf(whole)
	}
	w.WriteHeader(p.resp.StatusCode)
	_, _ = w.Write(whole) // a program that left needs none
}

// stream passes events on line by line.
func (p *paid) stream(w http.ResponseWriter) {
	control := http.NewResponseController(w)
	lines := bufio.NewReaderSize(p.resp.Body, 64<<10)
	for {
		line, err := readLine(lines)
		p.look(line)
		if _, failed := w.Write(line); failed != nil {
			return
		}
		if len(bytes.TrimSpace(line)) == 0 || err != nil {
			_ = control.Flush() // writers of tests may have none
		}
		if err != nil {
			return
		}
	}
}

func readLine(r *bufio.Reader) (line []byte, err error) {
	for len(line) < maxLine {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
	return line, fmt.Errorf("a line of a stream of more than %d bytes", maxLine)
}

// look finds the cost in a line of a stream: in the usage, or in the comment of who did not ask for it; an error is free.
func (p *paid) look(line []byte) {
	if data, is := bytes.CutPrefix(line, []byte("data:")); is {
		if bytes.Contains(data, []byte(`"cost_details"`)) {
			p.cost, p.seen = costOf(data)
		}
		if bytes.HasPrefix(bytes.TrimSpace(data), []byte(`{"error"`)) {
			p.cost, p.seen = 0, true
		}
		return
	}
	text, is := bytes.CutPrefix(bytes.TrimSpace(line), []byte(": cost "))
	if !is {
		return
	}
	if amount, is := bytes.CutSuffix(text, []byte(" TAO")); is {
		if rao, err := ParseTAO(string(amount)); err == nil {
			p.cost, p.seen = rao, true
		}
	}
}

// costOf reads the cost out of an answer.
func costOf(answer []byte) (rao uint64, told bool) {
	var a struct {
		Usage struct {
			Details *struct {
				Rao uint64 `json:"rao"`
			} `json:"cost_details"`
		} `json:"usage"`
	}
	if json.Unmarshal(answer, &a) != nil || a.Usage.Details == nil {
		return 0, false
	}
	return a.Usage.Details.Rao, true
}

func copyHeader(to, from http.Header) {
	for name, values := range from {
		to[name] = values
	}
}
