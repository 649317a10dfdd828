package app_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	dbm "github.com/cosmos/cosmos-db"
	"github.com/google/go-cmp/cmp"

	"cosmossdk.io/core/header"
	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/server"
	"github.com/cosmos/cosmos-sdk/store/v2/rootmulti"
	"github.com/cosmos/cosmos-sdk/store/v2/snapshots"
	snapshottypes "github.com/cosmos/cosmos-sdk/store/v2/snapshots/types"
	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	govv1 "github.com/cosmos/cosmos-sdk/x/gov/types/v1"
	upgradetypes "github.com/cosmos/cosmos-sdk/x/upgrade/types"

	"agora/chain/app"
	"agora/chain/network"
	subnettypes "agora/chain/x/subnet/types"
	"agora/scenario"
)

const tao = network.TAO

// TestUpgradeToV2 is the rehearsal. testdata/state-v1 was written by the program before this version, at the last block
// before the upgrade that its validators had voted for. This program takes it over as a node does by state sync. The
// upgrade must leave every rule, place and rao as it was, but write the old ceiling on the registration price down for
// the subnets that relied on it.
func TestUpgradeToV2(t *testing.T) {
	a, state := takeOver(t, beforeV2)
	ctx := contextOf(a, state.Time)
	before := look(t, a, ctx)
	if before.version != 1 || before.plan != "v2" {
		t.Fatalf("version %d of x/subnet, plan %q: this is not the state before the upgrade", before.version, before.plan)
	}
	if want := map[uint32]int64{2: 5 * tao}; !maps.Equal(before.ceilings, want) {
		t.Fatalf("ceilings %v before, want %v", before.ceilings, want)
	}

	planned := header.Info{Height: state.Height + 1, Time: state.Time.Add(scenario.BlockTime), ChainID: scenario.ChainID}
	if _, err := a.Modules.PreBlock(ctx.WithBlockHeight(planned.Height).WithHeaderInfo(planned)); err != nil {
		t.Fatal(err)
	}
	after := look(t, a, ctx)
	upgraded(t, after)
	if diff := cmp.Diff(others(before.markets), others(after.markets)); diff != "" {
		t.Errorf("the upgrade changed more than the ceilings:\n%s", diff)
	}
	if diff := cmp.Diff(before.balances, after.balances); diff != "" {
		t.Errorf("the upgrade moved money:\n%s", diff)
	}
}

// TestTheChainGoesOnAfterTheUpgrade runs the planned block and a tempo after it.
func TestTheChainGoesOnAfterTheUpgrade(t *testing.T) {
	a, state := takeOver(t, beforeV2)
	before := look(t, a, contextOf(a, state.Time))
	last := contextOf(a, runBlocks(t, a, state, 25))
	after := look(t, a, last)
	upgraded(t, after)
	for i, s := range after.markets.Subnets[:2] { // the third has a longer tempo
		if s.Epoch <= before.markets.Subnets[i].Epoch {
			t.Errorf("no epoch of %s has run since the upgrade", s.Name)
		}
	}
	holds(t, a, last)
}

// upgraded fails unless the upgrade has run, and the ceilings and running calendars are written down.
func upgraded(t *testing.T, v view) {
	t.Helper()
	if v.version != subnettypes.TableVersion || v.plan != "" {
		t.Fatalf("version %d of x/subnet, plan %q: the upgrade did not run", v.version, v.plan)
	}
	if want := map[uint32]int64{1: 100 * tao, 2: 5 * tao, 3: 100 * tao}; !maps.Equal(v.ceilings, want) {
		t.Fatalf("ceilings %v, want %v", v.ceilings, want)
	}
	for _, s := range v.markets.Subnets {
		if s.RevealDelay != 1 || s.OpenWeights {
			t.Fatalf("the running tempo of %s has a reveal delay of %d, open weights %v", s.Name, s.RevealDelay, s.OpenWeights)
		}
	}
}

// TestTheUpgradeIsNotRunEarly holds a program that knows the upgrade to the planned block.
func TestTheUpgradeIsNotRunEarly(t *testing.T) {
	a, state := takeOver(t, beforeV2)
	early := header.Info{Height: state.Height, Time: state.Time, ChainID: scenario.ChainID}
	_, err := a.Modules.PreBlock(contextOf(a, state.Time).WithBlockHeight(early.Height).WithHeaderInfo(early))
	if err == nil || !strings.Contains(err.Error(), "BINARY UPDATED BEFORE TRIGGER") {
		t.Fatalf("a program that came too early was let run: %v", err)
	}
}

