package keeper_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	moduletestutil "github.com/cosmos/cosmos-sdk/types/module/testutil"

	"agora/chain/x/model"
	"agora/chain/x/model/keeper"
	"agora/chain/x/model/types"
	"agora/chain/x/yuma/yumatest"
)

// busy is a market with a bit of everything.
func busy(t testing.TB) (*market, *types.GenesisState) {
	t.Helper()
	m := open(t)
	m.make("ann", "one")
	m.make("bob", "two")
	m.Must(m.commit("ann", "next"))
	m.Must(m.Model.Retire(m.Ctx, yumatest.Address("bob").String(), m.netuid, digest("two")))
	m.Must(m.Model.Remove(m.Ctx, m.netuid, digest("two")))
	m.Must(m.Model.ListCommons(m.Ctx, m.Authority, m.netuid, []string{digest("old")}))
	_, err := m.Model.SetServed(m.Ctx, m.Authority, m.netuid, []types.Served{{Digest: digest("one"), Part: 1}})
	m.Must(err)
	m.Ctx = m.Ctx.WithBlockTime(m.Ctx.BlockTime().Add(601e9))
	m.NextTempo(m.netuid)
	m.holds()
	g, err := m.Model.ExportGenesis(m.Ctx)
	m.Must(err)
	m.Must(g.Validate())
	if len(g.Commits) != 1 || len(g.Models) != 1 || len(g.Tombstones) != 1 || len(g.Markets) != 1 || len(g.Commons) != 1 || len(g.Cards) != 1 {
		t.Fatalf("%d commits, %d models, %d tombstones, %d markets, %d commons, %d cards: want one of each",
			len(g.Commits), len(g.Models), len(g.Tombstones), len(g.Markets), len(g.Commons), len(g.Cards))
	}
	return m, g
}

func TestAnExportIsTheWholeState(t *testing.T) {
	m, g := busy(t)
	other := open(t) // with the same subnet
	other.Ctx = m.Ctx.WithMultiStore(other.Ctx.MultiStore())
	other.NextTempo(other.netuid)
	other.Must(other.Model.Hooks().AfterSubnetDissolved(other.Ctx, other.netuid)) // what it has by itself
	other.Must(other.Model.InitGenesis(other.Ctx, *g))
	again, err := other.Model.ExportGenesis(other.Ctx)
	other.Must(err)
	if diff := cmp.Diff(g, again); diff != "" {
		t.Error(diff)
	}
}

// wrong is damage to a genesis of busy.
var wrong = map[string]func(*types.GenesisState){
	"a model twice": func(g *types.GenesisState) { g.Models = append(g.Models, g.Models[0]) },
	"a name twice": func(g *types.GenesisState) {
		g.Models = append(g.Models, g.Models[0])
		g.Models[1].Digest = digest("x")
	},
	"listed and buried":          func(g *types.GenesisState) { g.Tombstones[0].Digest = g.Models[0].Digest },
	"an order of the future":     func(g *types.GenesisState) { g.Models[0].Index = g.NextIndex },
	"a commit of the future":     func(g *types.GenesisState) { g.Commits[0].Index = g.NextIndex },
	"a share above all":          func(g *types.GenesisState) { g.Models[0].AuthorShare = 10_001 },
	"an author's part too large": func(g *types.GenesisState) { g.Models[0].EarnedAuthor = g.Models[0].Earned + 1 },
	"no digest":                  func(g *types.GenesisState) { g.Models[0].Digest = "sha256:0" },
	"a retired model's name":     func(g *types.GenesisState) { g.Models[0].Retired = true },
	"an unknown subnet":          func(g *types.GenesisState) { g.Tombstones[0].Netuid = 99 },
	"commons of an unknown one":  func(g *types.GenesisState) { g.Commons[0].Netuid = 99 },
	"cards of the future":        func(g *types.GenesisState) { g.Cards[0].Epoch = 99 },
	"a card of nobody":           func(g *types.GenesisState) { g.Cards[0].Cards = []types.Card{{Uid: 500, Digest: digest("one")}} },
	"a part of nothing":          func(g *types.GenesisState) { g.Markets[0].Served[0].Part = 0 },
	"a hash of 31 bytes":         func(g *types.GenesisState) { g.Commits[0].Hash = g.Commits[0].Hash[1:] },
}

