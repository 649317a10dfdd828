package keeper_test

import (
	"testing"

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
