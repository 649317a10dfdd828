package keeper_test

import (
	"fmt"
	"slices"
	"testing"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/subnet/keeper"
	"agora/chain/x/subnet/types"
)

func TestMigrationKeepsTheRulesOfOldSubnets(t *testing.T) {
	m := newMarket(t, nil)
	old, own := m.create("ann", "old"), m.create("bob", "own")
	m.govern(own, types.MaxBurn, 5*tao)

	m.must(keeper.NewMigrator(m.k).Migrate1to2(m.ctx))
	young := m.create("cid", "young")
	for _, c := range []struct {
		netuid uint32
		want   int64
	}{{old, 100 * tao}, {own, 5 * tao}, {young, 10 * tao}} {
		if got := m.k.Value(m.ctx, c.netuid, types.MaxBurn); got != c.want {
			t.Errorf("netuid %d has a ceiling of %d rao, want %d", c.netuid, got, c.want)
		}
	}
	m.holds()
}

func TestMigrationDoesNotStopTheOwner(t *testing.T) {
	m := newMarket(t, nil)
	netuid := m.started("ann", "old")
	m.pass(1_000)
	m.advance(netuid)
	m.must(keeper.NewMigrator(m.k).Migrate1to2(m.ctx))
	m.must(m.k.SetParameter(m.ctx, m.subnet(netuid).Owner, netuid, types.MaxBurn, 20*tao))
	if got := m.k.Value(m.ctx, netuid, types.MaxBurn); got != 20*tao {
		t.Fatalf("ceiling of %d rao, want what the owner set", got)
	}
}

// TestTheSecondMigrationMovesWhatIsOutOfBoundsAndSaysSo stores what the version before allowed: values beyond the bounds of
// today, a neuron that nobody could have taken for months, and a price that decayed by the block.
func TestTheSecondMigrationMovesWhatIsOutOfBoundsAndSaysSo(t *testing.T) {
	m := newMarket(t, nil)
	netuid := m.started("ann", "old")
	uid := m.register("carl", netuid, "c")
	m.must(m.k.RecordStanding(m.ctx, netuid, []uint64{7}, []bool{false}))
	g, err := m.k.ExportGenesis(m.ctx)
	m.must(err)
	g.Params.MinUids, g.Params.MaxUids = 1, 8
	g.Subnets[0].BurnPrice = 64 * tao
	g.Neurons[uid].JudgedFrom = 5_140_800
	g.Standings[0].KeptUntil = nil
	for name, value := range map[string]int64{types.MaxVoices: 1, types.MaxUids: 2, types.Immunity: 1 << 20} {
		g.Values = append(g.Values, types.SubnetValue{Netuid: netuid, Value: types.Value{Name: name, Value: value}})
	}
	m = emptyMarket(t)
	m.must(m.k.InitGenesis(m.ctx, *g))
	tempo := int64(m.subnet(netuid).Tempo)
	m.ctx = m.ctx.WithBlockHeight(m.subnet(netuid).RegistrationHeight + 3*tempo).WithEventManager(sdk.NewEventManager())
	m.must(keeper.NewMigrator(m.k).Migrate2to3(m.ctx))

	for name, want := range map[string]int64{types.MaxVoices: 16, types.MaxUids: 64, types.Immunity: 100_000} {
		if got := m.k.Value(m.ctx, netuid, name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	if got, want := m.neuron(netuid, uid).JudgedFrom, m.ctx.BlockHeight()+100_000; got != want {
		t.Errorf("safe until %d, want %d", got, want)
	}
	if got := m.subnet(netuid).BurnPrice; got != 8*tao {
		t.Errorf("after three tempos the price of 64 TAO is %d, want 8", got)
	}
	var said []string
	for _, e := range m.ctx.EventManager().ABCIEvents() {
		msg, err := sdk.ParseTypedEvent(e)
		m.must(err)
		c := msg.(*types.Clamped)
		said = append(said, fmt.Sprintf("%s %d to %d", c.Name, c.From, c.To))
	}
	slices.Sort(said)
	want := []string{
		"immunity 1048576 to 100000", fmt.Sprintf("judged_from 5140800 to %d", m.ctx.BlockHeight()+100_000),
		"max_uids 2 to 64", "max_voices 1 to 16",
	}
	if !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
}
