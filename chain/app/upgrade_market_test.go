package app_test

import (
	"testing"

	"cosmossdk.io/core/header"

	"github.com/google/go-cmp/cmp"

	markettypes "agora/chain/x/market/types"
	"agora/scenario"
)

// TestUpgradeToPaymentChannels is the rehearsal of v4, and of v3 with it: testdata/state-v3 was written by the program before payment
// channels and state-v2 by the one before models were listed, each at the last block before an upgrade named after it. This program takes
// them over. Everybody keeps every rao, there is no channel, running tempos have every parameter of the table, and blocks go on.
func TestUpgradeToPaymentChannels(t *testing.T) {
	for _, from := range []before{beforeV3, beforeV4} {
		t.Run(from.plan, func(t *testing.T) { bringsChannels(t, from) })
	}
}

func bringsChannels(t *testing.T, from before) {
	a, state := takeOver(t, from)
	ctx := contextOf(a, state.Time)
	earlier := look(t, a, ctx)
	if earlier.plan != from.plan {
		t.Fatalf("plan %q: this is not the state before the upgrade", earlier.plan)
	}
	planned := header.Info{Height: state.Height + 1, Time: state.Time.Add(scenario.BlockTime), ChainID: scenario.ChainID}
	if _, err := a.Modules.PreBlock(ctx.WithBlockHeight(planned.Height).WithHeaderInfo(planned)); err != nil {
		t.Fatal(err)
	}
	after := look(t, a, ctx)
	if diff := cmp.Diff(earlier.balances, after.balances); diff != "" {
		t.Errorf("the upgrade moved money:\n%s", diff)
	}
	for _, s := range after.markets.Subnets {
		if snapshot, err := a.Yuma.Snapshot(ctx, s.Netuid); s.Started && (err != nil || snapshot.Validate() != nil) {
			t.Errorf("%s: the running tempo's snapshot: %v, %v", s.Name, err, snapshot.Validate())
		}
	}
	g, err := a.Market.ExportGenesis(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(markettypes.DefaultGenesis(), g); diff != "" {
		t.Errorf("after the upgrade:\n%s", diff)
	}

	b, state := takeOver(t, from)
	last := contextOf(b, runBlocks(t, b, state, 25))
	if err := b.CheckInvariants(last); err != nil {
		t.Error(err)
	}
}
