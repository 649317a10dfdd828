package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/client"
	authcmd "github.com/cosmos/cosmos-sdk/x/auth/client/cli"

	"agora/chain/network"
	subnettypes "agora/chain/x/subnet/types"
)

// ease makes the SDK's commands take what people type.
func ease(query, tx *cobra.Command) error {
	block, _, err := query.Find([]string{"block"})
	if err != nil {
		return err
	}
	heightsToo(block)
	unbond, _, err := tx.Find([]string{"staking", "unbond"})
	if err != nil {
		return err
	}
	unbond.Aliases = append(unbond.Aliases, "undelegate")
	create, _, err := tx.Find([]string{"subnet", "create"})
	if err != nil || create.Name() != "create" {
		return fmt.Errorf("no command tx subnet create: %w", err)
	}
	return boundLock(create)
}

// checkHex refuses a private key that is no hexadecimal text before the SDK cuts it up.
func checkHex(ring *cobra.Command) error {
	load, _, err := ring.Find([]string{"import-hex"})
	if err != nil {
		return err
	}
	run := load.RunE
	load.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 2 {
			if bz, err := hex.DecodeString(strings.TrimPrefix(args[1], "0x")); err != nil || len(bz) != 32 {
				return usageError{errors.New("a private key is 32 bytes in hexadecimal, 64 digits")}
			}
		}
		return run(cmd, args)
	}
	return nil
}

// heightsToo lets `query block 3` mean the block of that height.
func heightsToo(block *cobra.Command) {
	run := block.RunE
	block.RunE = func(cmd *cobra.Command, args []string) error {
		kind := cmd.Flags().Lookup(authcmd.FlagType)
		if len(args) == 1 && kind != nil && !kind.Changed {
			if _, err := strconv.ParseInt(args[0], 10, 64); err == nil {
				if err := kind.Value.Set(authcmd.TypeHeight); err != nil {
					return err
				}
			}
		}
		return run(cmd, args)
	}
}

// boundLock gives a new subnet's lock a bound where none is given: the price just asked. It doubles with every creation,
// so that without a bound somebody a block earlier doubles what is locked.
func boundLock(create *cobra.Command) error {
	const name = "max-lock"
	lock := create.Flags().Lookup(name)
	if lock == nil {
		return fmt.Errorf("tx subnet create has no flag --%s", name)
	}
	lock.Usage = "rao (or 1.5tao) to lock at most; the price at the moment of asking where it is not given"
	if m := create.Flags().Lookup("mechanism"); m != nil {
		m.Usage = `what the subnet's miners are judged by, in JSON: {"id":"exact"} or {"id":"continuation"}, with "source" and "params" where it takes them`
	}
	run := create.RunE
	create.RunE = func(cmd *cobra.Command, args []string) error {
		if lock.Changed {
			return run(cmd, args)
		}
		ctx, err := client.GetClientTxContext(cmd)
		if err != nil {
			return err
		}
		if ctx.Offline {
			return usageError{fmt.Errorf("give --%s: the price cannot be asked offline", name)}
		}
		prices, err := subnettypes.NewQueryClient(ctx).Prices(cmd.Context(), &subnettypes.QueryPricesRequest{})
		if err != nil {
			return fmt.Errorf("ask for the price, or give --%s: %w", name, err)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "locks at most %d rao (%d.%03d TAO), the price now; --%s says another bound\n", prices.Create,
			prices.Create/network.TAO, prices.Create%network.TAO/1_000_000, name)
		if err := cmd.Flags().Set(name, strconv.FormatUint(prices.Create, 10)); err != nil {
			return err
		}
		return run(cmd, args)
	}
	return nil
}
