package app_test

import (
	"strings"
	"testing"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/x/authz"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"agora/chain/network"
	"agora/scenario"
)

// TestAPauseHoldsInsideOtherMessages pauses sends and tries one inside authz, and one inside authz inside authz.
func TestAPauseHoldsInsideOtherMessages(t *testing.T) {
	w := market(t)
	send := banktypes.NewMsgSend(scenario.Account("bob"), scenario.Account("mallory"), network.Coins(1))
	expiry := w.Now.Add(30 * 24 * time.Hour)
	grant, err := authz.NewMsgGrant(scenario.Account("bob"), scenario.Account("mallory"),
		authz.NewGenericAuthorization(sdk.MsgTypeURL(send)), &expiry)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Deliver(scenario.Cold("bob"), scenario.Gas, scenario.Fee, grant); err != nil {
		t.Fatal(err)
	}
	once := authz.NewMsgExec(scenario.Account("mallory"), []sdk.Msg{send})
	twice := authz.NewMsgExec(scenario.Account("mallory"), []sdk.Msg{&once})
	if err := w.Deliver(scenario.Cold("mallory"), scenario.Gas, scenario.Fee, &once); err != nil {
		t.Fatalf("before the pause: %v", err)
	}
	do(t, w, "val1 pauses /cosmos.bank.v1beta1.MsgSend for=1h\nval2 seconds 1")
	for name, msg := range map[string]sdk.Msg{"plain": send, "once": &once, "twice": &twice} {
		who := "mallory"
		if name == "plain" {
			who = "bob"
		}
		err := w.Deliver(scenario.Cold(who), scenario.Gas, scenario.Fee, msg)
		if err == nil || !strings.Contains(err.Error(), "circuit breaker") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
