package keeper_test

import (
	"testing"

	"agora/chain/x/subnet/keeper"
	"agora/chain/x/subnet/types"
)

func TestEveryParameterStartsAtItsDefault(t *testing.T) {
	m := newMarket(t, nil)
	netuid := m.create("ann", "chat")
	rows, err := m.k.Parameters(m.ctx, netuid)
	m.must(err)
	for _, row := range rows {
		if row.Value != row.Default || m.k.Value(m.ctx, netuid, row.Name) != row.Default {
			t.Errorf("%s is %d, default %d", row.Name, row.Value, row.Default)
		}
	}
	if m.k.Value(m.ctx, netuid, "no such") != 0 {
		t.Error("an unknown name has a value")
	}
}

func TestTheOwnerChangesEachParameterOncePerTwoTempos(t *testing.T) {
	m := newMarket(t, nil)
	netuid := m.create("ann", "chat")
	ann := m.player("ann", 0)
	set := func(name string, value int64) error { return m.k.SetParameter(m.ctx, ann, netuid, name, value) }
	m.must(set(types.Immunity, 100))
	m.must(set(types.MinBurn, 1_000_000)) // another one is free to change
	m.pass(719)
	m.refuses(set(types.Immunity, 200), types.ErrTooSoon)
	m.pass(1)
	m.must(set(types.Immunity, 200))
	if v := m.k.Value(m.ctx, netuid, types.Immunity); v != 200 {
		t.Fatalf("immunity %d", v)
	}
}

func TestSomeParametersBelongToGovernance(t *testing.T) {
	m := newMarket(t, nil)
	netuid := m.create("ann", "chat")
	ann := m.player("ann", 0)
	m.refuses(m.k.SetParameter(m.ctx, ann, netuid, types.Kappa, 40_000), types.ErrNotAllowed)
	m.refuses(m.k.SetParameter(m.ctx, ann, netuid, types.VoiceFloor, 10), types.ErrNotAllowed)
	m.refuses(m.k.SetParameter(m.ctx, ann, netuid, types.MaxVoices, 16), types.ErrNotAllowed)
	m.refuses(m.k.SetParameter(m.ctx, ann, netuid, types.MaxUids, 64), types.ErrNotAllowed)
	m.refuses(m.k.SetParameter(m.ctx, m.player("bob", 0), netuid, types.Immunity, 10), types.ErrNotAllowed)
	m.govern(netuid, types.Kappa, 40_000)
	m.govern(netuid, types.Kappa, 41_000) // at any time
	if m.k.Value(m.ctx, netuid, types.Kappa) != 41_000 {
		t.Error("governance could not change kappa")
	}
}

func TestValuesStayWithinBounds(t *testing.T) {
	m, netuid := fullSubnet(t)
	for _, row := range types.Table() {
		bounded, err := types.Row(types.DefaultParams(), row.Name)
		m.must(err)
		m.refuses(m.k.SetParameter(m.ctx, m.gov, netuid, row.Name, bounded.Max+1), types.ErrOutOfBounds)
		if row.Name != types.Tempo && row.Name != types.MaxUids { // this market's lowest are 10 and 16
			m.refuses(m.k.SetParameter(m.ctx, m.gov, netuid, row.Name, bounded.Min-1), types.ErrOutOfBounds)
		}
	}
	m.refuses(m.k.SetParameter(m.ctx, m.gov, netuid, "no such", 1), types.ErrNoParameter)
	m.refuses(m.k.SetParameter(m.ctx, m.gov, netuid, types.MaxUids, 15), types.ErrOutOfBounds)
	m.refuses(m.k.SetParameter(m.ctx, m.gov, netuid, types.AlphaLow, 60_000), types.ErrOutOfBounds)
	m.refuses(m.k.SetParameter(m.ctx, m.gov, netuid, types.AlphaHigh, 40_000), types.ErrOutOfBounds)
	m.govern(netuid, types.MaxBurn, 100_000_000)
	m.refuses(m.k.SetParameter(m.ctx, m.gov, netuid, types.MinBurn, 100_000_001), types.ErrOutOfBounds)
	m.govern(netuid, types.MinBurn, 50_000_000)
}

func TestANewTempoWaitsForTheNextOne(t *testing.T) {
	m := newMarket(t, nil)
	netuid := m.started("ann", "chat")
	end := keeper.EpochAt(m.subnet(netuid))
	m.must(m.k.SetParameter(m.ctx, m.player("ann", 0), netuid, types.Tempo, 500))
	if keeper.EpochAt(m.subnet(netuid)) != end || m.k.Value(m.ctx, netuid, types.Tempo) != 360 {
		t.Fatal("the running tempo changed its length")
	}
	m.pass(end - m.ctx.BlockHeight())
	m.advance(netuid)
	subnet := m.subnet(netuid)
	if subnet.Epoch != 1 || subnet.TempoStart != end+1 || keeper.EpochAt(subnet) != end+500 {
		t.Fatalf("next tempo %+v", subnet)
	}
}

func TestOnlyGovernanceUpdatesParams(t *testing.T) {
	m := newMarket(t, nil)
	params := types.DefaultParams()
	params.MaxUids = 4096
	m.refuses(m.k.UpdateParams(m.ctx, m.player("ann", 0), params), types.ErrNotAllowed)
	m.must(m.k.UpdateParams(m.ctx, m.gov, params))
	m.govern(m.create("ann", "big"), types.MaxUids, 4096)
	params.MaxUids = 4097
	m.refuses(m.k.UpdateParams(m.ctx, m.gov, params), types.ErrOutOfBounds)
}

func TestAValueOutsideNewBoundsIsReadWithinThem(t *testing.T) {
	m := newMarket(t, func(p *types.Params) { p.MinTempo = 10 })
	netuid := m.create("ann", "chat")
	m.govern(netuid, types.Tempo, 10)
	m.must(m.k.UpdateParams(m.ctx, m.gov, types.DefaultParams()))
	m.must(m.k.Start(m.ctx, m.player("ann", 0), netuid))
	if v := m.k.Value(m.ctx, netuid, types.Tempo); v != 360 {
		t.Fatalf("tempo %d, want the new minimum", v)
	}
}
