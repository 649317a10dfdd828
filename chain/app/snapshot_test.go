package app_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	dbm "github.com/cosmos/cosmos-db"

	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/store/v2/snapshots"
	snapshottypes "github.com/cosmos/cosmos-sdk/store/v2/snapshots/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types"
	govv1 "github.com/cosmos/cosmos-sdk/x/gov/types/v1"
	upgradetypes "github.com/cosmos/cosmos-sdk/x/upgrade/types"

	"agora/chain/app"
	"agora/chain/network"
	"agora/scenario"
)

var keep = flag.String("keep-state", "", "keep today's state in this folder, for the rehearsal of the next upgrade")

// today is a chain with something of everything that an upgrade may touch: three markets, of which one has a ceiling of
// its own on the registration price, weights committed and revealed, epochs paid, nominators, and a pause.
const today = `
	stake    val1 1000  val2 900  val3 800
	funds    bob 1000  carol 1000  nominator 500
	subnet   text tempo=20 owner=olga miners a b
	subnet   code tempo=20 owner=olga max_burn=5000000000 miners c d
	subnet   song tempo=50 owner=oscar min_burn=1000000 miners e f
	in       text
	weights  val1 a=0.7 b=0.3 | val2 a=0.7 b=0.3 | val3 a=0.6 b=0.4
	in       code
	weights  val1 c=0.2 d=0.8 | val2 c=0.2 d=0.8 | val3 d=1
	nominator delegates val1 400
	in       text
	bob      registers key=bob
	carol    registers key=carol
	epoch    4
	val1     allots text=0.6 code=0.4
	until    commit
	olga     sets immunity=6000
	epoch
`

// settings answers the application's look-ups.
type settings map[string]any

// Get implements servertypes.AppOptions.
func (s settings) Get(key string) any { return s[key] }

