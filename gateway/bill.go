package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"agora/gateway/ledger"
	"agora/gateway/peek"
	"agora/mechanism/price"
	"agora/mechanism/voucher"
	"agora/wire/openai"
	"agora/wire/x402"
)

const (
	unstated  = 4_096           // tokens of an answer whose request names no limit and whose model no context
	template  = 64              // tokens that a chat template may add to a prompt
	lastWords = 3 * time.Second // for the end of a bill whose consumer has gone
)

// bill is what one request costs. It is settled once: with what was delivered, or with nothing.
type bill struct {
	*Till
	from    *payer
	id      string
	ceiling uint64
	netuid  uint32
	limit   price.Rates // tokens above which the request goes elsewhere; 0 is no limit
	context int         // tokens that a model reads and writes at most by the cards that the ceiling is for; 0 where none tells it
	account ledger.Account
	settled bool
	chunks  uint64 // delivered
	cost    uint64
	base    uint64
	used    price.Tokens
	metrics *metrics
}

// most is what a request can take here.
func (c *call) most() price.Tokens {
	context := c.route.context()
	if c.bill != nil {
		context = c.bill.context
	}
	return mostOf(len(c.body), c.asked, context)
}

// Most is what a request can take of a model that reads and writes at most context tokens, if that is known: a token has at
// least a byte.
func Most(body []byte, context int) price.Tokens {
	return mostOf(len(body), openai.ReadAsk(body), context)
}

func mostOf(bytes int, ask openai.Ask, context int) price.Tokens {
	out := uint64(unstated)
	if context > 0 {
		out = uint64(context)
	}
	if wanted := uint64(ask.MaxTokens); wanted > 0 && (context == 0 || wanted < out) {
		out = wanted
	}
	return price.Tokens{In: uint64(bytes) + template, Out: out * uint64(max(1, ask.Choices))}
}

// dearest are the highest rates of those who can be asked within a limit.
func (c *call) dearest(limit price.Rates) (most price.Rates, any bool) {
	for _, tier := range c.route.tiers {
		for _, m := range tier {
			r := c.Till.rates(&m.Miner)
			if !within(r, limit) {
				continue
			}
			any = true
			most = price.Rates{In: max(most.In, r.In), Out: max(most.Out, r.Out), Markup: r.Markup}
		}
	}
	return most, any
}

// within tells whether rates, mark-up included, are at most a limit.
func within(r, limit price.Rates) bool {
	of := func(rate uint64) uint64 { return rate + rate*r.Markup/price.BPS }
	return (limit.In == 0 || of(r.In) <= limit.In) && (limit.Out == 0 || of(r.Out) <= limit.Out)
}

// tooDear is the refusal where everybody asks for more than the request allows.
func (c *call) tooDear() *openai.Error {
	r, _ := c.dearest(price.Rates{})
	e := openai.Errorf(http.StatusPaymentRequired, "nobody serves %q for provider.max_price: the price here goes up to %s TAO per million tokens read and %s written",
		c.Model, TAO(r.In+r.In*r.Markup/price.BPS), TAO(r.Out+r.Out*r.Markup/price.BPS))
	e.Param = "provider.max_price"
	return e.WithCode("price_too_high")
}

// required is the 402, with what to pay and the consumer's own last voucher; or what else is wrong.
func (c *call) required(b *bill, a ledger.Account, err error) *openai.Error {
	switch {
	case errors.Is(err, ledger.ErrDuplicate):
		return openai.Errorf(http.StatusConflict, "%s: give each request an id of its own", err).WithCode("duplicate_request")
	case errors.Is(err, errFortune):
		return openai.Errorf(http.StatusBadRequest, "%s", err)
	case errors.Is(err, ledger.ErrBudget):
		return openai.Errorf(http.StatusPaymentRequired, "%s; lower max_tokens, or ask the key's operator for more", err).WithCode("budget_spent")
	case errors.Is(err, ledger.ErrStore), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		c.Log.Error("cannot book a request", "err", err)
		return openai.Errorf(http.StatusServiceUnavailable, "the gateway cannot book requests now; try again soon").WithCode("ledger_unavailable")
	}
	c.metrics.vouchers.WithLabelValues(reasonOf(err)).Inc()
	r := c.Till.requirement(b.ceiling)
	r.Extra.Netuid = c.route.netuid()
	r.Extra.Charged = x402.Amount(a.Line.Charged)
	if len(a.Held.Signature) > 0 {
		last := x402.NewPayload(a.Held.Voucher, a.Held.Signature)
		r.Extra.Last = &last
	}
	c.said.set(x402.HeaderRequired, x402.Encode(x402.Required{
		X402Version: x402.Version, Error: err.Error(), Resource: x402.Resource{URL: c.path, MimeType: "application/json"},
		Accepts: []x402.Requirement{r},
	}))
	return openai.Errorf(http.StatusPaymentRequired, "%s", err).WithCode("payment_required")
}