// TestAKnownPlanHaltsNoChain schedules, on a chain that began with this program, what this program contains: the keeper
// refuses it as done, a proposal for it fails with the reason, and blocks go on.
func TestAKnownPlanHaltsNoChain(t *testing.T) {
	w := market(t)
	for _, u := range app.Upgrades {
		err := w.App.Upgrade.ScheduleUpgrade(w.Ctx(), planAt(u.Name, w.Height+100))
		if err == nil || !strings.Contains(err.Error(), "has already been completed") {
			t.Errorf("%s: %v", u.Name, err)
		}
	}
	votePlan(t, w, app.Upgrades[0].Name, w.Height+1_000)
	do(t, w, "blocks 3")
	proposal, err := w.App.Gov.Proposals.Get(w.Ctx(), 1)
	if err != nil || proposal.Status != govv1.StatusFailed || !strings.Contains(proposal.FailedReason, "already contains the upgrade") {
		t.Fatalf("the proposal is %s: %s, %v", proposal.Status, proposal.FailedReason, err)
	}
	if plan, err := w.App.Upgrade.GetUpgradePlan(w.Ctx()); err == nil {
		t.Errorf("plan %q is scheduled", plan.Name)
	}
}

// TestSkippedUpgradesAreSkipped starts the program with --unsafe-skip-upgrades and lets the validators vote for an upgrade
// that it does not have: the planned block comes all the same.
func TestSkippedUpgradesAreSkipped(t *testing.T) {
	const planned = 100
	a, err := app.New(log.NewNopLogger(), dbm.NewMemDB(), true, settings{server.FlagUnsafeSkipUpgrades: []int{planned}},
		baseapp.SetChainID(scenario.ChainID))
	if err != nil {
		t.Fatal(err)
	}
	w := scenario.On(a)
	w.Unchecked = true
	do(t, w, threeValidators)
	passPlan(t, w, "unheard-of", planned)
	for w.Height <= planned {
		do(t, w, "blocks 1")
	}
	if plan, err := a.Upgrade.GetUpgradePlan(w.Ctx()); err == nil {
		t.Errorf("plan %q is still there", plan.Name)
	}
}

// before is a version that committed its state at the last block before the next upgrade.
type before struct {
	dir    string // in testdata
	plan   string // that the state waits for
	stores []string
}

var (
	beforeV2 = before{"state-v1", "v2", strings.Fields("acc bank staking distribution slashing evidence gov upgrade authz feegrant consensus emission subnet yuma pause")}
	beforeV3 = before{"state-v2", "v3", append(strings.Fields("gasprice"), beforeV2.stores...)}
	beforeV4 = before{"state-v3", "v4", append(strings.Fields("model"), beforeV3.stores...)}
)