// withSnapshots opens an application that can give its state away and take another's, as nodes do by state sync.
func withSnapshots(t *testing.T) *app.App {
	t.Helper()
	store, err := snapshots.NewStore(dbm.NewMemDB(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.New(log.NewNopLogger(), dbm.NewMemDB(), true, settings{"home": t.TempDir()},
		baseapp.SetChainID(scenario.ChainID), baseapp.SetSnapshot(store, snapshottypes.SnapshotOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// kept is a state on disk: state.json with this, and the snapshot's chunks beside it.
type kept struct {
	Height   int64     `json:"height"`
	Time     time.Time `json:"time"`
	Format   uint32    `json:"format"`
	Chunks   uint32    `json:"chunks"`
	Hash     string    `json:"hash"`     // hex, of the snapshot
	Metadata string    `json:"metadata"` // hex
	AppHash  string    `json:"app_hash"` // hex
}

func chunkFile(dir string, i uint32) string { return filepath.Join(dir, fmt.Sprintf("chunk%d", i)) }

// TestTodaysStateWaitsForTheNextUpgrade lets this program's state vote for an upgrade that this program does not know:
// it stops at the planned block, and its snapshot is what the next program starts from. With -keep-state DIR it is kept.
func TestTodaysStateWaitsForTheNextUpgrade(t *testing.T) {
	w := scenario.On(withSnapshots(t))
	do(t, w, today)
	plan := fmt.Sprintf("v%d", len(app.Upgrades)+2)
	passPlan(t, w, plan, w.Height+40)
	for {
		_, err := w.Step()
		if err == nil {
			continue
		}
		if !strings.Contains(err.Error(), fmt.Sprintf("UPGRADE %q NEEDED", plan)) {
			t.Fatal(err)
		}
		break
	}
	dir := *keep
	if dir == "" {
		dir = t.TempDir()
	}
	if err := keepState(w, dir); err != nil {
		t.Fatal(err)
	}
	b, state := restoreState(t, dir)
	if got := hex.EncodeToString(b.LastCommitID().Hash); got != state.AppHash {
		t.Fatalf("restored state %s, want %s", got, state.AppHash)
	}
}

// passPlan lets the validators pass a plan to upgrade at height.
func passPlan(t *testing.T, w *scenario.World, name string, height int64) {
	t.Helper()
	votePlan(t, w, name, height)
	if plan, err := w.App.Upgrade.GetUpgradePlan(w.Ctx()); err != nil || plan.Name != name {
		t.Fatalf("plan %q, %v: the proposal did not pass", plan.Name, err)
	}
}

// votePlan lets the validators vote for a plan.
func votePlan(t *testing.T, w *scenario.World, name string, height int64) {
	t.Helper()
	msg := &upgradetypes.MsgSoftwareUpgrade{
		Authority: authtypes.NewModuleAddress(govtypes.ModuleName).String(), Plan: planAt(name, height),
	}
	propose, err := govv1.NewMsgSubmitProposal([]sdk.Msg{msg}, network.Coins(100*network.TAO), scenario.Account("val1").String(), "", name, "an upgrade", false)
	if err != nil {
		t.Fatal(err)
	}
	deliverAs(t, w, "val1", propose)
	for _, voter := range []string{"val1", "val2", "val3"} {
		deliverAs(t, w, voter, govv1.NewMsgVote(scenario.Account(voter), 1, govv1.OptionYes, ""))
	}
	do(t, w, "wait 61s")
}

func planAt(name string, height int64) upgradetypes.Plan {
	return upgradetypes.Plan{Name: name, Height: height}
}

func deliverAs(t *testing.T, w *scenario.World, who string, msg sdk.Msg) {
	t.Helper()
	if err := w.Deliver(scenario.Cold(who), scenario.Gas, scenario.Fee, msg); err != nil {
		t.Fatal(err)
	}
}

// keepState writes the state of the world's last block into dir.
func keepState(w *scenario.World, dir string) error {
	snapshot, err := w.App.SnapshotManager().Create(uint64(w.Height))
	if err != nil {
		return err
	}
	offered, err := snapshot.ToABCI()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i := range snapshot.Chunks {
		bz, err := w.App.SnapshotManager().LoadChunk(snapshot.Height, snapshot.Format, i)
		if err != nil {
			return err
		}
		if err := os.WriteFile(chunkFile(dir, i), bz, 0o644); err != nil {
			return err
		}
	}
	bz, err := json.MarshalIndent(kept{
		Height: w.Height, Time: w.Now, Format: snapshot.Format, Chunks: snapshot.Chunks, Hash: hex.EncodeToString(snapshot.Hash),
		Metadata: hex.EncodeToString(offered.Metadata), AppHash: hex.EncodeToString(w.Hashes[len(w.Hashes)-1]),
	}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "state.json"), append(bz, '\n'), 0o644)
}

// restoreState opens this program on the state in dir, by the messages of state sync.
func restoreState(t *testing.T, dir string) (*app.App, kept) {
	t.Helper()
	a, state := withSnapshots(t), readKept(t, dir)
	if err := offerSnapshot(a, dir, state); err != nil {
		t.Fatal(err)
	}
	return a, state
}

func readKept(t *testing.T, dir string) (state kept) {
	t.Helper()
	bz, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err == nil {
		err = json.Unmarshal(bz, &state)
	}
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func offerSnapshot(a *app.App, dir string, state kept) error {
	hash, err1 := hex.DecodeString(state.Hash)
	metadata, err2 := hex.DecodeString(state.Metadata)
	appHash, err3 := hex.DecodeString(state.AppHash)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	snapshot := &abci.Snapshot{Height: uint64(state.Height), Format: state.Format, Chunks: state.Chunks, Hash: hash, Metadata: metadata}
	res, err := a.OfferSnapshot(&abci.RequestOfferSnapshot{Snapshot: snapshot, AppHash: appHash})
	if err != nil || res.Result != abci.ResponseOfferSnapshot_ACCEPT {
		return fmt.Errorf("the snapshot was not accepted: %v, %w", res, err)
	}
	for i := range state.Chunks {
		bz, err := os.ReadFile(chunkFile(dir, i))
		if err != nil {
			return err
		}
		res, err := a.ApplySnapshotChunk(&abci.RequestApplySnapshotChunk{Index: i, Chunk: bz})
		if err != nil || res.Result != abci.ResponseApplySnapshotChunk_ACCEPT {
			return fmt.Errorf("chunk %d was not accepted: %v, %w", i, res, err)
		}
	}
	return nil
}
