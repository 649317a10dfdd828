package gateway

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"agora/gateway/ledger"
	"agora/mechanism/price"
	"agora/mechanism/voucher"
	"agora/wire/openai"
	"agora/wire/x402"
)

// Till says how requests are paid. Without one nobody pays.
type Till struct {
	Ledger   *ledger.Ledger
	ChainID  string
	Payee    string // account that consumers' channels pay: the validator's operator
	Markup   uint64 // above the miners' prices, in basis points
	RPC      string // of a node that consumers can open a channel through; said in a 402
	Deposit  uint64 // the least that the chain takes, in rao; said in a 402
	Channels Channels
	Miners   Payroll // pays miners; nil where they are not
}

// Channels are the payment channels on the chain.
type Channels interface {
	// Channel reads a channel to the payee, as the ledger keeps it. The error is ledger.ErrUnknown where there is none.
	Channel(ctx context.Context, id uint64) (ledger.Account, error)
}

// Payroll pays miners for what they answered.
type Payroll interface {
	// Enclose puts what a miner is owed into a request to it, if it is time to. The answer costs at most ceiling, in rao.
	Enclose(h http.Header, w Work, ceiling uint64)
	// Owe notes what an answer cost. It must not wait.
	Owe(w Work)
	// Demand notes that a miner has answered that it wants to be paid first.
	Demand(payee string)
}

// Work is an answer that a miner gave, or is asked for.
type Work struct {
	Payee  string // the miner's owner
	NetUID uint32
	HotKey ed25519.PublicKey
	Slots  uint64      // requests that the miner works on at once
	Rates  price.Rates // of its card, without a mark-up
	Used   price.Tokens
	Rao    uint64 // that the consumer was charged for the miner
}

// work is an answer of m.
func work(m *candidate, used price.Tokens, rao uint64) Work {
	return Work{m.Owner, m.netuid, m.HotKey, m.Slots, price.Rates{In: m.PriceIn, Out: m.PriceOut}, used, rao}
}

// credit is what a consumer may have open without having signed for it.
var credit = voucher.Terms{First: 1, Most: 64, Amount: math.MaxUint64}

// maxSessions bounds what is remembered of consumers who pay by channel; more begin anew, which costs a signature check.
const maxSessions = 16_384

// sessions remember who has shown a voucher that was checked, so that the next ones can be checked later.
type sessions struct {
	mu     sync.Mutex
	byHash map[[sha256.Size]byte]*session
	of     map[uint64]*session // by channel
}

// session is a channel in use: its limits, and the last voucher that came and is not checked yet.
type session struct {
	holder
	channel uint64
	key     []byte
	text    string // what the consumer sends

	mu      sync.Mutex
	pending *ledger.Held
}

func (s *sessions) begin(channel uint64, key []byte) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byHash == nil || len(s.byHash) >= maxSessions {
		s.byHash, s.of = map[[sha256.Size]byte]*session{}, map[uint64]*session{}
	}
	if have := s.of[channel]; have != nil {
		return have
	}
	one := &session{channel: channel, key: key, text: "agora-session-" + rand.Text()}
	one.ID = accountOf(channel)
	s.byHash[sha256.Sum256([]byte(one.text))], s.of[channel] = one, one
	return one
}

func (s *sessions) find(text string) *session {
	if text == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byHash[sha256.Sum256([]byte(text))]
}

func accountOf(channel uint64) string { return "channel/" + strconv.FormatUint(channel, 10) }

// payer is who pays for a request.
type payer struct {
	account string
	request string // the consumer's own id of it; empty where there is none
	held    *ledger.Held
	offered *ledger.Held // that a session lets be checked later
	session *session
	most    uint64 // rao that the request may cost; 0 is no bound
	budget  ledger.Budget
}

// show finds the channel that a request's header pays from. The signature is checked unless the session is known: then the
// consumer only cheats itself, and the next check finds it.
func (g *Gateway) show(ctx context.Context, r *http.Request) (*payer, *openai.Error) {
	header := r.Header.Get(x402.HeaderSignature)
	p, v, err := x402.ReadPayment(header, x402.Network(g.Till.ChainID))
	if err != nil {
		return nil, openai.Errorf(http.StatusBadRequest, "%s: %s", x402.HeaderSignature, err).WithCode("invalid_payment")
	}
	held := &ledger.Held{Voucher: v, Signature: p.Payload.Signature}
	from := &payer{account: accountOf(v.Channel), request: p.Payload.Request}
	if text := r.Header.Get(x402.HeaderMax); text != "" {
		if from.most, err = strconv.ParseUint(text, 10, 64); err != nil || from.most == 0 {
			return nil, openai.Errorf(http.StatusBadRequest, "%s: %.30q is no amount of rao", x402.HeaderMax, text).WithCode("invalid_payment")
		}
	}
	if s := g.sessions.find(r.Header.Get(x402.HeaderSession)); s != nil && s.channel == v.Channel {
		from.session, from.offered = s, held
		s.offer(held)
		return from, nil
	}
	a, err := g.Till.account(ctx, v.Channel)
	if err != nil {
		return nil, g.unpaid(err)
	}
	if err := g.Till.check(held, a.Key); err != nil {
		return nil, g.unpaid(err)
	}
	from.held, from.session = held, g.sessions.begin(v.Channel, a.Key)
	return from, nil
}

