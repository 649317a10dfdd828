package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cosmos/cosmos-sdk/client/flags"
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
