package keeper_test

import (
	"fmt"
	"testing"
	"time"

	"agora/chain/x/subnet/keeper"
	"agora/chain/x/subnet/types"
)

const (
	day  = 24 * time.Hour
	year = 365 * day
)

func TestCreatingASubnetLocksItsPrice(t *testing.T) {
	m := newMarket(t, nil)
	owner := m.player("ann", 5000*tao)
	subnet, err := m.k.Create(m.ctx, owner, "chat", types.Mechanism{Id: "exact"}, types.Identity{Name: "Ann"}, 1000*tao)
	m.must(err)
	if subnet.Netuid != 1 || subnet.Lock != 1000*tao || m.balanceOf(owner) != 4000*tao {
		t.Fatalf("netuid %d, lock %d, left %d", subnet.Netuid, subnet.Lock, m.balanceOf(owner))
	}
	named, err := m.k.SubnetNamed(m.ctx, "chat")
	m.must(err)
	if named.Owner != owner || named.Started || named.Tempo != 360 {
		t.Fatalf("stored %+v", named)
	}
	m.holds()
}

func TestTheLockDoublesAndFallsWithTime(t *testing.T) {
	m := newMarket(t, nil)
	m.create("ann", "a")
	for _, c := range []struct {
		wait time.Duration
		want uint64
	}{{0, 2000 * tao}, {7 * day, 1500 * tao}, {7 * day, 1000 * tao}, {year, 1000 * tao}} {
		m.wait(c.wait)
		lock, err := m.k.CreatePrice(m.ctx)
		m.must(err)
		if lock != c.want {
			t.Errorf("%s later the lock is %d, want %d", c.wait, lock, c.want)
		}
	}
}

func TestCreationIsRefused(t *testing.T) {
	m := newMarket(t, nil)
	m.create("ann", "chat")
	bob := m.player("bob", 10_000*tao)
	_, err := m.k.Create(m.ctx, bob, "chat", types.Mechanism{Id: "exact"}, types.Identity{}, 0)
	m.refuses(err, types.ErrNameTaken)
	_, err = m.k.Create(m.ctx, bob, "other", types.Mechanism{Id: "exact"}, types.Identity{}, 1999*tao)
	m.refuses(err, types.ErrTooExpensive)
	_, err = m.k.Create(m.ctx, m.moduleAccount(), "other", types.Mechanism{Id: "exact"}, types.Identity{}, 0)
	m.refuses(err, types.ErrCannotPay)
	if _, err = m.k.Create(m.ctx, m.player("poor", 5), "other", types.Mechanism{Id: "exact"}, types.Identity{}, 0); err == nil {
		t.Fatal("a subnet without its lock")
	}
}

func TestFourSubnetsInADay(t *testing.T) {
	m := newMarket(t, nil)
	for i := range 4 {
		m.create("ann", fmt.Sprintf("s%d", i))
		m.wait(time.Hour)
	}
	bob := m.player("bob", 100_000*tao)
	_, err := m.k.Create(m.ctx, bob, "fifth", types.Mechanism{Id: "exact"}, types.Identity{}, 0)
	m.refuses(err, types.ErrTooSoon)
	m.wait(20 * time.Hour) // a day after the first
	_, err = m.k.Create(m.ctx, bob, "fifth", types.Mechanism{Id: "exact"}, types.Identity{}, 0)
	m.must(err)
	_, err = m.k.Create(m.ctx, bob, "sixth", types.Mechanism{Id: "exact"}, types.Identity{}, 0)
	m.refuses(err, types.ErrTooSoon)
}

func TestOnlyTheOwnerStartsASubnetAndOnce(t *testing.T) {
	m := newMarket(t, nil)
	netuid := m.create("ann", "chat")
	m.refuses(m.k.Start(m.ctx, m.player("bob", 0), netuid), types.ErrNotAllowed)
	m.pass(1000)
	m.must(m.k.Start(m.ctx, m.player("ann", 0), netuid))
	m.refuses(m.k.Start(m.ctx, m.player("ann", 0), netuid), types.ErrStarted)
	m.refuses(m.k.Start(m.ctx, m.player("ann", 0), 9), types.ErrNoSubnet)
	subnet := m.subnet(netuid)
	if end := keeper.EpochAt(subnet); subnet.TempoStart > m.ctx.BlockHeight()+1 || end <= m.ctx.BlockHeight() {
		t.Fatalf("at block %d the first tempo is %d to %d", m.ctx.BlockHeight(), subnet.TempoStart, end)
	}
}

func TestEpochsOfSubnetsAreStaggered(t *testing.T) {
	m := newMarket(t, func(p *types.Params) { p.MaxCreationsPerDay = 100 })
	seen := map[int64]bool{}
	for i := range 20 {
		end := keeper.EpochAt(m.subnet(m.started("ann", fmt.Sprintf("s%d", i))))
		if seen[end] {
			t.Fatalf("two epochs at block %d", end)
		}
		seen[end] = true
	}
}