func (t *Till) requirement(ceiling uint64) x402.Requirement {
	return x402.Requirement{
		Scheme: x402.Scheme, Network: x402.Network(t.ChainID), Amount: strconv.FormatUint(ceiling, 10), Asset: x402.Asset,
		PayTo: t.Payee, MaxTimeoutSeconds: int((15 * time.Minute).Seconds()),
		Extra: x402.Extra{MinDeposit: strconv.FormatUint(t.Deposit, 10), Message: "/agora.market.v1.MsgOpenChannel", RPC: t.RPC},
	}
}

// errAbove is a request that may cost more than its consumer allows.
var errAbove = errors.New("above what is allowed")

// reasonOf names why a voucher or a request was refused, for a metric's label.
func reasonOf(err error) string {
	for name, reason := range map[string]error{
		"forged": voucher.ErrForged, "expired": voucher.ErrExpired, "shrinks": voucher.ErrShrinks, "credit": voucher.ErrCredit,
		"funds": voucher.ErrFunds, "above": errAbove, "closing": voucher.ErrClosing, "unknown": ledger.ErrUnknown,
	} {
		if errors.Is(err, reason) {
			return name
		}
	}
	return "other"
}

// unpaid is the refusal of a payment before the request was read.
func (g *Gateway) unpaid(err error) *openai.Error {
	if errors.Is(err, ledger.ErrStore) {
		return openai.Errorf(http.StatusServiceUnavailable, "the gateway cannot book requests now; try again soon").WithCode("ledger_unavailable")
	}
	g.metrics.vouchers.WithLabelValues(reasonOf(err)).Inc()
	return openai.Errorf(http.StatusPaymentRequired, "%s", err).WithCode("payment_required")
}

// settle charges what an answer of m took, within what the consumer reserved.
func (b *bill) settle(ctx context.Context, c *call, m *candidate, used price.Tokens) error {
	if b.settled {
		return nil
	}
	b.settled = true
	most := c.most()
	used.In, used.Out = min(used.In, most.In), min(used.Out, most.Out)
	cost, base := price.Answer(used, b.rates(&m.Miner))
	charge := ledger.Charge{
		Account: b.from.account, Request: b.id, Named: b.from.request != "", At: time.Now(), Netuid: m.netuid, Model: m.Model,
		In: used.In, Out: used.Out, Cost: cost, Base: base,
	}
	a, charged, err := b.Ledger.Settle(ctx, charge)
	if err != nil {
		b.metrics.vouchers.WithLabelValues("lost").Inc()
		return err
	}
	b.account, b.cost, b.base, b.used = a, charged, min(base, charged), used
	if b.Till.Miners != nil && b.base > 0 && m.Owner != "" {
		b.Till.Miners.Owe(work(m, used, b.base))
	}
	return nil
}

// count adds what was charged to the metrics.
func (b *bill) count(subnet string) {
	if b == nil || b.cost == 0 {
		return
	}
	b.metrics.paid.WithLabelValues(subnet, "miner").Add(float64(b.base))
	b.metrics.paid.WithLabelValues(subnet, "markup").Add(float64(b.cost - b.base))
}

// enclose lets what a miner is owed go with a request to it.
func (c *call) enclose(h http.Header, m *candidate) {
	if c.bill == nil || c.Till.Miners == nil || m.Owner == "" {
		return
	}
	_, most := price.Answer(c.most(), price.Rates{In: m.PriceIn, Out: m.PriceOut})
	c.Till.Miners.Enclose(h, work(m, price.Tokens{}, 0), most)
}

// priced charges a plain answer that is about to be delivered and puts its cost into it. Where it cannot be written down
// the consumer gets it all the same: what is open at once bounds that loss.
func (a *answer) priced(whole []byte) []byte {
	if a.bill == nil || a.gone() {
		return whole
	}
	if err := a.bill.settle(a.ctx, a.call, a.from, tokensOf(a.usage, 1)); err != nil {
		a.Log.Error("cannot charge an answer", "request", a.out.id, "err", err)
		return whole
	}
	a.bill.answerTo(a.said)
	return peek.WithUsage(whole, a.bill.tell())
}

// tokensOf is what an answer took as its usage tells it; where there is none, at least the parts that came.
func tokensOf(u *openai.Usage, parts uint64) price.Tokens {
	if u == nil {
		return price.Tokens{Out: parts}
	}
	return price.Tokens{In: uint64(max(0, u.PromptTokens)), Out: uint64(max(0, u.CompletionTokens))}
}

