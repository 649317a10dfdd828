package keeper_test

import (
	"bytes"
	"fmt"
	"math/rand"
	"testing"

	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/codec/address"
	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"
	simtypes "github.com/cosmos/cosmos-sdk/types/simulation"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"

	"agora/chain/network"
	emissionkeeper "agora/chain/x/emission/keeper"
	emissionsimulation "agora/chain/x/emission/simulation"
	emissiontypes "agora/chain/x/emission/types"
	subnetkeeper "agora/chain/x/subnet/keeper"
	subnetsimulation "agora/chain/x/subnet/simulation"
	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/keeper"
	"agora/chain/x/yuma/simulation"
	"agora/chain/x/yuma/types"
	"agora/chain/x/yuma/yumatest"
)

// deck holds factories by weight.
type deck []simsx.SimMsgFactoryX

// Add implements simsx.Registry.
func (d *deck) Add(weight uint32, f simsx.SimMsgFactoryX) {
	for range weight {
		*d = append(*d, f)
	}
}

// table is a market that random players play.
type table struct {
	*yumatest.Market
	r        *rand.Rand
	deck     deck
	router   *baseapp.MsgServiceRouter
	accounts []simtypes.Account
	done     map[string]int
}

func newTable(t *testing.T, seed int64) *table {
	t.Helper()
	m := yumatest.NewWith(t, func(p *subnettypes.Params) {
		p.MinLock, p.MaxSubnets, p.MaxTempo = 1_000, 4, yumatest.Tempo
		p.OwnerChangeSeconds, p.SubnetImmunitySeconds = 60, 3_600
	})
	tb := &table{Market: m, r: rand.New(rand.NewSource(seed)), done: map[string]int{}}
	tb.accounts = simtypes.RandomAccounts(tb.r, 12)
	for i, account := range tb.accounts {
		m.Endow(account.Address, 100_000*tao)
		if i < 4 {
			m.Bond(account.Address, fmt.Sprint("sim", i), uint64(i+2)*100*tao)
		}
	}
	tb.router = baseapp.NewMsgServiceRouter()
	tb.router.SetInterfaceRegistry(m.Codec.InterfaceRegistry())
	subnettypes.RegisterMsgServer(tb.router, subnetkeeper.NewMsgServer(m.Subnet))
	emissiontypes.RegisterMsgServer(tb.router, emissionkeeper.NewMsgServer(m.Emission))
	types.RegisterMsgServer(tb.router, keeper.NewMsgServer(m.Yuma))
	as := simsx.WeightSourceFn(func(_ string, weight uint32) uint32 { return weight })
	subnetsimulation.Register(m.Subnet, as, &tb.deck)
	emissionsimulation.Register(m.Emission, as, &tb.deck)
	simulation.Register(m.Yuma, as, &tb.deck)
	return tb
}

// play plays blocks with operations each and checks every invariant after each block.
func (tb *table) play(blocks, operations int) {
	tb.Helper()
	for range blocks {
		tb.hasten()
		for range operations {
			tb.deliver(tb.deck[tb.r.Intn(len(tb.deck))])
		}
		tb.NextBlock()
		tb.CheckMoney()
		locks := func(ctx sdk.Context) uint64 {
			return tb.Bank.GetBalance(ctx, authtypes.NewModuleAddress(subnettypes.ModuleName), network.Denom).Amount.Uint64()
		}
		for _, invariant := range tb.Subnet.Invariants(locks) {
			if err := invariant.Check(tb.Ctx); err != nil {
				tb.Fatalf("%s: %v", invariant.Name, err)
			}
		}
	}
}

// hasten sets reveal delays to a tempo, as governance may: random ones would outlast the play.
func (tb *table) hasten() {
	tb.Helper()
	var netuids []uint32
	tb.Must(tb.Subnet.EachSubnet(tb.Ctx, func(s subnettypes.Subnet) (bool, error) {
		netuids = append(netuids, s.Netuid)
		return false, nil
	}))
	for _, netuid := range netuids {
		if tb.Subnet.Value(tb.Ctx, netuid, subnettypes.RevealDelay) > 1 {
			tb.Govern(netuid, subnettypes.RevealDelay, 1)
		}
	}
}

// deliver plays one factory; what it hands out must be carried out.
func (tb *table) deliver(f simsx.SimMsgFactoryX) {
	tb.Helper()
	reporter := simsx.NewBasicSimulationReporter().WithScope(f.MsgType())
	players := simsx.NewChainDataSource(tb.Ctx, tb.r, tb.Account, tb.Bank, address.NewBech32Codec(network.Prefix), tb.accounts...)
	_, msg := f.Create()(tb.Ctx, players, reporter)
	if reporter.IsSkipped() {
		return
	}
	name := sdk.MsgTypeURL(msg)
	if err := tb.Try(func(ctx sdk.Context) error {
		_, err := tb.router.Handler(msg)(ctx, msg)
		return err
	}); err != nil {
		tb.Fatalf("%s failed: %v", name, err)
	}
	tb.done[name]++
}

func TestRandomPlayOfAllMessagesKeepsEveryRao(t *testing.T) {
	done, paid := map[string]int{}, uint64(0)
	for seed := range int64(3) {
		tb := newTable(t, seed)
		tb.play(80, 20)
		if len(tb.Failed) > 0 {
			t.Errorf("epochs failed: %v", tb.Failed)
		}
		for name, n := range tb.done {
			done[name] += n
		}
		l, err := tb.Emission.Ledger(tb.Ctx)
		tb.Must(err)
		paid += l.Paid
	}
	t.Log(done, paid)
	for _, f := range newTable(t, 1).deck {
		if name := sdk.MsgTypeURL(f.MsgType()); done[name] == 0 {
			t.Errorf("%s was never carried out", name)
			done[name]++ // once is enough
		}
	}
	if paid == 0 {
		t.Error("nobody was ever paid")
	}
}

func TestTheSamePlayGivesTheSameState(t *testing.T) {
	var states [2][]byte
	for i := range states {
		tb := newTable(t, 42)
		tb.play(40, 20)
		yuma, err := tb.Yuma.ExportGenesis(tb.Ctx)
		tb.Must(err)
		emission, err := tb.Emission.ExportGenesis(tb.Ctx)
		tb.Must(err)
		states[i] = append(tb.Codec.MustMarshalJSON(yuma), tb.Codec.MustMarshalJSON(emission)...)
	}
	if !bytes.Equal(states[0], states[1]) {
		t.Error("two plays of one seed end differently")
	}
}