func TestDissolvingReturnsNineTenthsAndLeavesNothing(t *testing.T) {
	m := newMarket(t, nil)
	netuid := m.started("ann", "chat")
	ann := m.player("ann", 0)
	val := m.validate("val", 100*tao)
	uid := m.register("val", netuid, "v")
	m.register("carl", netuid, "c")
	m.must(m.k.SetVoice(m.ctx, val, netuid, uid))
	m.govern(netuid, types.Immunity, 7)
	m.must(m.k.RecordStanding(m.ctx, netuid, []uint64{1, 2}, []bool{true, false}))
	m.must(m.k.TakeSlot(m.ctx, netuid, public(hotKey("c")), types.SlotCommit))
	m.wait(14 * day) // young no more

	m.refuses(m.k.Dissolve(m.ctx, val, netuid), types.ErrNotAllowed)
	before := m.supply()
	m.must(m.k.Dissolve(m.ctx, ann, netuid))
	if got := m.balanceOf(ann); got != 900*tao {
		t.Errorf("the owner has %d rao, want 900 TAO", got)
	}
	if burned := before - m.supply(); burned != 100*tao {
		t.Errorf("%d rao burned, want 100 TAO", burned)
	}
	if len(m.hooks.dissolved) != 1 || m.hooks.dissolved[0] != netuid {
		t.Errorf("hooks heard of %v", m.hooks.dissolved)
	}
	genesis, err := m.k.ExportGenesis(m.ctx)
	m.must(err)
	if n := len(genesis.Subnets) + len(genesis.Neurons) + len(genesis.Voices) + len(genesis.Values) +
		len(genesis.Standings) + len(genesis.Slots); n != 0 {
		t.Errorf("left behind: %+v", genesis)
	}
	if _, hot := m.k.HotAccountKey(m.ctx, types.HotAccount(public(hotKey("c")))); hot {
		t.Error("the hot key's account is still bound")
	}
	m.holds()
	if again := m.create("ann", "chat"); again == netuid {
		t.Error("a netuid was used twice")
	}
}

func TestGovernanceDissolves(t *testing.T) {
	m := newMarket(t, nil)
	netuid := m.create("ann", "chat")
	m.must(m.k.Dissolve(m.ctx, m.gov, netuid))
	_, err := m.k.Subnet(m.ctx, netuid)
	m.refuses(err, types.ErrNoSubnet)
	m.holds()
}

// TestClearingIsPaidForBeforeItIsDone prices a creation that would prune, and a dissolution, by the size of what goes.
func TestClearingIsPaidForBeforeItIsDone(t *testing.T) {
	m := newMarket(t, func(p *types.Params) { p.MaxSubnets, p.SubnetImmunitySeconds = 1, 0 })
	netuid := m.started("ann", "chat")
	m.register("bob", netuid, "bob")
	m.pass(1)
	_, err := m.k.Create(m.ctx, m.player("eve", 1e6*tao), "next", types.Mechanism{Id: "exact"}, types.Identity{}, 1)
	m.refuses(err, types.ErrTooExpensive)
	m.subnet(netuid) // still there
	before := m.ctx.GasMeter().GasConsumed()
	m.must(m.k.Dissolve(m.ctx, m.player("ann", 0), netuid))
	if used := m.ctx.GasMeter().GasConsumed() - before; used < 10_000 {
		t.Errorf("dissolving a subnet with a neuron used %d gas", used)
	}
	m.holds()
}

func TestAFullMarketPrunesTheLowestSmoothedEmission(t *testing.T) {
	m := newMarket(t, func(p *types.Params) { p.MaxSubnets = 3 })
	for i, emission := range []uint64{500, 100, 900} {
		netuid := m.create(fmt.Sprintf("o%d", i), fmt.Sprintf("s%d", i))
		m.register("miner", netuid, "miner")
		m.pass(360)
		m.must(m.k.RecordStanding(m.ctx, netuid, []uint64{emission * tao}, []bool{false}))
	}
	dan := m.player("dan", 100_000*tao)
	_, err := m.k.Create(m.ctx, dan, "new", types.Mechanism{Id: "exact"}, types.Identity{}, 0)
	m.refuses(err, types.ErrNoRoom) // all are immune

	m.wait(183 * day)
	subnet, err := m.k.Create(m.ctx, dan, "new", types.Mechanism{Id: "exact"}, types.Identity{}, 0)
	m.must(err)
	if _, err := m.k.SubnetNamed(m.ctx, "s1"); err == nil || subnet.Netuid != 4 {
		t.Fatalf("s1 lives: %v, the new one is netuid %d", err == nil, subnet.Netuid)
	}
	if refund := m.balanceOf(m.player("o1", 0)); refund == 0 {
		t.Error("the pruned subnet's owner got nothing back")
	}
	m.holds()
}

func TestAnOldSubnetWithoutEpochsFadesBelowALivingOne(t *testing.T) {
	m := newMarket(t, func(p *types.Params) { p.MaxSubnets = 2 })
	once, steady := m.create("ann", "once"), m.create("bob", "steady")
	m.pass(360)
	m.must(m.k.RecordStanding(m.ctx, once, []uint64{1000 * tao}, nil))
	for range 2000 {
		m.pass(360)
		m.must(m.k.RecordStanding(m.ctx, steady, []uint64{10 * tao}, nil))
	}
	m.wait(year)
	m.create("dan", "new")
	_, err := m.k.Subnet(m.ctx, once)
	m.refuses(err, types.ErrNoSubnet)
	m.subnet(steady)
}

// moduleAccount is an address that cannot receive coins.
func (m *market) moduleAccount() string {
	return m.account.GetModuleAddress(types.ModuleName).String()
}
