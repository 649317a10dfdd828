package miner

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"sync"

	"agora/mechanism/price"
	"agora/mechanism/voucher"
	"agora/wire"
	"agora/wire/openai"
	"agora/wire/x402"
)

// Window is what a miner works for before a validator pays: requests, or rao, whichever is less. It is all that a validator
// can take without paying.
var Window = voucher.Terms{First: 100, Most: 100, Amount: 50_000_000}

// Channels are the payment channels to the miner's owner.
type Channels interface {
	// Channel reads a channel: who pays, who is paid, the key that signs (32 bytes), what it can pay in all, and whether the
	// payer takes the rest back.
	Channel(ctx context.Context, id uint64) (Channel, error)
}

// Channel is a payment channel on the chain.
type Channel struct {
	Payer, Payee string
	Key          []byte
	Limit        uint64 // rao
	Paid         uint64 // rao, claimed so far
	Closing      bool
}

// Allowance says what validators get for nothing, since emission pays for being measured.
type Allowance interface {
	// Free is how many tokens a validator has for nothing in the tempo that runs, and the number of that tempo.
	Free(validator ed25519.PublicKey) (tokens, tempo uint64)
}

// MeterConfig says what a miner asks for. Zero values take the defaults named beside them.
type MeterConfig struct {
	ChainID  string
	Owner    string // account that is paid
	In, Out  uint64 // rao per million tokens
	Context  int    // tokens that the model reads and writes at most; bounds an answer whose request does not: 4,096
	Channels Channels
	Free     Allowance    // nil gives nothing for nothing
	File     string       // remembers vouchers; without it they are forgotten at the end
	Log      *slog.Logger // slog.Default()
}

// Meter counts what each validator owes, and refuses with 402 who does not pay. It may be used concurrently.
type Meter struct {
	MeterConfig
	mu     sync.Mutex
	bad    map[string]uint64 // vouchers that were refused, by reason
	unpaid uint64            // requests that were refused
	ended  uint64            // rao of vouchers whose channel ended before they were claimed
	tabs   map[[ed25519.PublicKeySize]byte]*tab
}

// tab is one validator's. In a tempo it owes what all its answers cost above what is free:
//
//	line.Charged + line.Reserved = what was charged before + price(used + open − free)
type tab struct {
	line    voucher.Line // Limit is not used: what the channel holds is limit
	channel uint64
	key     []byte
	limit   uint64
	paid    uint64 // of the channel, as it was seen last
	gone    bool   // the channel has ended
	held    voucher.Voucher
	proof   []byte
	lost    uint64 // charged, and given up

	tempo uint64
	used  price.Tokens // in the tempo
	open  price.Tokens // most that the requests may take which are open
	owed  uint64       // rao, for used
}

// NewMeter reads what is remembered.
func NewMeter(c MeterConfig) (*Meter, error) {
	if c.Context <= 0 {
		c.Context = 4_096
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	m := &Meter{MeterConfig: c, bad: map[string]uint64{}, tabs: map[[ed25519.PublicKeySize]byte]*tab{}}
	return m, m.recall()
}

// maxMetered is the most bytes of a request that is metered: what gateways take, and some room.
const maxMetered = 33 << 20

// For meters the requests of one validator.
func (m *Meter) For(validator ed25519.PublicKey, next http.Handler) http.Handler {
	if m == nil || m.In == 0 && m.Out == 0 {
		return next
	}
	id := [ed25519.PublicKeySize]byte(validator)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		if header := r.Header.Get(x402.HeaderSignature); header != "" {
			r.Header.Del(x402.HeaderSignature)
			if err := m.take(r.Context(), id, header); err != nil {
				m.refuse(err)
				m.Log.Warn("a validator's voucher is no good", "validator", hex.EncodeToString(validator[:8]), "err", err)
			}
		}
		body, err := bodyOf(r, maxMetered)
		if err != nil {
			openai.WriteError(w, openai.AsError(err))
			return
		}
		if _, whole := wire.Body(r); !whole {
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		most := m.most(body)
		if err := m.enter(id, most); err != nil {
			m.mu.Lock()
			m.unpaid++
			m.mu.Unlock()
			openai.WriteError(w, openai.Errorf(http.StatusPaymentRequired, "%s", err).WithCode("payment_required"))
			return
		}
		c := &counter{ResponseWriter: w}
		defer func() {
			c.left = r.Context().Err() != nil
			m.leave(id, c, most)
		}()
		next.ServeHTTP(c, r)
	})
}

// Why a voucher is refused.
var (
	errChannel = errors.New("the channel does not pay this miner")
	errDeposit = errors.New("the channel holds less")
	errStore   = errors.New("the voucher cannot be written down")
	errClaim   = errors.New("the chain did not pay the voucher")
)

