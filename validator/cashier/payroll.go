package cashier

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"time"

	markettypes "agora/chain/x/market/types"
	"agora/gateway"
	"agora/mechanism/price"
	"agora/mechanism/voucher"
	"agora/wire/x402"
)

const (
	bookEvery = 200 * time.Millisecond // a kill loses what came since: the miner's window bounds it
	share     = 4                      // parts of a miner's window after which it gets a voucher
	repeats   = 8                      // requests that carry a new voucher, since some get lost
)

// Window is what a miner works for before it is paid: requests, or rao, whichever is less.
var Window = voucher.Terms{First: 100, Most: 100, Amount: 50_000_000}

// owner is one payee of this validator.
type owner struct {
	unbooked map[uint32]uint64 // rao by netuid, since it was written down
	answers  uint64            // since the last voucher
	rao      uint64            // likewise
	ahead    voucher.Parts     // to sign for besides what is owed: an answer that may cost more than the window
	header   string            // the last voucher, as requests carry it
	signed   uint64            // its total
	left     int               // requests that still carry it
	asked    bool              // the miner wants to be paid
	channel  uint64
	limit    uint64 // of the channel
	failed   time.Time
}

// Owe implements gateway.Payroll. It does not wait for the store.
func (c *Cashier) Owe(w gateway.Work) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owe(w, c.tally(w).sell(w, c.free(w)))
}

// owe adds to what is owed for an answer. The lock is held.
func (c *Cashier) owe(w gateway.Work, rao uint64) {
	o := c.of(w.Payee)
	o.answers++
	if rao > 0 {
		o.unbooked[w.NetUID] += rao
	}
}

// Enclose implements gateway.Payroll.
func (c *Cashier) Enclose(h http.Header, w gateway.Work, ceiling uint64) {
	if ceiling > Window.Amount {
		c.signAhead(w, ceiling)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if o := c.owners[w.Payee]; o != nil && o.left > 0 {
		o.left--
		h.Set(x402.HeaderSignature, o.header)
	}
}

// trusted is the most, in rao, that is signed for answers that a payee has not given yet:
//
//	a window + mark-up · owed
//
// A miner may take it and answer nothing. So it gets no more than it trusts the validator with itself, and what the validator has earned
// with it.
func (c *Cashier) trusted(owed uint64) uint64 {
	return Window.Amount + owed/price.BPS*c.Markup + owed%price.BPS*c.Markup/price.BPS
}

// upTo is what parts have of an amount at most.
func upTo(parts voucher.Parts, most uint64) (out voucher.Parts) {
	for _, p := range parts {
		p.Amount = min(p.Amount, most)
		most -= p.Amount
		out = append(out, p)
	}
	return out
}

// signAhead signs for an answer that may cost more than a miner works for unpaid, as far as it is trusted. Where that takes a transaction
// first, the miner refuses this time.
func (c *Cashier) signAhead(w gateway.Work, ceiling uint64) {
	c.book(context.Background())
	c.mu.Lock()
	o := c.of(w.Payee)
	o.ahead = voucher.Parts{{Netuid: w.NetUID, Amount: ceiling}}
	ready := o.channel > 0 && o.limit >= o.signed+o.rao+min(ceiling, c.trusted(o.signed))
	c.mu.Unlock()
	if !ready {
		return // keepBooks does it
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := c.Pay(ctx, w.Payee); err != nil {
		c.Log.Warn("payments: cannot pay a miner ahead", "payee", w.Payee, "err", err)
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
		o = &owner{unbooked: map[uint32]uint64{}}
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

// book writes down what has come, one entry for each payee and subnet. What cannot be written stays for the next time.
func (c *Cashier) book(ctx context.Context) {
	c.booking.Lock()
	defer c.booking.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c.mu.Lock()
	var come []gateway.Work
	for payee, o := range c.owners {
		for netuid, rao := range o.unbooked {
			come = append(come, gateway.Work{Payee: payee, NetUID: netuid, Rao: rao})
		}
	}
	c.mu.Unlock()
	for _, w := range come {
		if _, err := c.Ledger.Owe(ctx, w.Payee, w.NetUID, w.Rao); err != nil {
			c.metrics.count(unwritten, w.Rao)
			c.Log.Error("payments: cannot write down what a miner is owed", "payee", w.Payee, "rao", w.Rao, "err", err)
			continue
		}
		c.mu.Lock()
		o := c.of(w.Payee)
		o.rao += w.Rao
		if o.unbooked[w.NetUID] -= w.Rao; o.unbooked[w.NetUID] == 0 {
			delete(o.unbooked, w.NetUID)
		}
		c.mu.Unlock()
	}
}

// pay signs for those whose window has filled, or who ask.
func (c *Cashier) pay(ctx context.Context) {
	c.mu.Lock()
	var ready []string
	for payee, o := range c.owners {
		full := o.answers >= Window.Most/share || o.rao >= Window.Amount/share || o.asked
		if (full && o.rao > 0 || len(o.ahead) > 0) && time.Since(o.failed) > c.Look {
			ready = append(ready, payee)
		}
	}
	c.mu.Unlock()
	for _, payee := range ready {
		if err := c.Pay(ctx, payee); err != nil && ctx.Err() == nil {
			c.Log.Warn("payments: cannot pay a miner now", "payee", payee, "err", err)
			c.mu.Lock()
			c.of(payee).failed = time.Now()
			c.metrics.count(unpaid, c.of(payee).rao)
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
	c.mu.Lock()
	ahead := upTo(c.of(payee).ahead, c.trusted(debt.Owed.Total()))
	c.mu.Unlock()
	channel, err := c.channelTo(ctx, payee, max(debt.Held.Voucher.Total(), debt.Owed.Total()+ahead.Total()))
	if err != nil {
		return err
	}
	debt, err = c.Ledger.Promise(ctx, payee, channel, ahead, func(v voucher.Voucher) ([]byte, error) { return v.Sign(c.ChainID, c.Key) })
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
	o.answers, o.rao, o.asked, o.ahead, o.header, o.left, o.signed = 0, 0, false, nil, header, repeats, debt.Held.Voucher.Total()
	return nil
}

// channelTo finds the channel to a payee and sees to it that it can pay total in all. Of several who need that to be changed one does.
func (c *Cashier) channelTo(ctx context.Context, payee string, total uint64) (uint64, error) {
	if channel, ready := c.known(payee, total); ready {
		return channel, nil
	}
	c.opening.Lock()
	defer c.opening.Unlock()
	if channel, ready := c.known(payee, total); ready {
		return channel, nil
	}
	var channel, limit uint64
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

// known is the channel to a payee as it was last seen, and whether that is enough to pay total in all.
func (c *Cashier) known(payee string, total uint64) (channel uint64, ready bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.of(payee)
	return o.channel, o.channel > 0 && o.limit >= total
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
