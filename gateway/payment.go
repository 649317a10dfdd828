package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"agora/gateway/ledger"
	"agora/mechanism/voucher"
	"agora/wire/openai"
	"agora/wire/x402"
)

// who finds out who asks and who pays: the bearer of a key, or a channel's owner. ok is false where the answer is given.
func (g *Gateway) who(w http.ResponseWriter, r *http.Request) (key *holder, from *payer, ok bool) {
	if g.Till == nil {
		key = g.identify(w, r)
		return key, nil, key != nil
	}
	if r.Header.Get(x402.HeaderSignature) != "" {
		from, e := g.show(r.Context(), r)
		if e != nil {
			g.deny(w, e, waitOf(e))
			return nil, nil, false
		}
		return &from.session.holder, from, true
	}
	if secretOf(r.Header) == "" {
		w.Header().Set(x402.HeaderRequired, x402.Encode(x402.Required{
			X402Version: x402.Version, Error: "a key or a voucher is needed", Resource: x402.Resource{URL: r.URL.Path, MimeType: "application/json"},
			Accepts: []x402.Requirement{g.Till.requirement(g.Till.Deposit)},
		}))
		g.deny(w, openai.Errorf(http.StatusPaymentRequired, "send a key in the header \"Authorization: Bearer agora-…\" or a voucher in %s; to get a key, %s; to pay from a wallet, run `agora pay serve`",
			x402.HeaderSignature, g.KeyHelp).WithCode("payment_required"), 0)
		return nil, nil, false
	}
	if key = g.identify(w, r); key == nil {
		return nil, nil, false
	}
	from, err := g.Till.payerOf(r.Context(), key)
	if err != nil {
		g.deny(w, g.unpaid(err), time.Second)
		return nil, nil, false
	}
	return key, from, true
}

// payerOf is the account behind a key: the channel that was opened for its benefit, or the operator's.
func (t *Till) payerOf(ctx context.Context, key *holder) (*payer, error) {
	from := &payer{account: "key/" + key.ID, budget: ledger.Budget{Day: key.Limits.Daily, Month: key.Limits.Monthly}}
	limit := uint64(voucher.MostAmount)
	if key.Limits.Budget > 0 {
		limit = key.Limits.Budget
	}
	a, err := t.Ledger.Account(ctx, from.account)
	if errors.Is(err, ledger.ErrUnknown) || err == nil && a.Channel == 0 && a.Line.Limit != limit {
		a = ledger.Account{ID: from.account, Payer: key.Name, Line: voucher.Line{Limit: limit}}
		err = t.Ledger.Keep(ctx, a)
	}
	if err != nil {
		return nil, err
	}
	if a.Channel > 0 {
		from.account = accountOf(a.Channel)
	}
	return from, nil
}

// channelState is what a consumer reads of its channel: what was charged, and its own last voucher, which it can check.
type channelState struct {
	Channel string        `json:"channelId"`
	Deposit uint64        `json:"deposit_rao"`
	Charged uint64        `json:"charged_rao"`
	Signed  uint64        `json:"signed_rao"`
	Settled uint64        `json:"settled_rao"`
	Open    uint64        `json:"open"` // requests
	Closing int64         `json:"withdraw_from,omitempty"`
	Parts   []x402.Part   `json:"charged_parts"`
	Last    *x402.Payload `json:"lastVoucher,omitempty"`
}

func stateOf(a ledger.Account) channelState {
	s := channelState{
		Channel: strings.TrimPrefix(a.ID, "channel/"), Deposit: a.Line.Limit, Charged: a.Line.Charged, Signed: a.Line.Signed,
		Settled: a.Settled, Open: a.Line.Open, Closing: a.Closing, Parts: x402.NewPayload(voucher.Voucher{Parts: a.Parts}, nil).Parts,
	}
	if len(a.Held.Signature) > 0 {
		last := x402.NewPayload(a.Held.Voucher, a.Held.Signature)
		s.Last = &last
	}
	return s
}

// showChannel answers GET /v1/pay/channel: for the owner of a channel, who shows a voucher of it, or of a key.
func (g *Gateway) showChannel(w http.ResponseWriter, r *http.Request) {
	a, ok := g.paying(w, r)
	if ok {
		writeJSON(w, http.StatusOK, stateOf(a))
	}
}