// reasons are the labels of what is counted.
var reasons = []struct {
	name string
	of   error
}{
	{"forged", voucher.ErrForged},
	{"expired", voucher.ErrExpired},
	{"shrinks", voucher.ErrShrinks},
	{"channel", errChannel},
	{"deposit", errDeposit},
	{"store", errStore},
	{"claim", errClaim},
}

const otherReason = "other"

// Refused counts a voucher that the chain did not pay.
func (m *Meter) Refused() { m.refuse(errClaim) }

func (m *Meter) refuse(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bad[reasonOf(err)]++
}

func reasonOf(err error) string {
	for _, r := range reasons {
		if errors.Is(err, r.of) {
			return r.name
		}
	}
	return otherReason
}

// template is how many tokens a chat template may add to a prompt.
const template = 64

// most is what a request can take: a token has at least a byte.
func (m *Meter) most(body []byte) price.Tokens {
	ask := openai.ReadAsk(body)
	out := m.Context
	if ask.MaxTokens > 0 {
		out = min(out, ask.MaxTokens)
	}
	return price.Tokens{In: uint64(len(body)) + template, Out: uint64(out) * uint64(max(1, ask.Choices))}
}

// enter opens a request that takes at most so many tokens, where what it may cost is free, signed for, or in the window.
func (m *Meter) enter(id [ed25519.PublicKeySize]byte, most price.Tokens) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, free := m.tab(id)
	open := t.open.Plus(most)
	reserved := m.cost(t.used.Plus(open), free) - min(t.owed, m.cost(t.used.Plus(open), free))
	more := reserved - min(reserved, t.line.Reserved)
	if more > 0 {
		if err := t.line.Reserve(more, Window); err != nil {
			return fmt.Errorf("%w: %d rao for %d answers are not paid, and this one may cost %d", err, t.line.Owed(), t.line.Answered-t.line.Paid, more)
		}
	} else {
		t.line.Open++ // nothing can become due with it
	}
	t.open = open
	return nil
}

// cost is what tokens of one tempo cost above those that are free, in rao.
func (m *Meter) cost(t price.Tokens, free uint64) uint64 {
	return min(price.Metered(t, free, price.Rates{In: m.In, Out: m.Out}), voucher.MostAmount)
}

