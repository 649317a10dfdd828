package main

import (
	"strings"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"

	sdk "github.com/cosmos/cosmos-sdk/types"
)

func event(kind string, pairs ...string) abci.Event {
	e := abci.Event{Type: kind}
	for i := 0; i < len(pairs); i += 2 {
		e.Attributes = append(e.Attributes, abci.EventAttribute{Key: pairs[i], Value: pairs[i+1]})
	}
	return e
}

func TestASuccessIsThreeLines(t *testing.T) {
	r := &sdk.TxResponse{TxHash: "AB", Height: 7, Events: []abci.Event{
		event("coin_spent", "spender", "agora1a", "amount", "100rao"),
		event("tx", "fee", "100rao", "fee_payer", "agora1a"),
		event("message", "action", "/cosmos.staking.v1beta1.MsgBeginRedelegate"),
		event("coin_received", "receiver", "agora1a", "amount", "30rao"),
		event("coin_spent", "spender", "agora1b", "amount", "5rao"),
		event("redelegate", "completion_time", "2026-12-02T00:00:00Z"),
	}}
	var out strings.Builder
	if err := outcome(&out, r); err != nil {
		t.Fatal(err)
	}
	want := "transaction AB\nin block 7, fee 100rao\n" +
		"done: BeginRedelegate; agora1a got 30 rao; it cannot be moved on from there before 2026-12-02T00:00:00Z\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