func TestABrokenGenesisIsRefused(t *testing.T) {
	m, good := busy(t)
	cdc := moduletestutil.MakeTestEncodingConfig().Codec
	starts := func(g *types.GenesisState) (did bool) {
		defer func() { did = recover() == nil }()
		fresh, _ := m.Ctx.CacheContext()
		m.Must(m.Model.Hooks().AfterSubnetDissolved(fresh, m.netuid))
		model.NewAppModule(cdc, m.Model).InitGenesis(fresh, cdc, cdc.MustMarshalJSON(g))
		return true
	}
	if !starts(good) {
		t.Fatal("a good one is refused")
	}
	for name, damage := range wrong {
		g, err := m.Model.ExportGenesis(m.Ctx)
		m.Must(err)
		if damage(g); starts(g) {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestQueriesComeInPages(t *testing.T) {
	m, g := busy(t)
	q := keeper.NewQueryServer(m.Model)
	one, err := q.Model(m.Ctx, &types.QueryModelRequest{Netuid: m.netuid, Digest: digest("one")})
	m.Must(err)
	if diff := cmp.Diff(g.Models[0], one.Entry.Model); diff != "" || one.Entry.Removable || one.Entry.Common {
		t.Errorf("%+v\n%s", one.Entry, diff)
	}
	of, err := q.ModelsOf(m.Ctx, &types.QueryModelsOfRequest{Author: yumatest.Address("ann").String()})
	m.Must(err)
	commits, err := q.Commits(m.Ctx, &types.QueryCommitsRequest{Netuid: m.netuid})
	m.Must(err)
	stones, err := q.Tombstones(m.Ctx, &types.QueryTombstonesRequest{Netuid: m.netuid})
	m.Must(err)
	commons, err := q.Commons(m.Ctx, &types.QueryCommonsRequest{Netuid: m.netuid})
	m.Must(err)
	cards, err := q.Cards(m.Ctx, &types.QueryCardsRequest{Netuid: m.netuid, Current: true})
	m.Must(err)
	served, err := q.Market(m.Ctx, &types.QueryMarketRequest{Netuid: m.netuid})
	m.Must(err)
	fee, err := q.Fee(m.Ctx, &types.QueryFeeRequest{Netuid: m.netuid, Bytes: 500_000_000})
	m.Must(err)
	if len(of.Models) != 1 || len(commits.Commits) != 1 || len(stones.Tombstones) != 1 || len(commons.Digests) != 1 ||
		cards.Cards.Netuid != m.netuid || len(served.Served) != 1 || fee.Commit != tao/10 || fee.Publish != 9*tao/10+tao/10 {
		t.Errorf("%d of ann, %d commits, %d tombstones, %v, %v, %v, %+v", len(of.Models), len(commits.Commits), len(stones.Tombstones),
			commons.Digests, cards.Cards, served.Served, fee)
	}
	list, err := q.Models(m.Ctx, &types.QueryModelsRequest{Netuid: m.netuid})
	m.Must(err)
	if len(list.Entries) != 1 {
		t.Errorf("%d entries", len(list.Entries))
	}
}

// BenchmarkBlocksOfAFullList runs blocks, tempos' first ones among them, of a subnet that lists 1,024 models and of one that lists none, in
// turns, and reports the processor time of a block of each.
func BenchmarkBlocksOfAFullList(b *testing.B) {
	markets := map[string]*market{}
	for name, g := range map[string]types.GenesisState{"ms-full/block": full(1), "ms-empty/block": {}} {
		m := open(b)
		m.Must(m.Model.InitGenesis(m.Ctx, g))
		m.Ctx = m.Ctx.WithBlockTime(m.Ctx.BlockTime().Add(601e9))
		m.NextTempo(m.netuid)
		markets[name] = m
	}
	const turn = 60
	spent, blocks := map[string]time.Duration{}, 0
	for b.Loop() {
		for name, m := range markets {
			began := processor(b)
			for range turn {
				m.NextBlock()
			}
			spent[name] += processor(b) - began
		}
		blocks += turn
	}
	for name, d := range spent {
		b.ReportMetric(float64(d.Microseconds())/1000/float64(blocks), name)
	}
}

// processor is the time that this process has worked.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
