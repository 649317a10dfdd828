package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	rpchttp "github.com/cometbft/cometbft/rpc/client/http"
	coretypes "github.com/cometbft/cometbft/rpc/core/types"
	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/spf13/pflag"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
	sdk "github.com/cosmos/cosmos-sdk/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/network"
)

// answerWithin is how long a node may take for one answer: one that takes the connection and says nothing is no node.
const answerWithin = 10 * time.Second

// caller asks a node within a bound, and looks at a transaction before it goes out.
type caller struct {
	*rpchttp.HTTP
	ctx client.Context
}

// checkNode refuses an address of --node that the SDK would stumble over.
func checkNode(set *pflag.FlagSet) error {
	f := set.Lookup(flags.FlagNode)
	if f == nil || !f.Changed {
		return nil
	}
	return checkAddress(f.Value.String())
}

func checkAddress(node string) error {
	if at, err := url.Parse(node); err != nil || at.Scheme == "" || at.Host == "" {
		return usageError{fmt.Errorf("--node %q: write http:// before it, as in http://127.0.0.1:26657", node)}
	}
	return nil
}

// reach gives ctx a client of the node that --node or the configuration names.
func reach(ctx client.Context, set *pflag.FlagSet) (client.Context, error) {
	address := ctx.NodeURI
	if f := set.Lookup(flags.FlagNode); f != nil && f.Changed {
		address = f.Value.String()
		f.Changed = false // it is heard here; the SDK would make a client without bounds of it
	}
	if address == "" {
		return ctx, nil
	}
	h, err := rpchttp.NewWithTimeout(address, "/websocket", uint(answerWithin/time.Second))
	if err != nil {
		return ctx, usageError{fmt.Errorf("--node %q: %w", address, err)}
	}
	ctx = ctx.WithNodeURI(address)
	return ctx.WithClient(&caller{h, ctx.WithClient(h)}), nil
}

// BroadcastTxSync sends a transaction unless it is sure to fail for its fee, which would be lost.
func (c *caller) BroadcastTxSync(ctx context.Context, bytes cmttypes.Tx) (*coretypes.ResultBroadcastTx, error) {
	if err := c.leavesFee(ctx, bytes); err != nil {
		return nil, err
	}
	return c.HTTP.BroadcastTxSync(ctx, bytes)
}

// leavesFee refuses to send away what the fee needs: the fee is taken first, then the message would fail without it.
func (c *caller) leavesFee(ctx context.Context, bytes []byte) error {
	decoded, err := c.ctx.TxConfig.TxDecoder()(bytes)
	if err != nil {
		return nil // the node says what is wrong with it
	}
	tx, ok := decoded.(sdk.FeeTx)
	if !ok || len(tx.FeeGranter()) > 0 {
		return nil
	}
	payer := sdk.AccAddress(tx.FeePayer()).String()
	fee, spent := tx.GetFee().AmountOf(network.Denom), spending(decoded.GetMsgs(), payer)
	if spent.IsZero() {
		return nil
	}
	reply, err := banktypes.NewQueryClient(c.ctx).SpendableBalanceByDenom(ctx, &banktypes.QuerySpendableBalanceByDenomRequest{Address: payer, Denom: network.Denom})
	if err != nil || reply.Balance == nil {
		return err
	}
	has := reply.Balance.Amount
	if spent.Add(fee).LTE(has) {
		return nil
	}
	return fmt.Errorf("%s has %s rao: leave %s rao of it for the fee, so at most %s rao can go (nothing was sent)",
		payer, has, fee, math.MaxInt(has.Sub(fee), math.ZeroInt()))
}

// spending is what messages take from an account's balance, as far as they say it.
func spending(msgs []sdk.Msg, from string) math.Int {
	sum := math.ZeroInt()
	for _, msg := range msgs {
		switch m := msg.(type) {
		case *banktypes.MsgSend:
			if m.FromAddress == from {
				sum = sum.Add(m.Amount.AmountOf(network.Denom))
			}
		case *stakingtypes.MsgDelegate:
			if m.DelegatorAddress == from && m.Amount.Denom == network.Denom {
				sum = sum.Add(m.Amount.Amount)
			}
		}
	}
	return sum
}

// errNoNode is what a listener gives that is no node's RPC.
var errNoNode = errors.New("no node's RPC answers there (its REST and gRPC ports are others): name it with --node or in HOME/config/client.toml")
