// Package cashier is a validator's business with payment channels: it reads on the chain what consumers have deposited,
// claims what they have signed before they can take it back, and pays the miners that answered with vouchers of the
// validator's own.
package cashier

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"

	markettypes "agora/chain/x/market/types"
	"agora/client"
	"agora/gateway"
	"agora/gateway/ledger"
	"agora/mechanism/voucher"
)

// Chain is what the cashier needs of the chain; *client.Client provides it.
type Chain interface {
	Channel(ctx context.Context, id uint64) (markettypes.ChannelView, error)
	Channels(ctx context.Context, payer, payee string) ([]markettypes.ChannelView, error)
}

// Sender sends transactions for the operator; *client.Queue is one.
type Sender interface {
	Send(ctx context.Context, msgs ...sdk.Msg) (client.Result, error)
}

// Config says for whom the cashier works. Zero values take the defaults named beside them.
type Config struct {
	Chain    Chain
	Sender   Sender // of the operator's cold key
	Ledger   *ledger.Ledger
	Operator string             // account of the validator's operator
	Key      ed25519.PrivateKey // signs vouchers for miners
	Collect  func(context.Context) error
	ChainID  string
	Log      *slog.Logger // slog.Default()

	Look    time.Duration // between two looks at the chain; 20 s
	Claim   time.Duration // between claims of what consumers signed; 24 h
	Least   uint64        // rao for which a claim is worth its fee; 10,000,000
	Deposit uint64        // rao that a channel to a miner's owner is opened and topped up with; 1 TAO
	Markup  uint64        // of the gateway, basis points
	Judging uint64        // rao that questions may cost beyond what is free, per server and tempo; 1,000,000

	Busy func(hotKey ed25519.PublicKey) bool // whether consumers are being answered there; nil is never
}