// offer keeps the highest voucher that was not checked.
func (s *session) offer(h *ledger.Held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending == nil || h.Voucher.Total() > s.pending.Voucher.Total() {
		s.pending = h
	}
}

// take takes the voucher to check out.
func (s *session) take() *ledger.Held {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.pending
	s.pending = nil
	return h
}

// check is the expensive part: the signature, and that the voucher holds long enough to be claimed.
func (t *Till) check(h *ledger.Held, key []byte) error {
	if h.Voucher.Expiry != 0 && h.Voucher.Expiry < time.Now().Add(minValidity).Unix() {
		return fmt.Errorf("%w: let it be good for %s at least, or without expiry", voucher.ErrExpired, minValidity)
	}
	return h.Voucher.Verify(t.ChainID, key, h.Signature)
}

// minValidity is the time in which a voucher can be claimed, a gateway's absence included.
const minValidity = 48 * time.Hour

// LastCall is the time before a voucher's end in which nothing more is answered for it, and it is claimed, however little it brings. Beside
// it clocks that differ from the chain's by minutes are nothing.
const LastCall = 24 * time.Hour

// account is a channel as the ledger has it, read from the chain where it is new.
func (t *Till) account(ctx context.Context, channel uint64) (ledger.Account, error) {
	a, err := t.Ledger.Account(ctx, accountOf(channel))
	if !errors.Is(err, ledger.ErrUnknown) {
		return a, err
	}
	if a, err = t.Channels.Channel(ctx, channel); err != nil {
		return a, err
	}
	if err := t.Ledger.Keep(ctx, a); err != nil {
		return a, err
	}
	return t.Ledger.Account(ctx, a.ID)
}

// rates are what a miner's tokens cost a consumer here.
func (t *Till) rates(m *Miner) price.Rates {
	return price.Rates{In: m.PriceIn, Out: m.PriceOut, Markup: t.Markup}
}

// reserve opens a request on an account, and brings what is to be checked into the account's voucher where that is what it
// takes.
func (t *Till) reserve(ctx context.Context, from *payer, id string, ceiling uint64) (ledger.Account, error) {
	r := ledger.Request{Account: from.account, ID: id, Named: from.request != "", Ceiling: ceiling, Terms: credit, Held: from.held, Good: time.Now().Add(LastCall), Budget: from.budget}
	a, err := t.Ledger.Reserve(ctx, r)
	if from.session == nil || !errors.Is(err, voucher.ErrCredit) && !errors.Is(err, voucher.ErrFunds) && !errors.Is(err, voucher.ErrExpired) && !errors.Is(err, ledger.ErrUnknown) {
		return a, err
	}
	if errors.Is(err, voucher.ErrFunds) || errors.Is(err, ledger.ErrUnknown) { // it may have been topped up
		fresh, err := t.Channels.Channel(ctx, from.session.channel)
		if err != nil {
			return a, err
		}
		if err := t.Ledger.Keep(ctx, fresh); err != nil {
			return a, err
		}
	}
	h := from.session.take()
	if own := from.offered; h == nil || own != nil && own.Voucher.Total() > h.Voucher.Total() {
		h = own // another request may be checking what was pending
	}
	if h != nil {
		if err := t.check(h, from.session.key); err != nil {
			return a, err
		}
		r.Held = h
	}
	return t.Ledger.Reserve(ctx, r)
}

// Collect checks what sessions have offered and writes it down, before a claim or an end.
func (g *Gateway) Collect(ctx context.Context) error {
	g.sessions.mu.Lock()
	all := make([]*session, 0, len(g.sessions.of))
	for _, s := range g.sessions.of {
		all = append(all, s)
	}
	g.sessions.mu.Unlock()
	var errs []error
	for _, s := range all {
		h := s.take()
		if h == nil {
			continue
		}
		if err := g.Till.check(h, s.key); err != nil {
			g.metrics.vouchers.WithLabelValues("forged").Inc()
			continue
		}
		if _, err := g.Till.Ledger.Sign(ctx, s.ID, *h); err != nil && !errors.Is(err, voucher.ErrShrinks) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
