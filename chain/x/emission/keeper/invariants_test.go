package keeper_test

import (
	"math"
	"strings"
	"testing"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"
	distrtypes "github.com/cosmos/cosmos-sdk/x/distribution/types"

	"agora/chain/network"
	"agora/chain/x/emission"
	"agora/chain/x/emission/keeper"
	"agora/chain/x/emission/types"
	"agora/chain/x/yuma/yumatest"
)

// busy is a market with pending emission and a vote, and the state of its emission module.
func busy(t *testing.T) (*yumatest.Market, *types.GenesisState) {
	t.Helper()
	m, netuids := voters(t)
	vote(m, "val0", netuids, 1, 2)
	mintFor(m, 12*time.Second)
	_, err := m.Emission.Pay(m.Ctx, netuids[0], types.Payout{Epoch: 1, Validators: []types.ValidatorPay{
		{Operator: yumatest.Address("val0").String(), Validator: validator(m, "val0"), Amount: 1_001},
		{Operator: yumatest.Address("val1").String(), Validator: validator(m, "val1"), Amount: 77},
	}})
	m.Must(err)
	m.Must(m.Emission.Spoke(m.Ctx, netuids[0], []string{yumatest.Address("val0").String(), yumatest.Address("val1").String()}))
	mintFor(m, 7*time.Second)
	g, err := m.Emission.ExportGenesis(m.Ctx)
	m.Must(err)
	m.Must(g.Validate())
	if len(g.Accounts) != 2 || len(g.Votes) != 1 || g.Ledger.Pending == 0 || g.Ledger.Remainder == 0 ||
		len(g.Flows) != 1 || len(g.Dividends) != 1 || len(g.Spoken) != 1 || g.Ledger.Promised == 0 || g.Flows[0].Given == 0 {
		t.Fatalf("a poor genesis: %+v", g)
	}
	return m, g
}

// wrong is damage to a genesis of busy.
var wrong = map[string]func(*types.GenesisState){
	"params":         func(g *types.GenesisState) { g.Params.Cap = 0 },
	"a rao too much": func(g *types.GenesisState) { g.Ledger.Minted++ },
	"a sum that overflows": func(g *types.GenesisState) {
		g.Ledger.Paid, g.Ledger.Burned = math.MaxUint64-g.Ledger.Pending, g.Ledger.Minted+1
	},
	"pending that overflows": func(g *types.GenesisState) {
		g.Accounts[1].Pending = g.Ledger.Pending - 1
		g.Accounts[0].Pending = math.MaxUint64
		g.Accounts = append(g.Accounts, types.Account{Netuid: 44, Pending: 2})
	},
	"pending of nobody":  func(g *types.GenesisState) { g.Accounts = g.Accounts[1:] },
	"an account of root": func(g *types.GenesisState) { g.Accounts[0].Netuid = 0 },
	"an account twice":   func(g *types.GenesisState) { g.Accounts[1].Netuid = g.Accounts[0].Netuid },
	"a share above one":  func(g *types.GenesisState) { g.Accounts[0].Share = 65_536 },
	"demand beyond half of the burned": func(g *types.GenesisState) {
		g.Accounts[0].DemandBurned, g.Accounts[0].DemandGranted = 9, 5
	},
	"a promise without a flow":    func(g *types.GenesisState) { g.Flows = nil },
	"a flow without a promise":    func(g *types.GenesisState) { g.Dividends = nil },
	"a flow of another":           func(g *types.GenesisState) { g.Flows[0].Netuid++ },
	"a flow that is done":         func(g *types.GenesisState) { g.Flows[0].Given = g.Flows[0].Of },
	"a flow without steps":        func(g *types.GenesisState) { g.Flows[0].Step = 0 },
	"a promise of root":           func(g *types.GenesisState) { g.Flows[0].Netuid, g.Dividends[0].Netuid = 0, 0 },
	"a promise too much":          func(g *types.GenesisState) { g.Dividends[0].Entries[0].Amount += 20 },
	"a promise that overflows":    func(g *types.GenesisState) { g.Dividends[0].Entries[0].Amount = math.MaxUint64 },
	"a promise twice":             func(g *types.GenesisState) { e := g.Dividends[0].Entries; e[1].Operator = e[0].Operator },
	"a promise to nobody":         func(g *types.GenesisState) { g.Dividends[0].Entries[0].Operator = nil },
	"promises of no ledger":       func(g *types.GenesisState) { g.Ledger.Promised++ },
	"who spoke, twice":            func(g *types.GenesisState) { o := g.Spoken[0].Operators; o[0] = o[1] },
	"who spoke, of root":          func(g *types.GenesisState) { g.Spoken[0].Netuid = 0 },
	"a division beyond the whole": func(g *types.GenesisState) { g.Ledger.Undirected = 1<<62 + 1 },
	"a division that overflows":   func(g *types.GenesisState) { g.Accounts[0].Root, g.Accounts[1].Root = 1<<63, 1<<63 },
	"a remainder above a rao":     func(g *types.GenesisState) { g.Ledger.Remainder = 12_000_000_000 },
	"a remainder after the end":   func(g *types.GenesisState) { g.Ledger.Halvings = 31 },
	"too many halvings":           func(g *types.GenesisState) { g.Ledger.Halvings, g.Ledger.Remainder = 32, 0 },
	"a time before 1970":          func(g *types.GenesisState) { g.Ledger.LastBlockUnixNano = -1 },
	"a vote twice":                func(g *types.GenesisState) { g.Votes = append(g.Votes, g.Votes[0]) },
	"a vote in capitals":          func(g *types.GenesisState) { g.Votes[0].Operator = strings.ToUpper(g.Votes[0].Operator) },
	"a vote of nobody":            func(g *types.GenesisState) { g.Votes[0].Operator = "nobody" },
	"a vote for nothing":          func(g *types.GenesisState) { g.Votes[0].Weights = []uint32{0, 0} },
}

