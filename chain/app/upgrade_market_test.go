package app_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	dbm "github.com/cosmos/cosmos-db"

	"cosmossdk.io/core/header"
	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/store/v2/rootmulti"
	"github.com/cosmos/cosmos-sdk/store/v2/snapshots"
	snapshottypes "github.com/cosmos/cosmos-sdk/store/v2/snapshots/types"
	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	upgradetypes "github.com/cosmos/cosmos-sdk/x/upgrade/types"
	"github.com/google/go-cmp/cmp"

	"agora/chain/app"
	markettypes "agora/chain/x/market/types"
	"agora/scenario"
)

// TestUpgradeToPaymentChannels is the rehearsal of what v3 and v4 bring: testdata/state-v2 was written by the program before
// both, at the last block before an upgrade named v3. This program takes it over, and brings payment channels with it. Everybody keeps every rao, there is no channel, and blocks go on.
func TestUpgradeToPaymentChannels(t *testing.T) {
	a, state := fromV2(t)
	ctx := contextOf(a, state.Time)
	before := look(t, a, ctx)
	if before.plan != "v3" {
		t.Fatalf("plan %q: this is not the state before the upgrade", before.plan)
	}
	planned := header.Info{Height: state.Height + 1, Time: state.Time.Add(scenario.BlockTime), ChainID: scenario.ChainID}
	if _, err := a.Modules.PreBlock(ctx.WithBlockHeight(planned.Height).WithHeaderInfo(planned)); err != nil {
		t.Fatal(err)
	}
	after := look(t, a, ctx)
	if diff := cmp.Diff(before.balances, after.balances); diff != "" {
		t.Errorf("the upgrade moved money:\n%s", diff)
	}
	g, err := a.Market.ExportGenesis(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(markettypes.DefaultGenesis(), g); diff != "" {
		t.Errorf("after the upgrade:\n%s", diff)
	}

	b, state := fromV2(t)
	last := contextOf(b, runBlocks(t, b, state, 25))
	if err := b.CheckInvariants(last); err != nil {
		t.Error(err)
	}
}

// fromV2 opens this program, with the plan of v3, on the database that a node of the version before has after state sync.
func fromV2(t *testing.T) (*app.App, kept) {
	t.Helper()
	dir := filepath.Join("testdata", "state-v2")
	state, db := readKept(t, dir), dbm.NewMemDB()
	ms := rootmulti.NewStore(db, log.NewNopLogger())
	for _, name := range append(strings.Fields("gasprice"), storesV1...) {
		ms.MountStoreWithDB(storetypes.NewKVStoreKey(name), storetypes.StoreTypeIAVL, nil)
	}
	if err := ms.LoadLatestVersion(); err != nil {
		t.Fatal(err)
	}
	store, err := snapshots.NewStore(dbm.NewMemDB(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	manager := snapshots.NewManager(store, snapshottypes.SnapshotOptions{}, ms, nil, log.NewNopLogger())
	if err := restoreChunks(manager, dir, state); err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(ms.LastCommitID().Hash); got != state.AppHash {
		t.Fatalf("restored state %s, want %s", got, state.AppHash)
	}
	home := t.TempDir()
	info := fmt.Sprintf(`{"name":"v3","height":%d}`, state.Height+1)
	if err := os.MkdirAll(filepath.Join(home, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "data", upgradetypes.UpgradeInfoFilename), []byte(info), 0o644); err != nil {
		t.Fatal(err)
	}
	a, err := app.New(log.NewNopLogger(), db, true, settings{"home": home}, baseapp.SetChainID(scenario.ChainID))
	if err != nil {
		t.Fatal(err)
	}
	return a, state
}
