package app_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/app"
	"agora/scenario"
)

// length is how long random people play.
type length struct {
	seeds, blocks, operations int
	unseen                    int // messages that may be left out
}

// nightly tells whether the long forms of tests run.
func nightly() bool { return os.Getenv("AGORA_NIGHTLY") != "" }

func howLong() length {
	if nightly() {
		return length{seeds: 10, blocks: 500, operations: 100}
	}
	return length{seeds: 1, blocks: 100, operations: 60, unseen: 3}
}

// Random people send every message of every module as signed transactions, validators are away or sign twice, governance
// changes everything it may. Every invariant holds all the while; in the end a second chain from the same blocks has
// the same app hash, and a third one from the export goes on as the first does.
func TestRandomPlayOfTheWholeApplication(t *testing.T) {
	l := howLong()
	done := map[string]int{}
	t.Run("seeds", func(t *testing.T) {
		plays := make([]*random, l.seeds)
		t.Cleanup(func() {
			for _, p := range plays {
				if p != nil {
					add(done, p.done)
				}
			}
		})
		for seed := range l.seeds {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				began := time.Now()
				p := newRandom(t, int64(seed))
				p.play(l.blocks, l.operations)
				p.report(time.Since(began))
				plays[seed] = p
				replays(t, p)
				continues(t, p)
			})
		}
	})
	unseen := slices.DeleteFunc(everyMessage(t), func(name string) bool { return done[name] > 0 })
	t.Logf("never carried out: %v", unseen)
	if len(unseen) > l.unseen {
		t.Errorf("%d messages were never carried out, %d may be: %v", len(unseen), l.unseen, unseen)
	}
}

func add(to, from map[string]int) {
	for name, n := range from {
		to[name] += n
	}
}

// byGovernance are messages that only proposals carry out.
var byGovernance = []string{"MsgUpdateParams"}

// everyMessage lists the messages of our modules, as they are counted.
func everyMessage(t *testing.T) (names []string) {
	for _, name := range fresh(t).Registry.ListImplementations(sdk.MsgInterfaceProtoName) {
		if !strings.HasPrefix(name, "/agora.") {
			continue
		}
		if slices.ContainsFunc(byGovernance, func(s string) bool { return strings.HasSuffix(name, "."+s) }) {
			name += "@gov"
		}
		names = append(names, name)
	}
	if len(names) < 20 {
		t.Errorf("only %d messages: %v", len(names), names)
	}
	return append(names, "/agora.subnet.v1.MsgSetParameter@gov")
}

// report prints what was carried out.
func (p *random) report(took time.Duration) {
	p.Helper()
	var text strings.Builder
	carried := 0
	for _, name := range slices.Sorted(maps.Keys(p.done)) {
		fmt.Fprintf(&text, "%8d  %s\n", p.done[name], name)
		carried += p.done[name]
	}
	refused := 0
	for _, name := range slices.Sorted(maps.Keys(p.refused)) {
		refused += p.refused[name]
	}
	ledger, err := p.w.App.Emission.Ledger(p.w.Ctx())
	must(p, err)
	p.Logf("%d blocks, %d operations, %d messages carried out, %d transactions refused as foretold, %d rao paid, in %s\n%s",
		p.w.Height, p.drawn, carried, refused, ledger.Paid, took.Round(time.Second), text.String())
	if ledger.Paid == 0 {
		p.Error("nobody was ever paid")
	}
	yuma, err := p.w.App.Yuma.ExportGenesis(p.w.Ctx())
	must(p, err)
	kept := map[uint32]int{}
	for _, r := range yuma.Records {
		if kept[r.Netuid]++; kept[r.Netuid] > history {
			p.Errorf("more than %d epochs of netuid %d are kept", history, r.Netuid)
		}
	}
}

// replays asks a second application the same and wants the same app hash after each block.
func replays(t *testing.T, p *random) {
	t.Helper()
	if err := p.w.Replay(fresh(t)); err != nil {
		t.Error(err)
	}
}

// continues begins a chain from the export of p, lets both make the same blocks, and wants the same state.
func continues(t *testing.T, p *random) {
	t.Helper()
	exported, err := p.w.App.Export(nil)
	must(t, err)
	twin := fresh(t)
	_, err = twin.InitChain(&abci.RequestInitChain{
		Time: p.w.Now, ChainId: scenario.ChainID, ConsensusParams: params(exported.ConsensusParams),
		InitialHeight: exported.Height, AppStateBytes: exported.AppState,
	})
	must(t, err)
	p.settle()
	for blocks := range 15 {
		p.block(30)
		play(t, twin, p.w.Blocks[len(p.w.Blocks)-1])
		if blocks > 0 && blocks < 14 {
			continue
		}
		if diff := difference(t, p.w.App, twin); diff != "" {
			t.Fatalf("%d blocks after the import:\n%.5000s", blocks+1, diff)
		}
		sameStores(t, p.w.App, twin)
	}
}

// settle lets only accounts sign that there are now: the number of a later one, as of a bid that wins its seat, depends on
// the app hash, which is another in another tree.
func (p *random) settle() {
	p.settled = map[string]bool{}
	p.w.App.Account.IterateAccounts(p.w.Ctx(), func(a sdk.AccountI) bool {
		p.settled[a.GetAddress().String()] = true
		return false
	})
}

// sameStores compares what two applications stored of money and for our modules, byte by byte: their app hashes differ,
// since the trees grew in another order.
func sameStores(t *testing.T, a, b *app.App) {
	t.Helper()
	for _, name := range []string{"bank", "subnet", "yuma", "emission", "pause", "gasprice", "model"} {
		sameStore(t, name, a, b)
	}
}

func sameStore(t *testing.T, name string, a, b *app.App) {
	t.Helper()
	left, right := a.Store(name).Iterator(nil, nil), b.Store(name).Iterator(nil, nil)
	defer left.Close()
	defer right.Close()
	for ; left.Valid() && right.Valid(); left.Next() {
		if !bytes.Equal(left.Key(), right.Key()) || !bytes.Equal(left.Value(), right.Value()) {
			t.Fatalf("%s: %x = %x, in the import %x = %x", name, left.Key(), left.Value(), right.Key(), right.Value())
		}
		right.Next()
	}
	if left.Valid() || right.Valid() {
		t.Fatalf("%s: one store has more", name)
	}
}

// One seed is one play, however many processors there are.
func TestRandomPlayDoesNotDependOnTheProcessors(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	one := newRandom(t, 77)
	one.play(12, 40)
	runtime.GOMAXPROCS(4)
	four := newRandom(t, 77)
	four.play(12, 40)
	if !slices.EqualFunc(one.w.Hashes, four.w.Hashes, bytes.Equal) {
		t.Error("two plays of one seed end differently")
	}
	replays(t, one)
}
