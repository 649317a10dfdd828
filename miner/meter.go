package miner

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"agora/mechanism/price"
	"agora/mechanism/voucher"
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
	Closing      bool
}

// MeterConfig says what a miner asks for. Zero values take the defaults named beside them.
type MeterConfig struct {
	ChainID  string
	Owner    string // account that is paid
	In, Out  uint64 // rao per million tokens
	Channels Channels
	File     string // remembers vouchers; without it they are forgotten at the end

	// Free are the tokens per validator and Period that cost nothing, whatever they are for: emission pays for being judged.
	// 1,000,000 in an hour.
	Free   uint64
	Period time.Duration
	Log    *slog.Logger // slog.Default()
}

// Meter counts what each validator owes, and refuses with 402 who does not pay. It may be used concurrently.
type Meter struct {
	MeterConfig
	mu   sync.Mutex
	tabs map[[ed25519.PublicKeySize]byte]*tab
}

// tab is one validator's.
type tab struct {
	line    voucher.Line
	channel uint64
	key     []byte
	held    voucher.Voucher
	proof   []byte
	parts   voucher.Parts // of line.Charged
	used    uint64        // tokens in the period
	since   time.Time     // of the period's begin
	lost    uint64        // charged, and never to be signed for
}

// NewMeter reads what is remembered.
func NewMeter(c MeterConfig) (*Meter, error) {
	if c.Free == 0 {
		c.Free = 1_000_000
	}
	if c.Period <= 0 {
		c.Period = time.Hour
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	m := &Meter{MeterConfig: c, tabs: map[[ed25519.PublicKeySize]byte]*tab{}}
	return m, m.recall()
}

// For meters the requests of one validator.
func (m *Meter) For(validator ed25519.PublicKey, next http.Handler) http.Handler {
	if m == nil {
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
				m.Log.Warn("a validator's voucher is no good", "validator", hex.EncodeToString(validator[:8]), "err", err)
			}
		}
		free, err := m.enter(id)
		if err != nil {
			openai.WriteError(w, openai.Errorf(http.StatusPaymentRequired, "%s", err).WithCode("payment_required"))
			return
		}
		c := &counter{ResponseWriter: w}
		defer func() { m.leave(id, c, free) }()
		next.ServeHTTP(c, r)
	})
}

// reserve is what the meter holds for a request whose cost is not known yet: so little that the number of requests bounds
// it, not the amount.
const reserve = 1

// enter opens a request; free says that it costs nothing.
func (m *Meter) enter(id [ed25519.PublicKeySize]byte) (free bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tab(id)
	if m.In == 0 && m.Out == 0 || t.used < m.Free {
		return true, nil
	}
	t.line.Limit = max(t.line.Limit, t.line.Charged+t.line.Reserved+reserve) // before there is a channel the window bounds it
	if err := t.line.Reserve(reserve, Window); err != nil {
		return false, fmt.Errorf("%w: %d rao for %d answers are not paid", err, t.line.Owed(), t.line.Answered-t.line.Paid)
	}
	return false, nil
}

// leave charges what an answer took.
func (m *Meter) leave(id [ed25519.PublicKeySize]byte, c *counter, free bool) {
	used := c.tokens()
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tab(id)
	t.used += used.In + used.Out
	if free {
		return
	}
	_, cost := price.Answer(used, price.Rates{In: m.In, Out: m.Out})
	if c.status >= http.StatusBadRequest {
		cost = 0
	}
	t.line.Settle(max(cost, reserve), cost)
	t.line.Reserved = min(t.line.Reserved, t.line.Open*reserve)
	if cost > 0 {
		t.parts = t.parts.Plus(voucher.Parts{{Netuid: 0, Amount: cost}})
	}
}

// tab is a validator's, with the period that runs. The lock is held.
func (m *Meter) tab(id [ed25519.PublicKeySize]byte) *tab {
	t := m.tabs[id]
	if t == nil {
		t = &tab{}
		m.tabs[id] = t
	}
	if time.Since(t.since) > m.Period {
		t.since, t.used = time.Now(), 0
	}
	return t
}

