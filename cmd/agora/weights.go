package main

import (
	"errors"
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/client"
	clienttx "github.com/cosmos/cosmos-sdk/client/tx"

	emissiontypes "agora/chain/x/emission/types"
)

// mend replaces what autocli makes of messages with lists of 32-bit numbers: it panics when it fills one. The weights of
// a voice are signed by a hot key, which no keyring holds, so `agora validator` alone sends them.
func mend(tx *cobra.Command) error {
	root, _, err := tx.Find([]string{"emission", "set-root-weights"})
	if err != nil || root.Name() != "set-root-weights" {
		return errors.Join(errors.New("no command tx emission set-root-weights to mend"), err)
	}
	root.Example = "  agora tx emission set-root-weights --netuids 1,2 --weights 3,1 --from operator --yes"
	root.RunE = setRootWeights
	voice, _, err := tx.Find([]string{"yuma"})
	if err != nil || voice.Name() != "yuma" {
		return errors.Join(errors.New("no command tx yuma to mend"), err)
	}
	tx.RemoveCommand(voice)
	return nil
}

func setRootWeights(cmd *cobra.Command, _ []string) error {
	ctx, err := client.GetClientTxContext(cmd)
	if err != nil {
		return err
	}
	netuids, err := numbers(cmd, "netuids")
	if err != nil {
		return err
	}
	weights, err := numbers(cmd, "weights")
	if err != nil {
		return err
	}
	msg := &emissiontypes.MsgSetRootWeights{Operator: ctx.GetFromAddress().String(), Netuids: netuids, Weights: weights}
	return clienttx.GenerateOrBroadcastTxCLI(ctx, cmd.Flags(), msg)
}

// numbers reads a flag that lists 32-bit numbers.
func numbers(cmd *cobra.Command, name string) ([]uint32, error) {
	list, err := cmd.Flags().GetUintSlice(name)
	if err != nil {
		return nil, err
	}
	out := make([]uint32, len(list))
	for k, v := range list {
		if v > math.MaxUint32 {
			return nil, usageError{fmt.Errorf("--%s %d: give numbers up to %d", name, v, uint32(math.MaxUint32))}
		}
		out[k] = uint32(v)
	}
	return out, nil
}
