package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	sdk "github.com/cosmos/cosmos-sdk/types"
	authcmd "github.com/cosmos/cosmos-sdk/x/auth/client/cli"
)

var errNoKeyring = errors.New("no keyring is open")

// jointGas is what a transaction of an account of several keys may use unless --gas says otherwise: the SDK cannot
// simulate one without the signatures of its members.
const jointGas = "500000"

// jointly holds the commands with which several keys sign for one account.
func jointly() []*cobra.Command {
	return []*cobra.Command{
		authcmd.GetSignBatchCommand(), authcmd.GetMultiSignCommand(), authcmd.GetMultiSignBatchCmd(), authcmd.GetValidateSignaturesCommand(),
	}
}

// settleJointGas makes every command under tx ask a fixed amount of gas for an account of several keys.
func settleJointGas(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		settleJointGas(sub)
	}
	send, gas := cmd.RunE, cmd.Flags().Lookup(flags.FlagGas)
	if send == nil || gas == nil {
		return
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !gas.Changed && gas.Value.String() == flags.GasFlagAuto && joint(cmd, args) {
			if err := gas.Value.Set(jointGas); err != nil {
				return err
			}
		}
		return send(cmd, args)
	}
}

// joint tells whether the sender is an account of several keys. Some commands take him as their first argument.
func joint(cmd *cobra.Command, args []string) bool {
	ctx := client.GetClientContextFromCmd(cmd)
	names := args[:min(len(args), 1)]
	if from := cmd.Flags().Lookup(flags.FlagFrom); from != nil && from.Value.String() != "" {
		names = []string{from.Value.String()}
	}
	for _, name := range names {
		if record, err := recordOf(ctx, name); err == nil && record.GetType() == keyring.TypeMulti {
			return true
		}
	}
	return false
}

// recordOf finds a key by its name or address.
func recordOf(ctx client.Context, name string) (*keyring.Record, error) {
	if ctx.Keyring == nil {
		return nil, errNoKeyring
	}
	if address, err := sdk.AccAddressFromBech32(name); err == nil {
		return ctx.Keyring.KeyByAddress(address)
	}
	return ctx.Keyring.Key(name)
}