// take checks a voucher and counts it. One that covers less than was charged says what the validator knows of: the rest was
// lost on the way, and is borne once per window.
func (m *Meter) take(ctx context.Context, id [ed25519.PublicKeySize]byte, header string) error {
	p, v, err := x402.ReadPayment(header, x402.Network(m.ChainID))
	if err != nil {
		return err
	}
	m.mu.Lock()
	t := m.tab(id)
	known, key := t.channel == v.Channel && v.Total() <= t.line.Limit, t.key
	stale := t.held.Channel == v.Channel && v.Total() <= t.held.Total()
	m.mu.Unlock()
	if stale {
		return nil
	}
	limit := uint64(0)
	if !known {
		c, err := m.Channels.Channel(ctx, v.Channel)
		if err != nil {
			return err
		}
		if c.Payee != m.Owner || c.Closing {
			return fmt.Errorf("channel %d pays %s, closing: %t", v.Channel, c.Payee, c.Closing)
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
	if v.Channel != t.channel { // another channel begins at nothing
		t.channel, t.key, t.held = v.Channel, key, voucher.Voucher{}
		t.line = voucher.Line{Charged: t.line.Owed(), Open: t.line.Open, Reserved: t.line.Reserved}
	}
	if limit > 0 {
		t.line.Limit = limit
	}
	if total := v.Total(); total > t.line.Limit {
		return fmt.Errorf("the voucher is for %d rao, the channel holds %d", total, t.line.Limit)
	}
	if !v.Parts.Covers(t.held.Parts) {
		return voucher.ErrShrinks
	}
	t.held, t.proof = v, proof
	t.line.Sign(v.Total())
	if owed := t.line.Owed(); owed > 0 && t.line.Open == 0 && t.lost+owed <= Window.Amount {
		t.lost += owed
		t.line.Charged -= owed
		t.line.Sign(v.Total())
	}
	return m.save()
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

// remembered is a tab's file entry.
type remembered struct {
	Validator string       `json:"validator"` // hex of the hot key
	Key       []byte       `json:"key"`
	Limit     uint64       `json:"limit"`
	Charged   uint64       `json:"charged"`
	Lost      uint64       `json:"lost"`
	Voucher   x402.Payload `json:"voucher"`
}

const maxRemembered = 4 << 20

func (m *Meter) recall() error {
	if m.File == "" {
		return nil
	}
	info, err := os.Stat(m.File)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Size() > maxRemembered {
		return fmt.Errorf("%s has %d bytes, at most %d are read", m.File, info.Size(), maxRemembered)
	}
	raw, err := os.ReadFile(m.File)
	if err != nil {
		return err
	}
	var list []remembered
	if err := json.Unmarshal(raw, &list); err != nil {
		return fmt.Errorf("%s is damaged (%w): restore it, or move it away and lose the vouchers in it", m.File, err)
	}
	for _, r := range list {
		id, err := hex.DecodeString(r.Validator)
		if err != nil || len(id) != ed25519.PublicKeySize {
			return fmt.Errorf("%s is damaged: validator %.80q", m.File, r.Validator)
		}
		v, err := r.Voucher.Voucher()
		if err != nil {
			return fmt.Errorf("%s is damaged: %w", m.File, err)
		}
		m.tabs[[ed25519.PublicKeySize]byte(id)] = &tab{
			line: voucher.Line{Limit: r.Limit, Signed: v.Total(), Charged: r.Charged}, channel: v.Channel, key: r.Key, held: v,
			proof: r.Voucher.Signature, lost: r.Lost,
		}
	}
	return nil
}

// save writes the vouchers down. The lock is held.
func (m *Meter) save() error {
	if m.File == "" {
		return nil
	}
	var list []remembered
	for id, t := range m.tabs {
		if len(t.proof) > 0 {
			list = append(list, remembered{
				hex.EncodeToString(id[:]), t.key, t.line.Limit, t.line.Charged, t.lost, x402.NewPayload(t.held, t.proof),
			})
		}
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(m.File), ".vouchers-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename there is nothing of that name
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), m.File)
}

// counter finds the usage in an answer that passes.
type counter struct {
	http.ResponseWriter
	status int
	chunks uint64
	usage  []byte // the text after the last "usage":
}

// Unwrap lets http.ResponseController reach the connection.
func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *counter) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

const maxUsage = 4 << 10

func (c *counter) Write(p []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	c.chunks += uint64(bytes.Count(p, []byte("data: {")))
	if i := bytes.LastIndex(p, []byte(`"usage":`)); i >= 0 {
		if rest := bytes.TrimSpace(p[i+len(`"usage":`):]); len(rest) > 0 && rest[0] == '{' {
			c.usage = append(c.usage[:0], rest[:min(len(rest), maxUsage)]...)
		}
	}
	return c.ResponseWriter.Write(p)
}

// tokens are what the answer's usage tells, else at least its events.
func (c *counter) tokens() price.Tokens {
	var u openai.Usage
	if len(c.usage) == 0 || json.NewDecoder(bytes.NewReader(c.usage)).Decode(&u) != nil {
		return price.Tokens{Out: c.chunks}
	}
	return price.Tokens{In: uint64(max(0, u.PromptTokens)), Out: uint64(max(0, u.CompletionTokens))}
}
