package daemon

import (
	"context"
	"crypto/ed25519"
	"errors"
	"path/filepath"

	"agora/gateway"
	"agora/gateway/ledger"
	"agora/validator/cashier"
)

// openTill opens the ledger and lets consumers pay. Where the operator's key is not at hand nobody pays.
func (d *Daemon) openTill(ctx context.Context) error {
	if d.cfg.Cold == nil {
		return nil
	}
	where := d.cfg.Ledger
	if where == "" {
		where = filepath.Join(d.cfg.Home, "ledger.db")
	}
	params, err := d.cfg.Client.ChannelParams(ctx)
	if err != nil {
		return err
	}
	markup, err := d.markup(ctx)
	if err != nil {
		return err
	}
	if d.ledger, err = ledger.Open(ctx, where, 0); err != nil {
		return err
	}
	c := d.cfg.Cashier
	c.Chain, c.Sender, c.Ledger = d.cfg.Client, d.cfg.Client.Queue(d.cfg.Cold), d.ledger
	c.Markup = markup
	c.Operator, c.Key, c.ChainID, c.Log = d.cfg.Operator, d.cfg.HotKey, d.cfg.Client.ChainID(), d.cfg.Log
	c.Collect = func(ctx context.Context) error { return d.gateway.Collect(ctx) }
	c.Busy = func(hotKey ed25519.PublicKey) bool { return d.gateway.Busy(hotKey) }
	if d.cashier, err = cashier.New(c); err != nil {
		return err
	}
	d.till = &gateway.Till{
		Ledger: d.ledger, ChainID: c.ChainID, Payee: d.cfg.Operator, Markup: markup, RPC: d.cfg.RPC, Deposit: params.MinDeposit,
		Channels: d.cashier, Miners: d.cashier,
	}
	return d.cashier.Recall(ctx)
}

// markup is what the operator's entry in the directory says, in basis points.
func (d *Daemon) markup(ctx context.Context) (uint64, error) {
	profiles, err := d.cfg.Client.Profiles(ctx)
	for _, p := range profiles {
		if p.Operator == d.cfg.Operator {
			return uint64(p.MarkupBps), err
		}
	}
	return 0, err
}

// Settle pays every miner what it is owed and claims all that consumers and this validator signed, at once: before a
// reckoning.
func (d *Daemon) Settle(ctx context.Context) error {
	if d.cashier == nil {
		return errors.New("nobody pays at this validator")
	}
	d.cashier.Flush(ctx)
	debts, err := d.ledger.Debts(ctx)
	if err != nil {
		return err
	}
	for _, debt := range debts {
		if err := d.cashier.Pay(ctx, debt.Payee); err != nil {
			return err
		}
	}
	if _, err = d.cashier.ClaimNow(ctx); err != nil {
		return err
	}
	return d.cashier.ClaimForMiners(ctx, 1)
}

// Ledger is what consumers and this validator owe, nil where nobody pays.
func (d *Daemon) Ledger() *ledger.Ledger { return d.ledger }
