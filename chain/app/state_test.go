package app_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/google/go-cmp/cmp"

	"agora/chain/app"
	"agora/scenario"
)

// lives are stories that together touch every module.
var lives = []string{
	"a-creators-story", "a-jailed-validator", "a-nominators-story", "a-voters-story", "closing-a-market", "deferred-epochs",
	"eviction", "pruning", "quorum-and-carry-over", "selling-a-miner", "signing-twice", "steering-emission",
}

// live returns the world after a story of that name.
func live(t *testing.T, name string) *scenario.World {
	t.Helper()
	text, err := os.ReadFile("../../scenario/testdata/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	return tell(t, string(text))
}

// fresh returns an application that has not begun.
func fresh(t *testing.T) *app.App {
	t.Helper()
	a, err := scenario.Open()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestReplayFromGenesisGivesTheSameState(t *testing.T) {
	for _, name := range lives {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := live(t, name).Replay(fresh(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTheNumberOfProcessorsDoesNotMatter(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	w := live(t, "a-jailed-validator")
	runtime.GOMAXPROCS(2)
	if err := w.Replay(fresh(t)); err != nil {
		t.Error(err)
	}
}

// TestExportedStateContinuesTheChain exports a state, begins a second chain from it, plays the same blocks on both, and
// finds the same state.
func TestExportedStateContinuesTheChain(t *testing.T) {
	for _, name := range lives {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := live(t, name)
			twin := imported(t, w)
			if diff := difference(t, w.App, twin); diff != "" {
				t.Fatalf("after the import:\n%s", diff)
			}
			for range 25 {
				if _, err := w.Step(); err != nil {
					t.Fatal(err)
				}
				play(t, twin, w.Blocks[len(w.Blocks)-1])
			}
			if diff := difference(t, w.App, twin); diff != "" {
				t.Errorf("25 blocks after the import:\n%s", diff)
			}
		})
	}
}

// imported begins a chain from the export of w, with its next block.
func imported(t *testing.T, w *scenario.World) *app.App {
	t.Helper()
	exported, err := w.App.Export(nil)
	if err != nil {
		t.Fatal(err)
	}
	a := fresh(t)
	res, err := a.InitChain(&abci.RequestInitChain{
		Time: w.Now, ChainId: scenario.ChainID, ConsensusParams: params(exported.ConsensusParams),
		InitialHeight: exported.Height, AppStateBytes: exported.AppState,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Validators) != len(exported.Validators) {
		t.Errorf("%d validators begin, %d were exported", len(res.Validators), len(exported.Validators))
	}
	if _, err := w.Step(); err != nil {
		t.Fatal(err)
	}
	play(t, a, w.Blocks[len(w.Blocks)-1])
	return a
}

func params(p cmtproto.ConsensusParams) *cmtproto.ConsensusParams { return &p }

func play(t *testing.T, a *app.App, req *abci.RequestFinalizeBlock) {
	t.Helper()
	if _, err := a.FinalizeBlock(req); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Commit(); err != nil {
		t.Fatal(err)
	}
}

// difference compares the exports of two applications, module by module.
func difference(t *testing.T, a, b *app.App) string {
	t.Helper()
	left, right := state(t, a), state(t, b)
	for _, module := range strings.Fields("auth bank staking distribution slashing gov authz feegrant evidence emission subnet yuma pause") {
		if left[module] == nil || right[module] == nil {
			t.Errorf("%s is not exported", module)
		}
	}
	var diff bytes.Buffer
	for _, module := range slices.Sorted(maps.Keys(left)) {
		diff.WriteString(cmp.Diff(left[module], right[module]))
	}
	return diff.String()
}

func state(t *testing.T, a *app.App) map[string]any {
	t.Helper()
	exported, err := a.Export(nil)
	if err != nil {
		t.Fatal(err)
	}
	var modules map[string]any
	if err := json.Unmarshal(exported.AppState, &modules); err != nil {
		t.Fatal(err)
	}
	withoutIDs(modules)
	return modules
}

// withoutIDs deletes what x/staking counts anew after an import: a number for each unbonding.
func withoutIDs(of any) {
	switch of := of.(type) {
	case map[string]any:
		delete(of, "unbonding_id")
		delete(of, "unbonding_ids")
		for _, inner := range of {
			withoutIDs(inner)
		}
	case []any:
		for _, inner := range of {
			withoutIDs(inner)
		}
	}
}