func (c Config) withDefaults() (Config, error) {
	if c.Chain == nil || c.Sender == nil || c.Ledger == nil || c.Operator == "" || len(c.Key) != ed25519.PrivateKeySize {
		return c, errors.New("cashier: chain, sender, ledger, operator and key are needed")
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Collect == nil {
		c.Collect = func(context.Context) error { return nil }
	}
	fill(&c.Look, 20*time.Second)
	fill(&c.Claim, 24*time.Hour)
	fill(&c.Least, 10_000_000)
	fill(&c.Deposit, 1_000_000_000)
	fill(&c.Judging, 1_000_000)
	return c, nil
}

func fill[T comparable](v *T, byDefault T) {
	var zero T
	if *v == zero {
		*v = byDefault
	}
}

// Cashier is the till behind a gateway: gateway.Channels, gateway.Payroll and validator.Payer.
type Cashier struct {
	Config
	claimed time.Time // of the last claim

	mu      sync.Mutex
	owners  map[string]*owner // by account
	tempos  map[uint32]tempo
	tallies map[place]*tally
	metrics metrics

	booking sync.Mutex // held while what has come is written down
	opening sync.Mutex // held while a channel is opened or topped up; before mu
}

// New checks the configuration; Run does the work.
func New(c Config) (*Cashier, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Cashier{Config: c, claimed: time.Now(), owners: map[string]*owner{}, tempos: map[uint32]tempo{}, tallies: map[place]*tally{}, metrics: newMetrics()}, nil
}

// Channel implements gateway.Channels.
func (c *Cashier) Channel(ctx context.Context, id uint64) (ledger.Account, error) {
	v, err := c.Chain.Channel(ctx, id)
	if errors.Is(err, client.ErrNotFound) {
		return ledger.Account{}, fmt.Errorf("%w: channel %d: open one with `agora pay open`", ledger.ErrUnknown, id)
	}
	if err != nil {
		return ledger.Account{}, fmt.Errorf("%w: %w", ledger.ErrStore, err)
	}
	if v.Payee != c.Operator {
		return ledger.Account{}, fmt.Errorf("%w: channel %d pays %s, not this validator", ledger.ErrUnknown, id, v.Payee)
	}
	return accountOf(v)
}

// accountOf is a channel as the ledger keeps it.
func accountOf(v markettypes.ChannelView) (ledger.Account, error) {
	key, err := hex.DecodeString(v.Key)
	if err != nil {
		return ledger.Account{}, fmt.Errorf("channel %d: key: %w", v.Id, err)
	}
	limit := v.Deposit
	if v.Cap > 0 {
		limit = min(limit, v.Cap)
	}
	return ledger.Account{
		ID: fmt.Sprintf("channel/%d", v.Id), Channel: v.Id, Payer: v.Payer, Key: key, Line: voucher.Line{Limit: limit},
		Settled: v.Paid, Closing: v.WithdrawFrom,
	}, nil
}

// Run looks at the chain, claims and pays until ctx ends, then claims nothing more: the next start does.
func (c *Cashier) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { c.keepBooks(ctx) })
	defer wg.Wait()
	tick := time.NewTicker(c.Look)
	defer tick.Stop()
	for {
		if err := c.look(ctx); err != nil && ctx.Err() == nil {
			c.Log.Warn("payments: cannot settle now, will try again", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look reads every channel to this validator and claims what is due: from payers who take their deposit back, or whose vouchers end within a
// day, at once, from all others once in a while. After a start it looks first, so that a claim in time is lost only if the program was away
// for the whole delay.
func (c *Cashier) look(ctx context.Context) error {
	views, err := c.Chain.Channels(ctx, "", c.Operator)
	if err != nil {
		return err
	}
	if _, err := c.Ledger.Reap(ctx); err != nil {
		return err
	}
	if err := c.Collect(ctx); err != nil {
		return err
	}
	open := map[uint64]bool{}
	var now []ledger.Account
	daily := time.Since(c.claimed) >= c.Claim
	for _, v := range views {
		open[v.Id] = true
		a, err := c.learn(ctx, v)
		if err != nil {
			return err
		}
		if due := a.Claimable(); due > 0 && (a.Closing > 0 || a.Ends(time.Now().Add(gateway.LastCall)) || daily && due >= c.Least) {
			now = append(now, a)
		}
	}
	errs := []error{c.ended(ctx, open), c.claim(ctx, now)}
	if daily {
		c.claimed = time.Now()
		_, err := c.Ledger.Forget(ctx, time.Now().Add(-remembered))
		errs = append(errs, c.ClaimForMiners(ctx, c.Least), err)
	}
	return errors.Join(errs...)
}

// remembered is how long a request's id, which its consumer chose, cannot be used again.
const remembered = 7 * 24 * time.Hour

// learn writes down what the chain says of a channel that was used here.
func (c *Cashier) learn(ctx context.Context, v markettypes.ChannelView) (ledger.Account, error) {
	fresh, err := accountOf(v)
	if err != nil {
		return fresh, err
	}
	have, err := c.Ledger.Account(ctx, fresh.ID)
	if errors.Is(err, ledger.ErrUnknown) {
		return fresh, nil // nobody has asked here yet
	}
	if err != nil {
		return have, err
	}
	if have.Settled != fresh.Settled || have.Closing != fresh.Closing || have.Line.Limit != fresh.Line.Limit {
		if err := c.Ledger.Keep(ctx, fresh); err != nil {
			return have, err
		}
		have.Settled, have.Closing, have.Line.Limit = fresh.Settled, fresh.Closing, fresh.Line.Limit
	}
	return have, nil
}

// ended closes the accounts of channels that are gone.
func (c *Cashier) ended(ctx context.Context, open map[uint64]bool) error {
	all, err := c.Ledger.Accounts(ctx)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.Channel == 0 || open[a.Channel] || a.ID != fmt.Sprintf("channel/%d", a.Channel) || a.Line.Limit == 0 {
			continue
		}
		if lost := a.Claimable(); lost > 0 {
			c.metrics.count(ended, lost)
			c.Log.Error("payments: a channel ended before it was claimed", "channel", a.Channel, "payer", a.Payer, "lost_rao", lost)
		}
		a.Line.Limit, a.Closing = 0, max(1, a.Closing)
		if err := c.Ledger.Keep(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// ClaimNow claims everything that is due, however little, and returns how much it was.
func (c *Cashier) ClaimNow(ctx context.Context) (rao uint64, err error) {
	views, err := c.Chain.Channels(ctx, "", c.Operator)
	if err != nil {
		return 0, err
	}
	if err := c.Collect(ctx); err != nil {
		return 0, err
	}
	var due []ledger.Account
	for _, v := range views {
		a, err := c.learn(ctx, v)
		if err != nil {
			return 0, err
		}
		if n := a.Claimable(); n > 0 {
			due, rao = append(due, a), rao+n
		}
	}
	return rao, c.claim(ctx, due)
}

// claim claims what accounts are due.
func (c *Cashier) claim(ctx context.Context, due []ledger.Account) error {
	vouchers := make([]markettypes.Voucher, len(due))
	for i, a := range due {
		vouchers[i] = markettypes.NewVoucher(a.Held.Voucher, a.Held.Signature, a.Line.Due())
	}
	return c.send(ctx, vouchers)
}

// ClaimForMiners claims in the miners' names what was signed for them and comes to at least some rao for each: a hundred in
// a transaction, where each of them would send one. The money goes to them.
func (c *Cashier) ClaimForMiners(ctx context.Context, least uint64) error {
	views, err := c.Chain.Channels(ctx, c.Operator, "")
	if err != nil {
		return err
	}
	paid := map[uint64]uint64{}
	for _, v := range views {
		paid[v.Id] = v.Paid
	}
	debts, err := c.Ledger.Debts(ctx)
	if err != nil {
		return err
	}
	var vouchers []markettypes.Voucher
	for _, d := range debts {
		before, open := paid[d.Channel]
		if total := d.Held.Voucher.Total(); open && len(d.Held.Signature) > 0 && total >= before+least {
			vouchers = append(vouchers, markettypes.NewVoucher(d.Held.Voucher, d.Held.Signature, 0))
		}
	}
	return c.send(ctx, vouchers)
}

// send sends vouchers, a hundred in a transaction.
func (c *Cashier) send(ctx context.Context, vouchers []markettypes.Voucher) error {
	for part := range slices.Chunk(vouchers, markettypes.MaxVouchers) {
		result, err := c.Sender.Send(ctx, &markettypes.MsgClaim{Sender: c.Operator, Vouchers: part})
		if err != nil {
			return fmt.Errorf("claim %d vouchers: %w", len(part), err)
		}
		c.tell(result)
	}
	return nil
}

// tell logs what became of a claim.
func (c *Cashier) tell(result client.Result) {
	for _, r := range result.Responses {
		claimed, ok := r.(*markettypes.MsgClaimResponse)
		if !ok {
			continue
		}
		var paid, burned uint64
		for _, one := range claimed.Results {
			paid, burned = paid+one.Paid, burned+one.Burned
			if one.Refused != "" {
				c.metrics.count(refused, 0)
				c.Log.Warn("payments: a voucher was not paid", "channel", one.Channel, "why", one.Refused)
			}
		}
		c.Log.Info("payments: claimed", "vouchers", len(claimed.Results), "paid_rao", paid, "burned_rao", burned, "block", result.Height)
	}
}
