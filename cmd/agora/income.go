package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	sdk "github.com/cosmos/cosmos-sdk/types"

	markettypes "agora/chain/x/market/types"
	"agora/client"
	"agora/engine"
	"agora/mechanism/price"
	"agora/miner"
	"agora/miner/enrolment"
)

// claimEvery is how often a miner claims what validators have signed for and have not claimed for it themselves; watchEvery
// how often it looks whether one takes its deposit back, which may take an hour.
const (
	claimEvery = 30 * time.Hour
	watchEvery = 10 * time.Minute
)

// leastClaim is the income in rao for which a claim is worth its fee.
const leastClaim = 10_000_000

// readPrices reads --price-in and --price-out.
func (m *mining) readPrices() (err error) {
	if m.rates.In, err = money(m.priceIn); err == nil {
		m.rates.Out, err = money(m.priceOut)
	}
	return err
}

// money reads an amount in rao: 1.5tao, 5rao, or a bare number of TAO.
func money(text string) (uint64, error) {
	given := text
	if !amount.MatchString(text) {
		text += "tao"
	}
	if figures.FindStringSubmatch(text) == nil {
		text = given // for who reads of it
	}
	n, err := rao(text)
	if err != nil {
		return 0, usageError{err}
	}
	if !n.IsUint64() || n.Uint64() > 1<<60 {
		return 0, usageError{fmt.Errorf("%s is more than there is", text)}
	}
	return n.Uint64(), nil
}

// inTAO is a flag whose amount money reads, in rao.
type inTAO uint64

func (a *inTAO) Set(text string) error {
	n, err := money(text)
	if err == nil {
		*a = inTAO(n)
	}
	return err
}

func (a *inTAO) String() string {
	text := fmt.Sprintf("%d.%09d", uint64(*a)/1_000_000_000, uint64(*a)%1_000_000_000)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".") + "tao"
}

func (a *inTAO) Type() string { return "amount" }

// meter counts what validators owe; nil where the model is free.
func (m *mining) meter(c *client.Client, info engine.Info) (*miner.Meter, *enrolment.Allowance, error) {
	free := &enrolment.Allowance{Client: c, NetUID: m.subnet, Slots: m.capacity}
	if m.rates == (price.Rates{}) {
		return nil, free, nil
	}
	meter, err := miner.NewMeter(miner.MeterConfig{
		ChainID: c.ChainID(), Owner: sdk.AccAddress(m.owner.PubKey().Address()).String(), In: m.rates.In, Out: m.rates.Out,
		Context: info.Context, Channels: enrolment.OnChain{Client: c}, Free: free, File: m.hotKey + ".vouchers.json",
	})
	return meter, free, err
}

// claim claims what validators have signed for, until ctx ends: at once from those who take their deposits back.
func (w *worked) claim(ctx context.Context, cmd *cobra.Command) {
	if w.meter == nil {
		return
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, err := w.meter.Watch(ctx)
		if err == nil && (now || time.Since(last) >= claimEvery) {
			err = w.claimNow(ctx, now)
			last = time.Now()
		}
		if err != nil && ctx.Err() == nil {
			fmt.Fprintln(cmd.ErrOrStderr(), "agora: cannot claim what validators have signed for:", err)
		}
	}
}

// claimNow claims what is worth the fee, or everything.
func (w *worked) claimNow(ctx context.Context, all bool) error {
	least := uint64(leastClaim)
	if all {
		least = 1
	}
	owner := sdk.AccAddress(w.owner.PubKey().Address()).String()
	msg, err := enrolment.Claim(ctx, w.chain, w.meter, owner, least)
	if err != nil || msg == nil {
		return err
	}
	result, err := w.chain.Queue(w.owner).Send(ctx, msg)
	if err != nil {
		return err
	}
	return w.unclaimed(result)
}

// unclaimed counts the vouchers of a claim that the chain did not pay; the error says why.
func (w *worked) unclaimed(result client.Result) (err error) {
	for _, r := range result.Responses {
		claimed, is := r.(*markettypes.MsgClaimResponse)
		if !is {
			continue
		}
		for _, one := range claimed.Results {
			if one.Refused != "" {
				w.meter.Refused()
				err = errors.Join(err, fmt.Errorf("channel %d: %s", one.Channel, one.Refused))
			}
		}
	}
	return err
}