// paying is the account of who asks.
func (g *Gateway) paying(w http.ResponseWriter, r *http.Request) (a ledger.Account, ok bool) {
	if g.Till == nil {
		g.deny(w, openai.Errorf(http.StatusNotFound, "nobody pays for requests at this gateway").WithCode("unknown_url"), 0)
		return a, false
	}
	_, from, ok := g.who(w, r)
	if !ok {
		return a, false
	}
	a, err := g.Till.Ledger.Account(r.Context(), from.account)
	if err != nil {
		g.deny(w, g.unpaid(err), 0)
		return a, false
	}
	return a, true
}

// takeVoucher answers POST /v1/pay/voucher: a voucher without a request, for what was answered before.
func (g *Gateway) takeVoucher(w http.ResponseWriter, r *http.Request) {
	a, ok := g.paying(w, r)
	if !ok {
		return
	}
	a, err := g.sign(r, a)
	if err != nil {
		e := g.unpaid(err)
		state := stateOf(a)
		w.Header().Set(x402.HeaderResponse, x402.Encode(x402.Response{ErrorReason: err.Error(), Network: x402.Network(g.Till.ChainID), Charged: x402.Amount(state.Charged)}))
		g.deny(w, e, 0)
		return
	}
	writeJSON(w, http.StatusOK, stateOf(a))
}

// sign checks the voucher of a request's header and writes it down.
func (g *Gateway) sign(r *http.Request, a ledger.Account) (ledger.Account, error) {
	p, v, err := x402.ReadPayment(r.Header.Get(x402.HeaderSignature), x402.Network(g.Till.ChainID))
	if err != nil {
		return a, err
	}
	h := ledger.Held{Voucher: v, Signature: p.Payload.Signature}
	if err := g.Till.check(&h, a.Key); err != nil {
		return a, err
	}
	return g.Till.Ledger.Sign(r.Context(), a.ID, h)
}

// maxCredit bounds the body of a credit.
const maxCredit = 4 << 10

// takeCredit answers POST /v1/pay/credit: the owner of a channel lets a key draw on it, with a voucher for the whole credit
// in the header. The key is named by its id, or by the bearer.
func (g *Gateway) takeCredit(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Key string `json:"key"`
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(g.BodyTimeout)) // as where a request is read
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCredit))
	if err == nil {
		err = json.Unmarshal(raw, &ask)
	}
	if err != nil {
		g.deny(w, openai.Errorf(http.StatusBadRequest, `send {"key": "ID"}`), 0)
		return
	}
	a, ok := g.paying(w, r)
	if !ok {
		return
	}
	key := g.Keys.byID(ask.Key)
	if key == nil || a.Channel == 0 {
		g.deny(w, openai.Errorf(http.StatusNotFound, "no key %.20q here, or no channel that pays; the key's id has 8 hex digits", ask.Key), 0)
		return
	}
	if a, err = g.sign(r, a); err == nil {
		err = g.Till.Ledger.Keep(r.Context(), ledger.Account{ID: "key/" + key.ID, Channel: a.Channel, Payer: key.Name})
	}
	if err != nil {
		g.deny(w, g.unpaid(err), 0)
		return
	}
	writeJSON(w, http.StatusOK, stateOf(a))
}

// showSpending answers GET /v1/pay/spending: what the account of who asks paid in the last 31 days, by day and model.
func (g *Gateway) showSpending(w http.ResponseWriter, r *http.Request) {
	a, ok := g.paying(w, r)
	if !ok {
		return
	}
	lines, err := g.Till.Ledger.Spending(r.Context(), a.ID, time.Now().AddDate(0, 0, -31))
	if err != nil {
		g.deny(w, g.unpaid(errors.Join(ledger.ErrStore, err)), time.Second)
		return
	}
	if lines == nil {
		lines = []ledger.Spent{}
	}
	writeJSON(w, http.StatusOK, map[string]any{"account": a.ID, "charged_rao": a.Line.Charged, "days": lines})
}

// byID is the key of an id, nil if there is none in force.
func (k *Keys) byID(id string) *holder {
	k.refresh()
	for _, h := range k.known.Load().byHash {
		if h.ID == id && k.inForce(&h.Key) == nil {
			return h
		}
	}
	return nil
}
