package app_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cosmossdk.io/core/header"

	modeltypes "agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/scenario"
)

// TestUpgradeToOpenModels is the rehearsal of v3: testdata/state-v2 was written by the program before models were listed, at
// the last block before an upgrade of that name. Every subnet stays closed under its own rules, nobody's money moves, running
// tempos go on, and blocks after it hold every invariant.
func TestUpgradeToOpenModels(t *testing.T) {
	a, state := takeOver(t, beforeV3)
	ctx := contextOf(a, state.Time)
	before := look(t, a, ctx)
	if before.version >= subnettypes.TableVersion || before.plan != "v3" {
		t.Fatalf("version %d of x/subnet, plan %q: this is not the state before the upgrade", before.version, before.plan)
	}
	at := header.Info{Height: state.Height + 1, Time: state.Time.Add(scenario.BlockTime), ChainID: scenario.ChainID}
	if _, err := a.Modules.PreBlock(ctx.WithBlockHeight(at.Height).WithHeaderInfo(at)); err != nil {
		t.Fatal(err)
	}
	after := look(t, a, ctx)
	if after.version != subnettypes.TableVersion || after.markets.Params.NoticeSeconds != subnettypes.DefaultParams().NoticeSeconds {
		t.Errorf("version %d, a notice of %d seconds", after.version, after.markets.Params.NoticeSeconds)
	}
	if diff := cmp.Diff(before.balances, after.balances); diff != "" {
		t.Errorf("the upgrade moved money:\n%s", diff)
	}
	for _, s := range after.markets.Subnets {
		now := func(name string) int64 { return a.Subnet.Value(ctx, s.Netuid, name) }
		if now(subnettypes.Openness) != 0 || now(subnettypes.AuthorShare) != 0 {
			t.Errorf("%s is open: %d, with a share of %d", s.Name, now(subnettypes.Openness), now(subnettypes.AuthorShare))
		}
		if snapshot, err := a.Yuma.Snapshot(ctx, s.Netuid); s.Started && (err != nil || snapshot.Validate() != nil) {
			t.Errorf("%s: the running tempo's snapshot: %v, %v", s.Name, err, snapshot.Validate())
		}
	}
	g, err := a.Model.ExportGenesis(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(modeltypes.DefaultGenesis(), g); diff != "" {
		t.Errorf("after the upgrade:\n%s", diff)
	}

	b, state := takeOver(t, beforeV3)
	if err := b.CheckInvariants(contextOf(b, runBlocks(t, b, state, 25))); err != nil {
		t.Error(err)
	}
}
