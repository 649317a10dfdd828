package keeper_test

import (
	"errors"
	"testing"

	"agora/chain/x/subnet/types"
)

func TestRegisteringBurnsThePriceAndBindsTheHotKey(t *testing.T) {
	m := newMarket(t, nil)
	netuid := m.started("ann", "chat")
	carl, key := m.player("carl", 10*tao), hotKey("c")
	before := m.supply()
	seat, err := m.k.Register(m.ctx, carl, netuid, m.claim(carl, netuid, key), 2*tao)
	m.must(err)
	if seat.Uid != 0 || seat.Price != tao || seat.Bid || before-m.supply() != tao || m.balanceOf(carl) != 9*tao {
		t.Fatalf("%+v, burned %d, left %d", seat, before-m.supply(), m.balanceOf(carl))
	}
	neuron, err := m.k.NeuronOfHotKey(m.ctx, netuid, public(key))
	m.must(err)
	if neuron.Owner != carl || neuron.Registered != m.ctx.BlockHeight() {
		t.Fatalf("stored %+v", neuron)
	}
	account := types.HotAccount(public(key))
	if m.account.GetAccount(m.ctx, account) == nil {
		t.Error("the hot key has no account")
	}
	if found, ok := m.k.HotAccountKey(m.ctx, account); !ok || string(found) != string(public(key)) {
		t.Error("the account does not lead to the hot key")
	}
	m.holds()
}

func TestThePriceRisesPerRegistrationAndHalvesOncePerTempo(t *testing.T) {
	m := newMarket(t, nil)
	netuid := m.started("ann", "chat")
	m.register("carl", netuid, "c")
	price := func() uint64 {
		p, err := m.k.RegisterPrice(m.ctx, netuid)
		m.must(err)
		return p
	}
	if price() != 1_260_000_000 {
		t.Fatalf("after one registration %d", price())
	}
	m.pass(359)
	if price() != 1_260_000_000 {
		t.Fatalf("before the tempo's end %d", price())
	}
	m.advance(netuid)
	if price() != 630_000_000 {
		t.Fatalf("a tempo later %d", price())
	}
	m.govern(netuid, types.MaxBurn, 500_000_000)
	m.govern(netuid, types.MinBurn, 400_000_000)
	for _, want := range []uint64{500_000_000, 400_000_000, 400_000_000} {
		if price() != want {
			t.Fatalf("price %d, want %d within its bounds", price(), want)
		}
		m.advance(netuid)
	}
}

func TestRegistrationIsRefused(t *testing.T) {
	m := newMarket(t, nil)
	netuid := m.started("ann", "chat")
	carl, dora := m.player("carl", 100*tao), m.player("dora", 100*tao)
	key := hotKey("c")
	good := m.claim(carl, netuid, key)
	m.pass(1)
	for name, c := range map[string]struct {
		owner string
		claim types.Claim
		max   uint64
		want  error
	}{
		"price above the maximum":   {carl, good, tao / 2, types.ErrTooExpensive},
		"proof made for another":    {dora, good, 2 * tao, types.ErrProof},
		"proof for another subnet":  {carl, m.claim(carl, netuid+1, key), 2 * tao, types.ErrProof},
		"key that he does not hold": {carl, types.Claim{HotKey: public(hotKey("d")), Proof: good.Proof, Expiry: good.Expiry}, 2 * tao, types.ErrProof},
		"longer expiry than signed": {carl, types.Claim{HotKey: good.HotKey, Proof: good.Proof, Expiry: good.Expiry + 1}, 2 * tao, types.ErrProof},
		"expired proof":             {carl, types.Claim{HotKey: good.HotKey, Proof: types.SignProof(key, chainID, netuid, carl, 1), Expiry: 1}, 2 * tao, types.ErrProof},
		"proof that lasts too long": {carl, types.Claim{HotKey: good.HotKey, Proof: types.SignProof(key, chainID, netuid, carl, 1e6), Expiry: 1e6}, 2 * tao, types.ErrProof},
		"owner who cannot be paid":  {m.moduleAccount(), good, 2 * tao, types.ErrCannotPay},
	} {
		if _, err := m.k.Register(m.ctx, c.owner, netuid, c.claim, c.max); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	own := types.HotAccount(public(key)).String()
	_, err := m.k.Register(m.ctx, own, netuid, m.claim(own, netuid, key), 2*tao)
	m.refuses(err, types.ErrNotAllowed)
	_, err = m.k.Register(m.ctx, carl, 7, good, 2*tao)
	m.refuses(err, types.ErrNoSubnet)
	m.govern(netuid, types.RegistrationOpen, 0)
	_, err = m.k.Register(m.ctx, carl, netuid, good, 2*tao)
	m.refuses(err, types.ErrClosed)
	m.holds()
}

func TestAHotKeyHasOneOwnerOverAllSubnets(t *testing.T) {
	m := newMarket(t, nil)
	chat, text := m.started("ann", "chat"), m.started("ann", "text")
	m.register("carl", chat, "c")
	dora := m.player("dora", 10*tao)
	_, err := m.k.Register(m.ctx, dora, text, m.claim(dora, text, hotKey("c")), 2*tao)
	m.refuses(err, types.ErrHotKeyTaken)
	carl := m.player("carl", 10*tao)
	_, err = m.k.Register(m.ctx, carl, chat, m.claim(carl, chat, hotKey("c")), 2*tao)
	m.refuses(err, types.ErrHotKeyTaken)
	m.register("carl", text, "c")
	m.holds()
}

func TestAHotAccountOwnsNothing(t *testing.T) {
	m := newMarket(t, nil)
	netuid := m.started("ann", "chat")
	m.register("carl", netuid, "c")
	hot := types.HotAccount(public(hotKey("c")))
	m.must(m.bank.MintCoins(m.ctx, purse, coins(5000*tao)))
	m.must(m.bank.SendCoinsFromModuleToAccount(m.ctx, purse, hot, coins(5000*tao)))
	_, err := m.k.Create(m.ctx, hot.String(), "mine", types.Mechanism{Id: "exact"}, types.Identity{}, 0)
	m.refuses(err, types.ErrNotAllowed)
	_, err = m.k.Register(m.ctx, hot.String(), netuid, m.claim(hot.String(), netuid, hotKey("d")), 2*tao)
	m.refuses(err, types.ErrNotAllowed)
	m.refuses(m.k.ProposeOwner(m.ctx, m.player("carl", 0), netuid, 0, hot.String()), types.ErrNotAllowed)
}
