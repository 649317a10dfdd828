package cashier

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"time"

	markettypes "agora/chain/x/market/types"
	"agora/mechanism/voucher"
	"agora/wire/x402"
)

const (
	maxDue    = 65_536                 // answers that wait to be written down; more are written down at once by who brings them
	bookEvery = 200 * time.Millisecond // a kill loses what came since: the miner's window bounds it
	share     = 4                      // parts of a miner's window after which it gets a voucher
	repeats   = 8                      // requests that carry a new voucher, since some get lost
)

// Window is what a miner works for before it is paid: requests, or rao, whichever is less.
var Window = voucher.Terms{First: 100, Most: 100, Amount: 50_000_000}

// owner is one payee of this validator.
type owner struct {
	answers uint64 // since the last voucher
	rao     uint64
	header  string // the last voucher, as requests carry it
	left    int    // requests that still carry it
	asked   bool   // the miner wants to be paid
	channel uint64
	limit   uint64 // of the channel
	failed  time.Time
}

// due is what one answer cost.
type due struct {
	payee  string
	netuid uint32
	rao    uint64
}

// Owe implements gateway.Payroll. It does not wait for the store.
func (c *Cashier) Owe(payee string, netuid uint32, rao uint64) {
	select {
	case c.owed <- due{payee, netuid, rao}:
	default:
		c.Log.Error("payments: more answers than can be written down, one is lost to its miner", "payee", payee, "rao", rao)
	}
}

// Enclose implements gateway.Payroll.
func (c *Cashier) Enclose(h http.Header, payee string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o := c.owners[payee]; o != nil && o.left > 0 {
		o.left--
		h.Set(x402.HeaderSignature, o.header)
	}
}

// Demand implements gateway.Payroll: a miner has said that it wants to be paid first.
func (c *Cashier) Demand(payee string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of(payee).asked = true
}

// of is an owner's state. The lock is held.
func (c *Cashier) of(payee string) *owner {
	o := c.owners[payee]
	if o == nil {
		o = &owner{}
		c.owners[payee] = o
	}
	return o
}

// keepBooks writes down what is owed and signs vouchers, until ctx ends.
func (c *Cashier) keepBooks(ctx context.Context) {
	tick := time.NewTicker(bookEvery)
	defer tick.Stop()
	for {
		c.book(context.WithoutCancel(ctx))
		c.pay(ctx)
		select {
		case <-ctx.Done():
			c.book(context.WithoutCancel(ctx))
			return
		case <-tick.C:
		}
	}
}

// Flush writes down what has come, so that what is owed is complete.
func (c *Cashier) Flush(ctx context.Context) { c.book(ctx) }

// book writes down what has come, one entry for each payee and subnet.
func (c *Cashier) book(ctx context.Context) {
	c.booking.Lock()
	defer c.booking.Unlock()
	type place struct {
		payee  string
		netuid uint32
	}
	sums, answers := map[place]uint64{}, map[string]uint64{}
	for more := true; more; {
		select {
		case d := <-c.owed:
			sums[place{d.payee, d.netuid}] += d.rao
			answers[d.payee]++
		default:
			more = false
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for at, rao := range sums {
		if _, err := c.Ledger.Owe(ctx, at.payee, at.netuid, rao); err != nil {
			c.Log.Error("payments: cannot write down what a miner is owed", "payee", at.payee, "rao", rao, "err", err)
			continue
		}
		c.mu.Lock()
		o := c.of(at.payee)
		o.rao += rao
		o.answers += answers[at.payee]
		answers[at.payee] = 0
		c.mu.Unlock()
	}
}

// pay signs for those whose window has filled, or who ask.
func (c *Cashier) pay(ctx context.Context) {
	c.mu.Lock()
	var ready []string
	for payee, o := range c.owners {
		full := o.answers >= Window.Most/share || o.rao >= Window.Amount/share || o.asked
		if full && o.rao > 0 && time.Since(o.failed) > c.Look {
			ready = append(ready, payee)
		}
	}
	c.mu.Unlock()
	for _, payee := range ready {
		if err := c.Pay(ctx, payee); err != nil && ctx.Err() == nil {
			c.Log.Warn("payments: cannot pay a miner now", "payee", payee, "err", err)
			c.mu.Lock()
			c.of(payee).failed = time.Now()
			c.mu.Unlock()
		}
	}
}

// Pay signs for all that a payee is owed. It opens a channel, or tops it up, where that is needed.
func (c *Cashier) Pay(ctx context.Context, payee string) error {
	debt, err := c.Ledger.Debt(ctx, payee)
	if err != nil {
		return err
	}
	channel, err := c.channelTo(ctx, payee, debt.Owed.Total())
	if err != nil {
		return err
	}
	debt, err = c.Ledger.Promise(ctx, payee, channel, func(v voucher.Voucher) ([]byte, error) { return v.Sign(c.ChainID, c.Key) })
	if err != nil || len(debt.Held.Signature) == 0 {
		return err
	}
	header := x402.Encode(x402.Payment{
		X402Version: x402.Version, Accepted: x402.Requirement{Scheme: x402.Scheme, Network: x402.Network(c.ChainID), Asset: x402.Asset, PayTo: payee},
		Payload: x402.NewPayload(debt.Held.Voucher, debt.Held.Signature),
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.of(payee)
	o.answers, o.rao, o.asked, o.header, o.left = 0, 0, false, header, repeats
	return nil
}

// channelTo finds the channel to a payee and sees to it that it can pay total in all.
func (c *Cashier) channelTo(ctx context.Context, payee string, total uint64) (uint64, error) {
	c.mu.Lock()
	channel, limit := c.of(payee).channel, c.of(payee).limit
	c.mu.Unlock()
	if channel > 0 && limit >= total {
		return channel, nil
	}
	list, err := c.Chain.Channels(ctx, c.Operator, payee)
	if err != nil {
		return 0, err
	}
	if len(list) == 0 {
		channel, err = c.openTo(ctx, payee, max(c.Deposit, 2*total))
		limit = max(c.Deposit, 2*total)
	} else if channel, limit = list[0].Id, list[0].Deposit; limit < total {
		_, err = c.Sender.Send(ctx, &markettypes.MsgTopUp{Payer: c.Operator, Channel: channel, Deposit: max(c.Deposit, total-limit)})
		limit += max(c.Deposit, total-limit)
	}
	if err != nil {
		return 0, fmt.Errorf("channel to %s: %w", payee, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of(payee).channel, c.of(payee).limit = channel, limit
	return channel, nil
}

func (c *Cashier) openTo(ctx context.Context, payee string, deposit uint64) (uint64, error) {
	result, err := c.Sender.Send(ctx, &markettypes.MsgOpenChannel{
		Payer: c.Operator, Payee: payee, Deposit: deposit, Key: c.Key.Public().(ed25519.PublicKey),
	})
	if err != nil {
		return 0, err
	}
	for _, r := range result.Responses {
		if opened, ok := r.(*markettypes.MsgOpenChannelResponse); ok {
			return opened.Id, nil
		}
	}
	return 0, errors.New("the chain did not say which channel was opened")
}
