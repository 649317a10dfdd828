package app_test

import (
	"testing"

	sdk "github.com/cosmos/cosmos-sdk/types"

	subnettypes "agora/chain/x/subnet/types"
	"agora/scenario"
)

// TestRefusalsHaveTheirCodes refuses a transaction before its signature is checked and one in its message: both tell by a
// number why.
func TestRefusalsHaveTheirCodes(t *testing.T) {
	w := market(t)
	do(t, w, "silent val1")
	for want, raw := range map[uint32][]byte{
		subnettypes.ErrNoSlot.ABCICode(): signed(t, w, "hot:val1", 200_000, 0, hotCommit("val1", 0), hotCommit("val1", 0), hotCommit("val1", 0)),
		subnettypes.ErrNoSubnet.ABCICode(): signed(t, w, "bob", scenario.Gas, scenario.Fee, sdk.Msg(&subnettypes.MsgStartSubnet{
			Owner: scenario.Account("bob").String(), Netuid: 9,
		})),
	} {
		results, err := w.Block(raw)
		if err != nil {
			t.Fatal(err)
		}
		if r := results[0]; r.Code != want || r.Codespace != subnettypes.ModuleName {
			t.Errorf("code %d of %s, want %d: %s", r.Code, r.Codespace, want, r.Log)
		}
	}
}
