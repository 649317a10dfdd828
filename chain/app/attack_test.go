package app_test

import (
	"testing"

	dbm "github.com/cosmos/cosmos-db"

	"cosmossdk.io/log/v2"
	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/baseapp"
	simtestutil "github.com/cosmos/cosmos-sdk/testutil/sims"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/app"
	"agora/chain/network"
	subnettypes "agora/chain/x/subnet/types"
	"agora/scenario"
)

// worth adds up what people have, in TAO: money, stake and what waits for them.
func worth(t *testing.T, w *scenario.World, people ...string) math.LegacyDec {
	t.Helper()
	total := math.LegacyZeroDec()
	for _, name := range people {
		f, err := w.Figure("worth", name)
		if err != nil {
			t.Fatal(err)
		}
		total = total.Add(f)
	}
	return total
}

// laundry is a market whose owner, validator and only miner are one person, beside an honest one of the same stake.
const laundry = `
	stake    val1 1000  mallory-val 1000
	funds    mallory 5000
	subnet   text owner=olga voices val1 mallory-val miners a
	subnet   wash owner=mallory voices val1 mallory-val miners mallory-miner
	in       text
	weights  val1 a=1 | mallory-val a=1
	in       wash
	weights  val1 mallory-miner=1 | mallory-val mallory-miner=1
	epoch    2
`

// washing is a chain on which mallory's fees, rao in every block, are burned as demand for the subnet wash.
func washing(t *testing.T, rao uint64) *scenario.World {
	t.Helper()
	a, err := app.New(log.NewNopLogger(), dbm.NewMemDB(), false, simtestutil.EmptyAppOptions{}, baseapp.SetChainID(scenario.ChainID))
	if err != nil {
		t.Fatal(err)
	}
	a.SetEndBlocker(func(ctx sdk.Context) (sdk.EndBlock, error) {
		if ctx.BlockHeight() > 1 && rao > 0 {
			if err := wash(ctx, a, rao); err != nil {
				return sdk.EndBlock{}, err
			}
		}
		return a.Modules.EndBlock(ctx)
	})
	if err := a.LoadLatestVersion(); err != nil {
		t.Fatal(err)
	}
	w := scenario.On(a)
	w.Unchecked = true // until the end
	do(t, w, laundry+"blocks 99")
	w.Unchecked = false
	do(t, w, "blocks 1")
	return w
}

// wash pays a consumer's fee to nobody: it is burned, and counts as demand.
func wash(ctx sdk.Context, a *app.App, rao uint64) error {
	err := a.Bank.SendCoinsFromAccountToModule(ctx, scenario.Account("mallory"), subnettypes.ModuleName, network.Coins(rao))
	if err != nil {
		return err
	}
	return a.Emission.BurnFee(ctx, subnettypes.ModuleName, 2, rao)
}

// TestWashingDemandCostsMoreThanItEarns lets mallory pay fees to herself. Demand brings her subnet emission, but never
// more than she burned, and a part of it goes to others.
func TestWashingDemandCostsMoreThanItEarns(t *testing.T) {
	people := []string{"mallory", "mallory-val", "mallory-miner"}
	idle := worth(t, washing(t, 0), people...)
	for _, rao := range []uint64{50_000_000, network.TAO} {
		w := washing(t, rao)
		if got := worth(t, w, people...); got.GTE(idle) {
			t.Errorf("burning %d rao a block left mallory with %s TAO, idling with %s", rao, got, idle)
		}
		share, err := w.Figure("share", "wash")
		if err != nil {
			t.Fatal(err)
		}
		if !share.GT(math.LegacyNewDecWithPrec(5, 1)) {
			t.Errorf("burning %d rao a block gave wash a share of %s: the attack had no effect at all", rao, share)
		}
	}
}

// TestSplittingStakeEarnsNothing compares a validator with the same stake in four.
func TestSplittingStakeEarnsNothing(t *testing.T) {
	const (
		market = `
			subnet  text miners a b
			weights val1 a=0.6 b=0.4
		`
		end = "\nsettle\nblocks 60"
	)
	one := tell(t, "stake val1 1000 m1 1000\nfunds m2 1200 m3 1200 m4 1200 m1 200\n"+market+"weights m1 a=0.6 b=0.4"+end)
	four := tell(t, "stake val1 1000 m1 250 m2 250 m3 250 m4 250\n"+market+
		"weights m1 a=0.6 b=0.4 | m2 a=0.6 b=0.4 | m3 a=0.6 b=0.4 | m4 a=0.6 b=0.4"+end)
	whole := worth(t, one, "m1").Sub(math.LegacyNewDec(1_200))
	parts := worth(t, four, "m1", "m2", "m3", "m4").Sub(math.LegacyNewDec(1_800))
	if !whole.IsPositive() {
		t.Fatalf("the undivided stake earned %s TAO", whole)
	}
	if slack := whole.QuoInt64(1_000); parts.GT(whole.Add(slack)) {
		t.Errorf("1,000 TAO in four validators earned %s TAO, in one %s", parts, whole)
	}
}

// TestForeignKeysBringNothing lets mallory try every way to a key that is not hers.
func TestForeignKeysBringNothing(t *testing.T) {
	w := market(t)
	do(t, w, "epoch 3")
	before := worth(t, w, "mallory")
	do(t, w, `
		fails "the hot key did not sign for this" mallory registers key=stranger proof=mallory
		fails "the hot key did not sign for this" mallory registers key=stranger for=bob
		fails "the hot key is taken"              mallory registers key=a
		fails "belongs to"                        mallory rotates a mallory
		fails "belongs to"                        mallory hands a mallory-two
		fails "no change of owner"                mallory accepts a
		fails "belongs to"                        mallory speaks val1
		epoch 2
	`)
	if after := worth(t, w, "mallory"); after.GT(before) {
		t.Errorf("mallory had %s TAO and has %s", before, after)
	}
}

// TestASilentMajorityEarnsNothing lets a validator with 55 % of the stake judge for a while and then fall silent. Until it
// is no longer waited for nobody is paid, it included; afterwards the others are, since the subnet has decided ten epochs.
func TestASilentMajorityEarnsNothing(t *testing.T) {
	story := `
		params   yuma max_carry=2 quorum_lookback=5
		stake    val1 450  big 550
		subnet   text miners a
		weights  val1 a=1 | big a=1
		settle
		epoch    10
	`
	silent, speaking := tell(t, story), tell(t, story)
	do(t, silent, "silent big\nepoch 2") // what it earned before comes over the next tempo
	start := worth(t, silent, "big")
	honest := worth(t, silent, "val1")
	do(t, silent, "epoch 10")
	do(t, speaking, "epoch 12")
	earned := worth(t, silent, "big").Sub(start)
	could := worth(t, speaking, "big").Sub(start)
	if earned.GT(math.LegacyNewDecWithPrec(1, 6)) {
		t.Errorf("the silent majority earned %s TAO", earned)
	}
	if !could.GT(math.LegacyOneDec()) {
		t.Errorf("a speaking majority earned %s TAO: the story pays nobody", could)
	}
	if !worth(t, silent, "val1").GT(honest) {
		t.Error("the honest minority was never paid again")
	}
}