// billed is a chunk of a stream that is paid for. The one that tells the usage when every choice has ended ends the bill, and tells
// the cost, as do those after it: some servers tell it beside the last choice, and some once more.
func (a *answer) billed(c openai.Chunk) []byte {
	if c.Usage == nil || !a.stream.Ended() && peek.HasChoices(c.Data) {
		return c.Data
	}
	if a.bill.settled {
		return peek.WithUsage(slices.Clip(c.Data), a.bill.tell())
	}
	if err := a.bill.settle(a.ctx, a.call, a.from, tokensOf(c.Usage, a.bill.chunks)); err != nil {
		a.Log.Error("cannot charge a stream", "request", a.out.id, "err", err)
		return c.Data
	}
	if a.voice != nil { // other doors have no word for it
		_ = a.out.comment([]byte("cost " + TAO(a.bill.cost) + " TAO")) // who left is found out by the chunk
	}
	return peek.WithUsage(slices.Clip(c.Data), a.bill.tell()) // behind it is the next chunk
}

// settleAtEnd charges a stream that told no usage of its own at its end.
func (a *answer) settleAtEnd() {
	if a.bill == nil || a.bill.settled {
		return
	}
	if err := a.bill.settle(a.ctx, a.call, a.from, tokensOf(a.usage, a.bill.chunks)); err != nil {
		a.Log.Error("cannot charge a stream", "request", a.out.id, "err", err)
		return
	}
	_ = a.out.comment([]byte("cost " + TAO(a.bill.cost) + " TAO")) // a consumer that left needs none
}

// close gives back what was reserved, unless the answer was charged.
func (b *bill) close() {
	if b == nil || b.settled {
		return
	}
	b.settled = true
	ctx, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	if _, _, err := b.Ledger.Settle(ctx, ledger.Charge{Account: b.from.account, Request: b.id}); err != nil {
		b.metrics.vouchers.WithLabelValues("lost").Inc()
	}
}

// abandoned charges what a consumer got who left in the middle of a stream: as the last usage told it, else the chunks
// delivered, and the prompt at the least that it can have been.
func (b *bill) abandoned(c *call, m *candidate, told *openai.Usage) {
	if b == nil || b.settled || b.chunks == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	used := price.Tokens{In: uint64(c.asked.Bytes / bytesPerToken), Out: b.chunks}
	if told != nil {
		used = tokensOf(told, b.chunks)
	}
	if err := b.settle(ctx, c, m, used); err != nil {
		c.Log.Error("cannot charge an abandoned stream", "request", c.out.id, "err", err)
	}
}

// bytesPerToken is more than a token of text has on average in any language that models are trained on.
const bytesPerToken = 8

// tell is what a consumer reads of the cost: members for the answer's usage.
func (b *bill) tell() []byte {
	text := append(appendTAO(append(make([]byte, 0, openai.Spare), `,"cost":`...), b.cost), `,"cost_details":{`...)
	for i, part := range [...]struct {
		name string
		rao  uint64
	}{{`"rao":`, b.cost}, {`"miner_rao":`, b.base}, {`"markup_rao":`, b.cost - b.base}, {`"charged_rao":`, b.account.Line.Charged}} {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendUint(append(text, part.name...), part.rao, 10)
	}
	return append(text, '}')
}

// answerTo says in a header how the payment went, to who pays with vouchers: the bearer of a key reads the usage.
func (b *bill) answerTo(l *lines) {
	if b != nil && b.from.session != nil {
		l.set(x402.HeaderResponse, b.response())
	}
}

// response is that header.
func (b *bill) response() string {
	r := x402.Response{
		Success: true, Network: x402.Network(b.ChainID), Payer: b.account.Payer, Charged: x402.Amount(b.account.Line.Charged),
		Ceiling: x402.Amount(b.ceiling), Netuid: b.netuid,
	}
	if b.settled {
		r.Amount = strconv.FormatUint(b.cost, 10)
	}
	r.Session = b.from.session.text
	return x402.Encode(r)
}

// pricing is what a token costs at the best miners of a route, the dearest of them; nil where nobody pays.
func (g *Gateway) pricing(r *route) *openai.Pricing {
	if g.Till == nil || len(r.tiers) == 0 {
		return nil
	}
	var in, out uint64
	for _, m := range r.tiers[0] {
		in, out = max(in, m.PriceIn), max(out, m.PriceOut)
	}
	dearer := func(rao uint64) uint64 { return rao + rao*g.Till.Markup/price.BPS }
	return &openai.Pricing{Prompt: perToken(dearer(in)), Completion: perToken(dearer(out))}
}

// perToken spells rao per million tokens as TAO per token: 15 decimals are exact.
func perToken(rao uint64) string {
	const scale = 1_000_000_000_000_000
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%d.%015d", rao/scale, rao%scale), "0"), ".")
}

// TAO is an amount of rao as a decimal of TAO, exact and without an exponent.
func TAO(rao uint64) string { return string(appendTAO(nil, rao)) }

func appendTAO(b []byte, rao uint64) []byte {
	const perTAO = 1_000_000_000
	b = strconv.AppendUint(b, rao/perTAO, 10)
	rest := rao % perTAO
	if rest == 0 {
		return b
	}
	digits := len(b)
	b = strconv.AppendUint(b, perTAO+rest, 10) // the leading 1 keeps the zeros after the point, and is where that goes
	b[digits] = '.'
	return bytes.TrimRight(b, "0")
}
