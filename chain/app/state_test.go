package app_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
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

// stories are the names of all stories.
func stories(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("../../scenario/testdata/*.txt")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d stories: %v", len(files), err)
	}
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".txt"))
	}
	return names
}

// live returns the world after a story of that name, which package scenario holds to the invariants after every block.
func live(t *testing.T, name string) *scenario.World {
	t.Helper()
	text, err := os.ReadFile("../../scenario/testdata/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	w, err := scenario.New()
	if err != nil {
		t.Fatal(err)
	}
	w.Unchecked = true
	do(t, w, string(text))
	return w
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

// blocksAfter is how long a story and its import go on side by side: longer than a tempo of most.
func blocksAfter() int {
	if nightly() {
		return 45
	}
	return 12
}

// TestEveryStoryCanBeReplayedAndContinued plays a story's blocks on a second chain, which gives the same app hash after
// each of them. Then it exports the state, begins a third chain from it, plays the same blocks on both, and finds the same
// state.
func TestEveryStoryCanBeReplayedAndContinued(t *testing.T) {
	for _, name := range stories(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := live(t, name)
			if err := w.Replay(fresh(t)); err != nil {
				t.Fatal(err)
			}
			twin := imported(t, w)
			if diff := difference(t, w.App, twin); diff != "" {
				t.Fatalf("after the import:\n%s", diff)
			}
			for range blocksAfter() {
				goOn(t, w)
				play(t, twin, w.Blocks[len(w.Blocks)-1])
			}
			if diff := difference(t, w.App, twin); diff != "" {
				t.Errorf("some blocks after the import:\n%s", diff)
			}
			sameStores(t, w.App, twin)
		})
	}
}

func TestTheNumberOfProcessorsDoesNotMatter(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	for _, name := range []string{"a-jailed-validator", "deferred-epochs"} {
		runtime.GOMAXPROCS(1)
		w := live(t, name)
		runtime.GOMAXPROCS(4)
		if err := w.Replay(fresh(t)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// imported begins a chain from the export of w, with its next block.
func imported(t *testing.T, w *scenario.World) *app.App {
	t.Helper()
	a := begun(t, w)
	goOn(t, w)
	play(t, a, w.Blocks[len(w.Blocks)-1])
	return a
}

// begun is a chain before its first block that has the export of w.
func begun(t *testing.T, w *scenario.World) *app.App {
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
	return a
}

// goOn makes a block of what the voices still say, whether it is taken or not: the story is over.
func goOn(t *testing.T, w *scenario.World) {
	t.Helper()
	owed, err := w.Owed()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Block(owed...); err != nil {
		t.Fatal(err)
	}
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
	for _, module := range strings.Fields("auth bank staking distribution slashing gov authz feegrant evidence emission subnet yuma pause fee market model") {
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

// withoutIDs deletes what an import counts anew: x/staking's number of each unbonding, and the numbers of accounts that were
// opened since, which depend on the app hash, and that on how the trees grew.
func withoutIDs(of any) {
	switch of := of.(type) {
	case map[string]any:
		delete(of, "unbonding_id")
		delete(of, "unbonding_ids")
		delete(of, "account_number")
		for _, inner := range of {
			withoutIDs(inner)
		}
	case []any:
		for _, inner := range of {
			withoutIDs(inner)
		}
	}
}
