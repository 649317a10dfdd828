package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
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
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"
)

const (
	waitFlag     = "wait"
	verboseFlag  = "verbose"
	waitStandard = time.Minute
	waitPoll     = 250 * time.Millisecond
	sendTurns    = 6               // times that a transaction is signed for a sequence that others take too
	sendPause    = 2 * time.Second // until the block that has the other's
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
	verbose := cmd.Flags().BoolP(verboseFlag, "v", false, "print every event of the transaction")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := unsignedAlone(cmd); err != nil {
			return err
		}
		ctx, err := client.GetClientTxContext(cmd)
		if err != nil {
			return err
		}
		if asks && !ctx.SkipConfirm && !ctx.GenerateOnly && !ctx.Simulate && !ctx.IsAux && !interactive(cmd.InOrStdin()) {
			return usageError{fmt.Errorf("nobody can confirm, for the standard input is no terminal: give --yes")}
		}
		out := &reply{to: cmd.OutOrStdout(), codec: ctx.Codec, turns: sendTurns, brief: !*verbose && ctx.OutputFormat == flags.OutputFormatText}
		cmd.SetOut(out)
		if err := client.SetCmdClientContext(cmd, client.GetClientContextFromCmd(cmd).WithOutput(out)); err != nil {
			return err
		}
		if !asks || !ctx.SkipConfirm || ctx.Offline || cmd.Flags().Changed(flags.FlagSequence) {
			out.turns = 1
		}
		if err := out.send(cmd.Context(), func() error { return send(cmd, args) }); err != nil || out.got == nil {
			return boundUntil(ctx, cmd, args, err)
		}
		return boundUntil(ctx, cmd, args, out.conclude(ctx.WithOutput(out.to), *wait))
	}
}

// unsignedAlone lets --generate-only --offline work with nothing else: an unsigned transaction names no chain, account
// number or sequence.
func unsignedAlone(cmd *cobra.Command) error {
	f := cmd.Flags()
	offline, _ := f.GetBool(flags.FlagOffline)
	unsigned, _ := f.GetBool(flags.FlagGenerateOnly)
	if !offline || !unsigned {
		return nil
	}
	for _, name := range []string{flags.FlagAccountNumber, flags.FlagSequence} {
		if flag := f.Lookup(name); flag != nil && !flag.Changed {
			if err := f.Set(name, "0"); err != nil {
				return err
			}
		}
	}
	if chain := f.Lookup(flags.FlagChainID); chain != nil && chain.Changed {
		return nil
	}
	return client.SetCmdClientContext(cmd, client.GetClientContextFromCmd(cmd).WithChainID(""))
}

// boundUntil says of a redelegation that came too early when it is possible.
func boundUntil(ctx client.Context, cmd *cobra.Command, args []string, err error) error {
	if err == nil || cmd.Name() != "redelegate" || len(args) == 0 || !strings.Contains(err.Error(), stakingtypes.ErrTransitiveRedelegation.Error()) {
		return err
	}
	reply, failure := stakingtypes.NewQueryClient(ctx).Redelegations(ctx.GetCmdContextWithFallback(),
		&stakingtypes.QueryRedelegationsRequest{DelegatorAddr: ctx.GetFromAddress().String()})
	if failure != nil {
		return err // what is known is better than why the rest is not
	}
	var until time.Time
	for _, r := range reply.RedelegationResponses {
		for _, e := range r.Entries {
			if r.Redelegation.ValidatorDstAddress == args[0] && e.RedelegationEntry.CompletionTime.After(until) {
				until = e.RedelegationEntry.CompletionTime
			}
		}
	}
	return fmt.Errorf("%s: what was moved to %s can be moved on from %s (%w)", "too early", args[0], until.Format(time.RFC3339), err)
}

// reply passes on what a command prints, but keeps the answer of the node that took its transaction.
type reply struct {
	to    io.Writer
	codec codec.Codec
	brief bool // three lines instead of the whole document
	got   *sdk.TxResponse
	turns int // how often it is sent at most
}

// send signs and sends until no other program has sent with the same key in between, as a validator does that takes a voice: one is
// refused then, and nothing has happened.
func (r *reply) send(ctx context.Context, run func() error) error {
	for turn := 1; ; turn++ {
		r.got = nil
		err := run()
		if turn >= r.turns || !overtaken(err, r.got) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(sendPause):
		}
	}
}

// overtaken tells whether a transaction was refused for its sequence, when it was tried or when a node looked at it.
func overtaken(err error, got *sdk.TxResponse) bool {
	taken := sdkerrors.ErrWrongSequence
	if err != nil {
		return strings.Contains(err.Error(), taken.Error())
	}
	return got != nil && got.Codespace == taken.Codespace() && got.Code == taken.ABCICode()
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
	if again(r.got) {
		return r.sentAgain(ctx)
	}
	if r.got.Code == 0 && wait > 0 {
		done, err := included(ctx, r.got.TxHash, wait)
		if err != nil {
			return err
		}
		r.got = done
	}
	return r.tell(ctx)
}

// tell prints a transaction as it stands, and is an error if it was refused.
func (r *reply) tell(ctx client.Context) error {
	r.got.Tx = nil // what was sent is known
	refused := r.got.Code != 0
	switch {
	case !r.brief:
		if err := ctx.PrintProto(r.got); err != nil {
			return err
		}
	case !refused:
		if err := outcome(r.to, r.got); err != nil {
			return err
		}
	}
	if refused {
		return fmt.Errorf("transaction %s was refused: %s (%s, code %d)", r.got.TxHash, reason(r.got), r.got.Codespace, r.got.Code)
	}
	return nil
}

// again tells whether a node has this very transaction already.
func again(r *sdk.TxResponse) bool {
	known := sdkerrors.ErrTxInMempoolCache
	return r.Codespace == known.Codespace() && r.Code == known.ABCICode()
}

// sentAgain says what became of a transaction that was sent before. Whoever reads "refused" signs a new one and pays twice.
func (r *reply) sentAgain(ctx client.Context) error {
	hash := r.got.TxHash
	done, err := authtx.QueryTx(ctx, hash)
	if err != nil {
		_, err := fmt.Fprintf(r.to, "transaction %s\nwas sent before and waits for a block; do not sign another\nask with `agora query tx %s`\n", hash, hash)
		return err
	}
	r.got = done
	return r.tell(ctx)
}

// reason is the chain's own, or where a node turned the transaction away before the chain saw it, the code's.
func reason(r *sdk.TxResponse) string {
	if r.RawLog != "" {
		return plain(r.RawLog)
	}
	for _, known := range []*errorsmod.Error{sdkerrors.ErrMempoolIsFull, sdkerrors.ErrTxTooLarge} {
		if known.Codespace() == r.Codespace && known.ABCICode() == r.Code {
			return known.Error()
		}
	}
	return "the node gives no reason"
}

// included waits until the transaction is in a block.
func included(ctx client.Context, hash string, wait time.Duration) (*sdk.TxResponse, error) {
	began := time.Now()
	until, cancel := context.WithTimeout(ctx.GetCmdContextWithFallback(), wait)
	defer cancel()
	for {
		done, err := authtx.QueryTx(ctx, hash)
		if err == nil {
			return done, nil
		}
		select {
		case <-until.Done():
			return nil, fmt.Errorf("transaction %s is in no block after %s and may still come, so do not sign another: ask with `agora query tx %s` (%w)",
				hash, time.Since(began).Round(time.Second), hash, errors.New(plain(err.Error())))
		case <-time.After(waitPoll):
		}
	}
}
