package keeper_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"agora/chain/x/subnet/types"
)

// TestShuttingCreationCosts creates and dissolves four subnets in an hour: the day's places are free again, the price stays
// where it was raised to, what the locks cost above the lowest is burned, and the rest comes back after 14 days.
func TestShuttingCreationCosts(t *testing.T) {
	m := newMarket(t, nil)
	ann, before := m.player("ann", 16_000*tao), m.supply()
	for i := range 4 {
		subnet, err := m.k.Create(m.ctx, ann, fmt.Sprint("s", i), types.Mechanism{Id: "exact"}, types.Identity{}, 0)
		m.must(err)
		m.must(m.k.Dissolve(m.ctx, ann, subnet.Netuid))
		m.holds()
	}
	burned := before + 16_000*tao - m.supply()
	before = m.supply()
	if least := uint64(11_000 * tao); burned < least {
		t.Errorf("shutting creation burned %d rao, want at least %d", burned, least)
	}
	if price, err := m.k.CreatePrice(m.ctx); err != nil || price != 16_000*tao {
		t.Errorf("the next lock is %d rao, %v", price, err)
	}
	held, err := m.k.ExportGenesis(m.ctx)
	m.must(err)
	if len(held.HeldLocks) != 4 {
		t.Fatalf("held: %+v", held.HeldLocks)
	}

	had := m.balanceOf(ann)
	m.wait(14*day - time.Second)
	m.must(m.k.EndBlock(m.ctx))
	if m.balanceOf(ann) != had {
		t.Error("a held lock was paid back before it was due")
	}
	m.wait(time.Second)
	m.must(m.k.EndBlock(m.ctx))
	if got := m.balanceOf(ann) - had; got != 4*900*tao {
		t.Errorf("%d rao came back, want 3,600 TAO", got)
	}
	if m.supply() != before {
		t.Error("paying back changed the supply")
	}
	m.holds()
}

func TestADissolvedSubnetsPlaceInTheDayIsFree(t *testing.T) {
	m := newMarket(t, nil)
	for i := range 4 {
		m.create("ann", fmt.Sprint("s", i))
		m.wait(time.Minute)
	}
	bob := m.player("bob", 100_000*tao)
	create := func(name string) error {
		_, err := m.k.Create(m.ctx, bob, name, types.Mechanism{Id: "exact"}, types.Identity{}, 0)
		return err
	}
	m.refuses(create("fifth"), types.ErrTooSoon)
	m.must(m.k.Dissolve(m.ctx, m.player("ann", 0), 2))
	m.must(create("fifth"))
	m.refuses(create("sixth"), types.ErrTooSoon)
}

func TestASubnetIsHandedOverAfterAWait(t *testing.T) {
	m := newMarket(t, nil)
	netuid := m.started("ann", "chat")
	ann, bob := m.player("ann", 0), m.player("bob", 0)
	m.refuses(m.k.ProposeSubnetOwner(m.ctx, bob, netuid, bob), types.ErrNotAllowed)
	m.refuses(m.k.ProposeSubnetOwner(m.ctx, ann, netuid, ann), types.ErrInvalid)
	m.refuses(m.k.ProposeSubnetOwner(m.ctx, ann, netuid, m.moduleAccount()), types.ErrCannotPay)
	m.must(m.k.ProposeSubnetOwner(m.ctx, ann, netuid, bob))
	m.refuses(m.k.AcceptSubnetOwner(m.ctx, bob, netuid), types.ErrTooSoon)
	m.refuses(m.k.AcceptSubnetOwner(m.ctx, m.player("eve", 0), netuid), types.ErrNoChange)
	m.must(m.k.CancelSubnetOwner(m.ctx, ann, netuid))
	m.wait(3 * day)
	m.refuses(m.k.AcceptSubnetOwner(m.ctx, bob, netuid), types.ErrNoChange)

	m.must(m.k.ProposeSubnetOwner(m.ctx, ann, netuid, bob))
	m.wait(3 * day)
	if m.subnet(netuid).Owner != ann {
		t.Fatal("a proposal alone handed the subnet over")
	}
	m.must(m.k.AcceptSubnetOwner(m.ctx, bob, netuid))
	m.refuses(m.k.SetParameter(m.ctx, ann, netuid, types.Immunity, 6_000), types.ErrNotAllowed)
	m.must(m.k.SetParameter(m.ctx, bob, netuid, types.Immunity, 6_000))
	m.wait(30 * day)
	m.must(m.k.Dissolve(m.ctx, bob, netuid))
	if got := m.balanceOf(bob); got != 900*tao {
		t.Errorf("the lock's rest came to the new owner as %d rao", got)
	}
	m.holds()
}