// leave charges what an answer took.
func (m *Meter) leave(id [ed25519.PublicKeySize]byte, c *counter, most price.Tokens) {
	used := c.tokens()
	used.In, used.Out = min(used.In, most.In), min(used.Out, most.Out)
	if c.status >= http.StatusBadRequest {
		used = price.Tokens{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t, free := m.tab(id)
	t.used = t.used.Plus(used)
	t.open = price.Tokens{In: t.open.In - min(t.open.In, most.In), Out: t.open.Out - min(t.open.Out, most.Out)}
	owed := max(t.owed, m.cost(t.used, free))
	all := m.cost(t.used.Plus(t.open), free)
	reserved := all - min(all, owed)
	t.line.Settle(t.line.Reserved-min(t.line.Reserved, reserved), owed-t.owed)
	t.owed = owed
}

// tab is a validator's, with the tempo that runs and what is free in it. The lock is held.
func (m *Meter) tab(id [ed25519.PublicKeySize]byte) (t *tab, free uint64) {
	t = m.tabs[id]
	if t == nil {
		t = &tab{line: voucher.Line{Limit: voucher.MostAmount}}
		m.tabs[id] = t
	}
	if m.Free == nil {
		return t, 0
	}
	free, tempo := m.Free.Free(id[:])
	if tempo != t.tempo {
		t.tempo, t.used, t.owed = tempo, price.Tokens{}, 0
	}
	return t, free
}

// take checks a voucher and counts it. One that covers less than was charged says what the validator knows of: the rest was
// lost on the way, and is borne once per window.
func (m *Meter) take(ctx context.Context, id [ed25519.PublicKeySize]byte, header string) error {
	p, v, err := x402.ReadPayment(header, x402.Network(m.ChainID))
	if err != nil {
		return err
	}
	m.mu.Lock()
	t, _ := m.tab(id)
	known, key, limit := t.channel == v.Channel && v.Total() <= t.limit, t.key, t.limit
	stale := t.held.Channel == v.Channel && v.Total() <= t.held.Total()
	m.mu.Unlock()
	if stale {
		return nil
	}
	if v.Expiry != 0 { // claims wait until they are worth their fee
		return fmt.Errorf("%w, or will: a miner takes vouchers without an end", voucher.ErrExpired)
	}
	if !known {
		c, err := m.Channels.Channel(ctx, v.Channel)
		if err != nil {
			return err
		}
		if c.Payee != m.Owner || c.Closing {
			return fmt.Errorf("%w: channel %d pays %q, closing: %t", errChannel, v.Channel, c.Payee, c.Closing)
		}
		key, limit = c.Key, c.Limit
	}
	if err := v.Verify(m.ChainID, key, p.Payload.Signature); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.accept(t, v, p.Payload.Signature, key, limit)
}

// accept counts a checked voucher. The lock is held.
func (m *Meter) accept(t *tab, v voucher.Voucher, proof, key []byte, limit uint64) error {
	if total := v.Total(); total > limit {
		return fmt.Errorf("%w: the voucher is for %d rao, the channel holds %d", errDeposit, total, limit)
	}
	if v.Channel != t.channel { // another channel begins at nothing
		t.channel, t.key, t.held, t.paid, t.gone = v.Channel, key, voucher.Voucher{}, 0, false
		t.line = voucher.Line{Limit: voucher.MostAmount, Charged: t.line.Owed(), Open: t.line.Open, Reserved: t.line.Reserved}
	}
	if !v.Parts.Covers(t.held.Parts) {
		return voucher.ErrShrinks
	}
	t.limit, t.held, t.proof = limit, v, proof
	t.sign(v.Total())
	if err := m.save(); err != nil {
		return fmt.Errorf("%w: %w", errStore, err)
	}
	return nil
}

// sign takes a voucher's total into account. What it promises beyond what was charged pays what was given up before; what it
// does not cover while nothing is open is given up, one window in all.
func (t *tab) sign(total uint64) {
	if more := total - min(total, t.line.Charged); more > 0 {
		more = min(more, t.lost)
		t.lost, t.line.Charged = t.lost-more, t.line.Charged+more
	}
	t.line.Sign(total)
	if owed := t.line.Owed(); owed > 0 && t.line.Open == 0 && t.lost+owed <= Window.Amount {
		t.lost, t.line.Charged = t.lost+owed, t.line.Charged-owed
		t.line.Sign(total)
	}
}

// Watch looks at the channels behind the vouchers that are held. A payer who takes his deposit back is served no more; now
// says that there is something to claim before he has it.
func (m *Meter) Watch(ctx context.Context) (now bool, err error) {
	m.mu.Lock()
	held := map[*tab]uint64{}
	for _, t := range m.tabs {
		if len(t.proof) > 0 {
			held[t] = t.channel
		}
	}
	m.mu.Unlock()
	for t, channel := range held {
		c, err := m.Channels.Channel(ctx, channel)
		if err != nil {
			return now, err
		}
		m.mu.Lock()
		if t.channel == channel {
			m.miss(t, c)
			t.limit, t.line.Closing = c.Limit, c.Closing
			now = now || c.Closing && min(t.held.Total(), c.Limit) > c.Paid
		}
		m.mu.Unlock()
	}
	return now, nil
}

// miss counts what was not claimed of a channel that has ended, beyond what was seen to be paid. The lock is held.
func (m *Meter) miss(t *tab, c Channel) {
	if c.Payee != "" {
		t.paid = c.Paid
		return
	}
	if !t.gone {
		due := min(t.held.Total(), t.limit)
		t.gone, m.ended = true, m.ended+due-min(due, t.paid)
	}
}

// Vouchers are the highest ones held, to claim.
func (m *Meter) Vouchers() (list []Claimable) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tabs {
		if len(t.proof) > 0 {
			list = append(list, Claimable{t.held, t.proof})
		}
	}
	return list
}

// Claimable is a voucher that can be claimed.
type Claimable struct {
	Voucher voucher.Voucher
	Proof   []byte
}

// Income sums up what validators were charged and have signed for since the start, in rao.
func (m *Meter) Income() (charged, signed, lost uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tabs {
		charged, signed, lost = charged+t.line.Charged, signed+t.line.Signed, lost+t.lost
	}
	return charged, signed, lost
}

// Payments is what validators were charged since the vouchers that are remembered, in rao.
type Payments struct {
	Charged uint64            `json:"charged"`
	Signed  uint64            `json:"signed"`
	Lost    uint64            `json:"lost"`              // charged, and given up
	Refused uint64            `json:"vouchers_refused"`  // since the start
	Reasons map[string]uint64 `json:"reasons,omitempty"` // of those
	Unpaid  uint64            `json:"requests_refused"`  // since the start, as not paid
	Ended   uint64            `json:"ended"`             // signed, and not claimed before the channel ended
}

// Payments sums up; nil where nobody pays.
func (m *Meter) Payments() *Payments {
	if m == nil {
		return nil
	}
	p := &Payments{}
	p.Charged, p.Signed, p.Lost = m.Income()
	m.mu.Lock()
	defer m.mu.Unlock()
	p.Reasons, p.Unpaid, p.Ended = maps.Clone(m.bad), m.unpaid, m.ended
	for _, n := range m.bad {
		p.Refused += n
	}
	return p
}
