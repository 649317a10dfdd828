package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	errorsmod "cosmossdk.io/errors"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/codec"
	sdk "github.com/cosmos/cosmos-sdk/types"
	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"
	authtx "github.com/cosmos/cosmos-sdk/x/auth/tx"
)

const (
	waitFlag     = "wait"
	waitStandard = time.Minute
	waitPoll     = 250 * time.Millisecond
)

// settle makes every command under tx that sends a transaction end as the transaction does: it waits for its block and
// fails if it was refused. Those directly below tx work on files and ask nothing.
func settle(tx *cobra.Command) {
	for _, sub := range tx.Commands() {
		settleOne(sub, false)
		for _, inner := range sub.Commands() {
			settleBelow(inner)
		}
	}
}

func settleBelow(cmd *cobra.Command) {
	settleOne(cmd, true)
	for _, sub := range cmd.Commands() {
		settleBelow(sub)
	}
}

func settleOne(cmd *cobra.Command, asks bool) {
	send := cmd.RunE
	if send == nil || cmd.Flags().Lookup(flags.FlagBroadcastMode) == nil {
		return
	}
	wait := cmd.Flags().Duration(waitFlag, waitStandard, "wait at most this long for the transaction's block; 0 ends when a node has taken it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, err := client.GetClientTxContext(cmd)
		if err != nil {
			return err
		}
		if asks && !ctx.SkipConfirm && !ctx.GenerateOnly && !ctx.Simulate && !ctx.IsAux && !interactive(cmd.InOrStdin()) {
			return usageError{fmt.Errorf("nobody can confirm, for the standard input is no terminal: give --yes")}
		}
		out := &reply{to: cmd.OutOrStdout(), codec: ctx.Codec}
		cmd.SetOut(out)
		if err := client.SetCmdClientContext(cmd, client.GetClientContextFromCmd(cmd).WithOutput(out)); err != nil {
			return err
		}
		if err := send(cmd, args); err != nil || out.got == nil {
			return err
		}
		return out.conclude(ctx.WithOutput(out.to), *wait)
	}
}

// reply passes on what a command prints, but keeps the answer of the node that took its transaction.
type reply struct {
	to    io.Writer
	codec codec.Codec
	got   *sdk.TxResponse
}

// Write implements io.Writer; the SDK writes a document at once, and a line break after JSON.
func (r *reply) Write(text []byte) (int, error) {
	if r.got != nil && bytes.Equal(text, []byte("\n")) {
		return 1, nil
	}
	var got sdk.TxResponse
	document, err := yaml.YAMLToJSON(text)
	if err != nil || r.codec.UnmarshalJSON(document, &got) != nil || got.TxHash == "" {
		return r.to.Write(text)
	}
	r.got = &got
	return len(text), nil
}

// conclude waits for the block, prints the outcome, and is an error if the transaction was refused.
func (r *reply) conclude(ctx client.Context, wait time.Duration) error {
	if r.got.Code == 0 && wait > 0 {
		done, err := included(ctx, r.got.TxHash, wait)
		if err != nil {
			return err
		}
		r.got = done
	}
	r.got.Tx = nil // what was sent is known
	if err := ctx.PrintProto(r.got); err != nil {
		return err
	}
	if r.got.Code != 0 {
		return fmt.Errorf("transaction %s was refused: %s (%s, code %d)", r.got.TxHash, reason(r.got), r.got.Codespace, r.got.Code)
	}
	return nil
}

// reason is the chain's own, or where a node turned the transaction away before the chain saw it, the code's.
func reason(r *sdk.TxResponse) string {
	if r.RawLog != "" {
		return r.RawLog
	}
	for _, known := range []*errorsmod.Error{sdkerrors.ErrTxInMempoolCache, sdkerrors.ErrMempoolIsFull, sdkerrors.ErrTxTooLarge} {
		if known.Codespace() == r.Codespace && known.ABCICode() == r.Code {
			return known.Error()
		}
	}
	return "the node gives no reason"
}

// included waits until the transaction is in a block.
func included(ctx client.Context, hash string, wait time.Duration) (*sdk.TxResponse, error) {
	until, cancel := context.WithTimeout(ctx.GetCmdContextWithFallback(), wait)
	defer cancel()
	for {
		done, err := authtx.QueryTx(ctx, hash)
		if err == nil {
			return done, nil
		}
		select {
		case <-until.Done():
			return nil, fmt.Errorf("transaction %s is in no block after %s and may still come: ask with `agora query tx %s` (%w)", hash, wait, hash, err)
		case <-time.After(waitPoll):
		}
	}
}