// takeOver opens this program, with the plan of the upgrade that a version was stopped for, on the database that a node of it has after
// state sync.
func takeOver(t *testing.T, v before) (*app.App, kept) {
	t.Helper()
	dir := filepath.Join("testdata", v.dir)
	state, db := readKept(t, dir), dbm.NewMemDB()
	restoreStores(t, db, dir, v.stores, state)
	home := t.TempDir()
	info := fmt.Sprintf(`{"name":%q,"height":%d}`, v.plan, state.Height+1)
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

// restoreStores writes the snapshot into a database.
func restoreStores(t *testing.T, db dbm.DB, dir string, stores []string, state kept) {
	t.Helper()
	ms := rootmulti.NewStore(db, log.NewNopLogger())
	for _, name := range stores {
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
}

func restoreChunks(manager *snapshots.Manager, dir string, state kept) error {
	hash, err1 := hex.DecodeString(state.Hash)
	metadata, err2 := hex.DecodeString(state.Metadata)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	var meta snapshottypes.Metadata
	meta.ChunkHashes = [][]byte{metadata[2:]}
	snapshot := snapshottypes.Snapshot{Height: uint64(state.Height), Format: state.Format, Chunks: state.Chunks, Hash: hash, Metadata: meta}
	if err := manager.Restore(snapshot); err != nil {
		return err
	}
	for i := range state.Chunks {
		bz, err := os.ReadFile(chunkFile(dir, i))
		if err != nil {
			return err
		}
		if _, err := manager.RestoreChunk(bz); err != nil {
			return err
		}
	}
	return nil
}

// view is what the rehearsal compares.
type view struct {
	version  uint64 // of x/subnet
	plan     string
	ceilings map[uint32]int64 // stored values of max_burn, by netuid
	markets  *subnettypes.GenesisState
	balances map[string]string
}

// contextOf reads the state of the last block, whose time was now; what is written to it is lost.
func contextOf(a *app.App, now time.Time) sdk.Context {
	//lint:ignore SA1019 NewContext reads what was checked last, not what was committed
	ctx, _ := a.NewUncachedContext(true, cmtproto.Header{ChainID: scenario.ChainID, Height: a.LastBlockHeight(), Time: now}).CacheContext()
	return ctx
}

func look(t *testing.T, a *app.App, ctx sdk.Context) view {
	t.Helper()
	versions, err := a.Upgrade.GetModuleVersionMap(ctx)
	if err != nil {
		t.Fatal(err)
	}
	v := view{version: versions[subnettypes.ModuleName], ceilings: map[uint32]int64{}, balances: map[string]string{}}
	if plan, err := a.Upgrade.GetUpgradePlan(ctx); err == nil {
		v.plan = plan.Name
	}
	if v.markets, err = a.Subnet.ExportGenesis(ctx); err != nil {
		t.Fatal(err)
	}
	for _, value := range v.markets.Values {
		if value.Value.Name == subnettypes.MaxBurn {
			v.ceilings[value.Netuid] = value.Value.Value
		}
	}
	a.Bank.IterateAllBalances(ctx, func(address sdk.AccAddress, coin sdk.Coin) bool {
		v.balances[address.String()] = coin.String()
		return false
	})
	return v
}

// others is a state without what the upgrade moves into the bounds of today: the price of a seat, the lowest max_uids and the notice;
// without the values of max_burn and of parameters that are gone; and without what it begins to keep, which is the running
// tempos' calendars and how long voices keep their seats.
func others(g *subnettypes.GenesisState) subnettypes.GenesisState {
	c := *g
	c.Params.MinUids, c.Params.NoticeSeconds = 0, 0
	c.Subnets, c.Standings = slices.Clone(g.Subnets), slices.Clone(g.Standings)
	for i := range c.Subnets {
		c.Subnets[i].RevealDelay, c.Subnets[i].OpenWeights, c.Subnets[i].BurnPrice = 0, false, 0
	}
	for i := range c.Standings {
		c.Standings[i].KeptUntil = nil
	}
	gone := append([]string{subnettypes.MaxBurn}, subnettypes.GoneInV3...)
	c.Values = slices.DeleteFunc(slices.Clone(g.Values), func(v subnettypes.SubnetValue) bool { return slices.Contains(gone, v.Value.Name) })
	return c
}

// runBlocks makes n empty blocks after the state and returns the time of the last.
func runBlocks(t *testing.T, a *app.App, state kept, n int64) time.Time {
	t.Helper()
	now := state.Time
	for h := state.Height + 1; h <= state.Height+n; h++ {
		now = now.Add(scenario.BlockTime)
		hash := sha256.Sum256(fmt.Appendf(nil, "block %d", h))
		if _, err := a.FinalizeBlock(&abci.RequestFinalizeBlock{Height: h, Time: now, Hash: hash[:]}); err != nil {
			t.Fatalf("block %d: %v", h, err)
		}
		if _, err := a.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	return now
}

// holds checks the invariants of the market's modules.
func holds(t *testing.T, a *app.App, ctx sdk.Context) {
	t.Helper()
	if err := a.Emission.CheckLedger(ctx); err != nil {
		t.Error(err)
	}
	held := func(ctx sdk.Context) uint64 {
		return a.Bank.GetBalance(ctx, authtypes.NewModuleAddress(subnettypes.ModuleName), network.Denom).Amount.Uint64()
	}
	for _, i := range a.Subnet.Invariants(held) {
		if err := i.Check(ctx); err != nil {
			t.Errorf("%s: %v", i.Name, err)
		}
	}
}
