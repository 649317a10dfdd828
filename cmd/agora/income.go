package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/client"
	"agora/mechanism/price"
	"agora/miner"
	"agora/miner/enrolment"
)

// claimEvery is how often a miner claims what validators have signed for.
const claimEvery = 24 * time.Hour

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
	if !amount.MatchString(text) {
		text += "tao"
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

// meter counts what validators owe; nil where the model is free.
func (m *mining) meter(c *client.Client) (*miner.Meter, error) {
	if m.rates == (price.Rates{}) {
		return nil, nil
	}
	return miner.NewMeter(miner.MeterConfig{
		ChainID: c.ChainID(), Owner: sdk.AccAddress(m.owner.PubKey().Address()).String(), In: m.rates.In, Out: m.rates.Out,
		Channels: enrolment.OnChain{Client: c}, File: m.hotKey + ".vouchers.json",
	})
}

// claim claims once a day what validators have signed for, until ctx ends.
func (w *worked) claim(ctx context.Context, cmd *cobra.Command) {
	if w.meter == nil {
		return
	}
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	claimed, last := uint64(0), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		_, signed, _ := w.meter.Income()
		if signed-min(claimed, signed) < leastClaim || time.Since(last) < claimEvery {
			continue
		}
		owner := sdk.AccAddress(w.owner.PubKey().Address()).String()
		if _, err := w.chain.Queue(w.owner).Send(ctx, enrolment.Claim(w.meter, owner)); err != nil {
			fmt.Fprintln(cmd.ErrOrStderr(), "agora: cannot claim what validators have signed for:", err)
			continue
		}
		claimed, last = signed, time.Now()
	}
}