func TestABrokenGenesisIsRefused(t *testing.T) {
	m, g := busy(t)
	starts(t, "a good one", m, g, true)
	for name, damage := range wrong {
		m, g := busy(t)
		damage(g)
		if g.Validate() == nil {
			t.Errorf("%s: taken", name)
		}
		starts(t, name, m, g, false)
	}
	m, g = busy(t)
	m.Must(m.Bank.BurnCoins(m.Ctx, types.ModuleName, network.Coins(1)))
	m.Must(g.Validate())
	starts(t, "more pending than the account holds", m, g, false)
}

// starts fails the test unless the module starts from a genesis exactly if it should.
func starts(t *testing.T, name string, m *yumatest.Market, g *types.GenesisState, should bool) {
	t.Helper()
	defer func() {
		if r := recover(); (r == nil) != should {
			t.Errorf("%s: the module starts: %t, %v", name, r == nil, r)
		}
	}()
	emission.NewAppModule(m.Codec, m.Emission).InitGenesis(m.Ctx, m.Codec, m.Codec.MustMarshalJSON(g))
}

func TestTheLedgersInvariantSeesDamage(t *testing.T) {
	for name, damage := range map[string]func(*yumatest.Market, *types.GenesisState){
		"a rao minted unseen": func(m *yumatest.Market, _ *types.GenesisState) {
			m.Must(m.Bank.MintCoins(m.Ctx, types.ModuleName, network.Coins(1)))
		},
		"a rao burned unseen": func(m *yumatest.Market, _ *types.GenesisState) {
			m.Must(m.Bank.BurnCoins(m.Ctx, types.ModuleName, network.Coins(1)))
		},
		"a payment in no book":       func(_ *yumatest.Market, g *types.GenesisState) { g.Ledger.Paid++ },
		"a burn in no book":          func(_ *yumatest.Market, g *types.GenesisState) { g.Ledger.Burned-- },
		"an account drained":         func(_ *yumatest.Market, g *types.GenesisState) { g.Accounts[0].Pending-- },
		"demand beyond what burned":  func(_ *yumatest.Market, g *types.GenesisState) { g.Accounts[0].DemandGranted = 1 },
		"pending moved out of books": func(_ *yumatest.Market, g *types.GenesisState) { g.Ledger.Pending--; g.Ledger.Minted-- },
		"a promise in no book":       func(_ *yumatest.Market, g *types.GenesisState) { g.Ledger.Promised-- },
		"a flow that lost parts":     func(_ *yumatest.Market, g *types.GenesisState) { g.Flows[0].Given++ },
		"an account of no subnet": func(_ *yumatest.Market, g *types.GenesisState) {
			g.Accounts = append(g.Accounts, types.Account{Netuid: 99})
		},
		"a vote for no subnet": func(_ *yumatest.Market, g *types.GenesisState) { g.Votes[0].Netuids[1] = 99 },
		"a voice of no subnet": func(_ *yumatest.Market, g *types.GenesisState) {
			g.Spoken = append(g.Spoken, types.Spoken{Netuid: 99})
		},
	} {
		m, g := busy(t)
		m.Must(m.Emission.CheckLedger(m.Ctx))
		damage(m, g)
		m.Must(m.Emission.InitGenesis(m.Ctx, *g))
		if err := m.Emission.CheckLedger(m.Ctx); err == nil {
			t.Errorf("%s: unseen", name)
		} else {
			m.Refuses(err, types.ErrBroken)
		}
	}
}

func TestAnIncentiveOfTheFutureIsSeen(t *testing.T) {
	m, g := busy(t)
	g.Accounts[0].IncentiveEpochs = nil
	m.Must(m.Emission.InitGenesis(m.Ctx, *g))
	m.Must(m.Emission.CheckEpochs(m.Ctx))
	subnet, err := m.Subnet.Subnet(m.Ctx, g.Accounts[0].Netuid)
	m.Must(err)
	g.Accounts[0].IncentiveEpochs = []uint64{subnet.Epoch}
	m.Must(m.Emission.InitGenesis(m.Ctx, *g))
	m.Refuses(m.Emission.CheckEpochs(m.Ctx), types.ErrBroken)
}

func TestTheRewardsInvariantSeesDamage(t *testing.T) {
	for name, damage := range map[string]func(*yumatest.Market){
		"coins that are nobody's": func(m *yumatest.Market) {
			m.Must(m.Bank.SendCoinsFromModuleToModule(m.Ctx, types.ModuleName, distrtypes.ModuleName, network.Coins(1)))
		},
		"a reward without coins": func(m *yumatest.Market) {
			v, err := m.Staking.GetValidator(m.Ctx, yumatest.Address("val0").Bytes())
			m.Must(err)
			m.Must(m.Distribution.AllocateTokensToValidator(m.Ctx, v, sdk.NewDecCoinsFromCoins(network.Coins(1)...)))
		},
	} {
		m, _ := busy(t)
		check := func() error {
			pool, err := m.Distribution.FeePool.Get(m.Ctx)
			m.Must(err)
			return keeper.CheckRewards(m.Ctx, m.Bank, m.Distribution, pool.CommunityPool)
		}
		m.Must(check())
		damage(m)
		if err := check(); err == nil {
			t.Errorf("%s: unseen", name)
		} else {
			m.Refuses(err, types.ErrBroken)
		}
	}
}
