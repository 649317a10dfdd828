package main

import (
	"fmt"
	"io"
	"strings"

	abci "github.com/cometbft/cometbft/abci/types"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/network"
)

// outcome is what a person wants to know of a transaction: three lines.
func outcome(w io.Writer, r *sdk.TxResponse) error {
	if r.Height == 0 {
		_, err := fmt.Fprintf(w, "transaction %s\nis in no block yet\nask with `agora query tx %s`\n", r.TxHash, r.TxHash)
		return err
	}
	fee := attribute(r.Events, "tx", sdk.AttributeKeyFee)
	if fee == "" {
		fee = "none"
	}
	_, err := fmt.Fprintf(w, "transaction %s\nin block %d, fee %s\n%s\n", r.TxHash, r.Height, fee, changes(r.Events))
	return err
}

// changes says which messages ran, what the payer of the fee spent or got by them, and until when stake is bound.
func changes(events []abci.Event) string {
	var did []string
	for _, e := range events {
		if name := valueOf(e, sdk.AttributeKeyAction); e.Type == sdk.EventTypeMessage && strings.HasPrefix(name, "/") {
			did = append(did, strings.TrimPrefix(name[strings.LastIndexByte(name, '.')+1:], "Msg"))
		}
	}
	text := "done: " + strings.Join(did, ", ")
	if payer := attribute(events, "tx", sdk.AttributeKeyFeePayer); payer != "" {
		switch net := balanceChange(events, payer); {
		case net.IsNegative():
			text += fmt.Sprintf("; %s paid %s rao", payer, net.Neg())
		case net.IsPositive():
			text += fmt.Sprintf("; %s got %s rao", payer, net)
		}
	}
	if until := attribute(events, stakingtypes.EventTypeRedelegate, stakingtypes.AttributeKeyCompletionTime); until != "" {
		text += "; it cannot be moved on from there before " + until
	}
	if until := attribute(events, stakingtypes.EventTypeUnbond, stakingtypes.AttributeKeyCompletionTime); until != "" {
		text += "; it is back at " + until
	}
	return text
}

// balanceChange is what an account got less what it spent, the fee aside, in rao.
func balanceChange(events []abci.Event, account string) math.Int {
	net := math.ZeroInt()
	for _, e := range events {
		amount, err := sdk.ParseCoinsNormalized(valueOf(e, sdk.AttributeKeyAmount))
		if err != nil {
			continue // an event of another kind
		}
		switch {
		case e.Type == "coin_received" && valueOf(e, "receiver") == account:
			net = net.Add(amount.AmountOf(network.Denom))
		case e.Type == "coin_spent" && valueOf(e, "spender") == account:
			net = net.Sub(amount.AmountOf(network.Denom))
		case e.Type == "tx" && valueOf(e, sdk.AttributeKeyFee) != "":
			if fee, err := sdk.ParseCoinsNormalized(valueOf(e, sdk.AttributeKeyFee)); err == nil {
				net = net.Add(fee.AmountOf(network.Denom))
			}
		}
	}
	return net
}

// attribute is a value of the last event of a type that has it; empty where none has.
func attribute(events []abci.Event, kind, key string) string {
	last := ""
	for _, e := range events {
		if v := valueOf(e, key); e.Type == kind && v != "" {
			last = v
		}
	}
	return last
}

func valueOf(e abci.Event, key string) string {
	for _, a := range e.Attributes {
		if a.Key == key {
			return a.Value
		}
	}
	return ""
}