// TestGovernanceRecoversASubnetWhoseKeyIsLost hands a subnet over against an owner whose key a thief has.
func TestGovernanceRecoversASubnetWhoseKeyIsLost(t *testing.T) {
	m := newMarket(t, nil)
	netuid := m.started("ann", "chat")
	thief, heir := m.player("ann", 0), m.player("heir", 0)
	m.must(m.k.ProposeSubnetOwner(m.ctx, thief, netuid, m.player("eve", 0)))
	m.must(m.k.ProposeSubnetOwner(m.ctx, m.gov, netuid, heir))
	m.refuses(m.k.CancelSubnetOwner(m.ctx, thief, netuid), types.ErrNotAllowed)
	m.refuses(m.k.ProposeSubnetOwner(m.ctx, thief, netuid, m.player("eve", 0)), types.ErrNotAllowed)
	m.wait(3 * day)
	m.must(m.k.AcceptSubnetOwner(m.ctx, heir, netuid))
	if s := m.subnet(netuid); s.Owner != heir || s.NewOwner != "" || s.NewOwnerByGovernance {
		t.Errorf("after the recovery %+v", s)
	}
	m.must(m.k.ProposeSubnetOwner(m.ctx, m.gov, netuid, thief))
	m.must(m.k.CancelSubnetOwner(m.ctx, m.gov, netuid))
	m.holds()
}

func TestASubnetsDescriptionChangesWithAWait(t *testing.T) {
	m := newMarket(t, nil)
	netuid := m.create("ann", "chat")
	ann := m.player("ann", 0)
	mechanism := func(source string) types.Mechanism { return types.Mechanism{Id: "exact", SourceUri: source} }
	m.must(m.k.Describe(m.ctx, ann, netuid, mechanism("https://a.example"), types.Identity{Name: "A"}))
	if s := m.subnet(netuid); s.Identity.Name != "A" || s.Next != nil {
		t.Fatalf("before the start %+v", s)
	}
	m.must(m.k.Start(m.ctx, ann, netuid))
	m.refuses(m.k.Describe(m.ctx, m.player("bob", 0), netuid, mechanism(""), types.Identity{}), types.ErrNotAllowed)
	m.refuses(m.k.Describe(m.ctx, ann, netuid, types.Mechanism{Id: "other"}, types.Identity{}), types.ErrInvalid)
	m.must(m.k.Describe(m.ctx, ann, netuid, mechanism("https://b.example"), types.Identity{Name: "B"}))
	m.wait(3*day - time.Second)
	m.advance(netuid)
	if s := m.subnet(netuid); s.Identity.Name != "A" || s.Next == nil {
		t.Fatalf("before the wait is over %+v", s)
	}
	genesis, err := m.k.ExportGenesis(m.ctx)
	m.must(err)
	m.must(genesis.Validate())
	m.wait(time.Second)
	if m.subnet(netuid).Identity.Name != "A" {
		t.Fatal("the description changed within a tempo")
	}
	m.advance(netuid)
	if s := m.subnet(netuid); s.Identity.Name != "B" || s.Mechanism.SourceUri != "https://b.example" || s.Next != nil {
		t.Fatalf("after the wait %+v", s)
	}
	m.holds()
}

// Whoever mines or judges has a week to try another module; a vote, which took its own time, has the shorter wait.
func TestAnotherModuleWaitsLongerThanWords(t *testing.T) {
	m := newMarket(t, nil)
	ann := m.player("ann", 1e6*tao)
	module := func(digit string) types.Mechanism {
		return types.Mechanism{Id: types.TaskModule, Digest: "sha256:" + strings.Repeat(digit, 64)}
	}
	subnet, err := m.k.Create(m.ctx, ann, "captions", module("1"), types.Identity{}, 0)
	m.must(err)
	m.must(m.k.Start(m.ctx, ann, subnet.Netuid))
	waits := func(sender string, next types.Mechanism, want time.Duration) {
		t.Helper()
		m.must(m.k.Describe(m.ctx, sender, subnet.Netuid, next, types.Identity{}))
		if got := m.subnet(subnet.Netuid).Next.From.Sub(m.ctx.BlockTime()); got != want {
			t.Errorf("it waits %v, want %v", got, want)
		}
	}
	waits(ann, module("1"), 3*day)
	waits(ann, module("2"), 7*day)
	waits(m.gov, module("3"), 3*day)
	waits(ann, module("2"), 7*day)
	m.wait(7 * day)
	m.advance(subnet.Netuid)
	if got := m.subnet(subnet.Netuid).Mechanism; got != module("2") {
		t.Errorf("after a week the module is %v", got)
	}
	m.refuses(types.Mechanism{Id: types.TaskModule}.Validate(), types.ErrInvalid)
	m.holds()
}
