package keeper_test

import (
	"fmt"
	"math/rand"
	"reflect"
	"testing"
	"time"

	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/codec/address"
	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"
	simtypes "github.com/cosmos/cosmos-sdk/types/simulation"

	"agora/chain/network"
	"agora/chain/x/subnet/keeper"
	"agora/chain/x/subnet/simulation"
	"agora/chain/x/subnet/types"
)

// deck holds the module's factories by weight.
type deck []simsx.SimMsgFactoryX

// Add implements simsx.Registry.
func (d *deck) Add(weight uint32, f simsx.SimMsgFactoryX) {
	for range weight {
		*d = append(*d, f)
	}
}

// simulated plays operations at random for blocks and checks every invariant after each of them. Epochs run as x/yuma
// runs them, with random standings.
func simulated(t *testing.T, seed int64, blocks, operations int) (*market, map[string]int) {
	t.Helper()
	r := rand.New(rand.NewSource(seed))
	m := newMarket(t, func(p *types.Params) {
		p.MinTempo, p.MaxTempo, p.MinLock, p.MaxSubnets, p.MaxCreationsPerDay = 10, 100, 1000, 4, 100
		p.MinUids, p.MaxUids = 16, 16
		p.OwnerChangeSeconds, p.SubnetImmunitySeconds = 60, 600
	})
	accounts := simtypes.RandomAccounts(r, 12)
	for i, account := range accounts {
		m.must(m.bank.MintCoins(m.ctx, purse, coins(1_000_000*tao)))
		m.must(m.bank.SendCoinsFromModuleToAccount(m.ctx, purse, account.Address, coins(1_000_000*tao)))
		if i < 4 {
			m.bond(account.Address, fmt.Sprint("sim", i), uint64(i+1)*100*tao)
		}
	}
	router := baseapp.NewMsgServiceRouter()
	router.SetInterfaceRegistry(registry())
	types.RegisterMsgServer(router, m.server)
	var d deck
	simulation.Register(m.k, simsx.WeightSourceFn(func(_ string, weight uint32) uint32 { return weight }), &d)

	done := map[string]int{}
	for range blocks {
		m.wait(time.Duration(r.Intn(20)) * time.Second)
		for range operations {
			if name := m.deliver(r, d[r.Intn(len(d))], router, accounts); name != "" {
				done[name]++
			}
		}
		m.runDueEpochs(r)
		m.holds()
	}
	return m, done
}

// deliver plays one factory and returns the message's name if it was carried out.
func (m *market) deliver(r *rand.Rand, f simsx.SimMsgFactoryX, router *baseapp.MsgServiceRouter, accounts []simtypes.Account) string {
	m.Helper()
	reporter := simsx.NewBasicSimulationReporter().WithScope(f.MsgType())
	players := simsx.NewChainDataSource(m.ctx, r, m.account, m.bank, address.NewBech32Codec(network.Prefix), accounts...)
	_, msg := f.Create()(m.ctx, players, reporter)
	if reporter.IsSkipped() {
		return ""
	}
	name := sdk.MsgTypeURL(msg)
	if _, err := router.Handler(msg)(m.ctx, msg); err != nil {
		m.Fatalf("%s was tried and then failed: %v", name, err)
	}
	return name
}

// runDueEpochs ends the tempos that are over.
func (m *market) runDueEpochs(r *rand.Rand) {
	m.Helper()
	var due []types.Subnet
	m.must(m.k.EachSubnet(m.ctx, func(s types.Subnet) (bool, error) {
		if s.Started && m.ctx.BlockHeight() >= keeper.EpochAt(s) {
			due = append(due, s)
		}
		return false, nil
	}))
	for _, s := range due {
		emissions, permits := make([]uint64, s.Size_), make([]bool, s.Size_)
		for uid := range emissions {
			emissions[uid] = uint64(r.Intn(3))
		}
		m.must(m.k.RecordStanding(m.ctx, s.Netuid, emissions, permits))
		m.advance(s.Netuid)
	}
}

func TestRandomPlayKeepsTheInvariants(t *testing.T) {
	blocks := 80
	if testing.Short() {
		blocks = 30
	}
	done := map[string]int{}
	for seed := range int64(3) {
		_, played := simulated(t, seed, blocks, 20)
		for name, n := range played {
			done[name] += n
		}
	}
	t.Log(done)
	var d deck
	m := newMarket(t, nil)
	simulation.Register(m.k, simsx.WeightSourceFn(func(string, uint32) uint32 { return 1 }), &d)
	for _, f := range d {
		if name := sdk.MsgTypeURL(f.MsgType()); done[name] == 0 {
			t.Errorf("%s was never carried out", name)
		}
	}
}

func TestTheSamePlayGivesTheSameState(t *testing.T) {
	a, _ := simulated(t, 42, 40, 20)
	b, _ := simulated(t, 42, 40, 20)
	first, err := a.k.ExportGenesis(a.ctx)
	a.must(err)
	second, err := b.k.ExportGenesis(b.ctx)
	b.must(err)
	if !reflect.DeepEqual(first, second) {
		t.Errorf("first  %+v\nsecond %+v", first, second)
	}
	a.must(first.Validate())
}
