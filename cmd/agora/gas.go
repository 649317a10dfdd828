package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	feetypes "agora/chain/x/fee/types"
	"agora/mechanism/price"
)

// priced are the defaults with which a transaction pays what the chain asks, measured by simulation. Between that and its
// block an epoch may have paid: whoever moves stake then also withdraws rewards, for half as much gas again and more.
var priced = map[string]string{flags.FlagGas: flags.GasFlagAuto, flags.FlagGasAdjustment: "2", flags.FlagGasPrices: "0.01rao"}

// setPrices gives every transaction command the defaults above.
func setPrices(cmd *cobra.Command) error {
	for _, sub := range cmd.Commands() {
		if err := setPrices(sub); err != nil {
			return err
		}
	}
	for name, value := range priced {
		if f := cmd.Flags().Lookup(name); f != nil {
			f.DefValue = value
			if err := f.Value.Set(value); err != nil {
				return err
			}
		}
	}
	return nil
}

// preferFees drops the default gas price where the user names a fee.
func preferFees(set *pflag.FlagSet) error {
	fees, prices := set.Lookup(flags.FlagFees), set.Lookup(flags.FlagGasPrices)
	if fees == nil || prices == nil || !fees.Changed || prices.Changed {
		return nil
	}
	return prices.Value.Set("")
}

// followPrice asks the node for the gas price in force and takes that, and a quarter more for what two full blocks may add,
// where the user names neither fee nor price. Where no node answers, the default stands.
func followPrice(ctx client.Context, set *pflag.FlagSet) error {
	prices := set.Lookup(flags.FlagGasPrices)
	if prices == nil || prices.Changed || prices.Value.String() == "" || ctx.Client == nil {
		return nil
	}
	if offline, err := set.GetBool(flags.FlagOffline); err != nil || offline {
		return err
	}
	asking, cancel := context.WithTimeout(ctx.CmdContext, 2*time.Second)
	defer cancel()
	r, err := feetypes.NewQueryClient(ctx).GasPrice(asking, &feetypes.QueryGasPriceRequest{})
	if err != nil {
		return nil
	}
	bid := math.LegacyNewDecFromInt(math.NewIntFromUint64(r.GasPrice + r.GasPrice/4)).QuoInt64(price.Million)
	return prices.Value.Set(sdk.NewDecCoinFromDec(network.Denom, bid).String())
}
