package keeper_test

import (
	"errors"
	"fmt"
	"testing"

	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"

	"agora/chain/x/subnet/types"
)

func TestRegisteringBurnsThePriceAndBindsTheHotKey(t *testing.T) {
	m := newMarket(t, nil)
	netuid := m.started("ann", "chat")
	carl, key := m.player("carl", 10*tao), hotKey("c")
	before := m.supply()
	uid, paid, err := m.k.Register(m.ctx, carl, netuid, m.claim(carl, netuid, key), 2*tao)
	m.must(err)
	if uid != 0 || paid != tao || before-m.supply() != tao || m.balanceOf(carl) != 9*tao {
		t.Fatalf("uid %d, paid %d, burned %d, left %d", uid, paid, before-m.supply(), m.balanceOf(carl))
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

func TestThePriceRisesPerRegistrationAndHalvesWithTime(t *testing.T) {
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
	m.pass(360)
	if price() != 630_000_000 {
		t.Fatalf("a half-life later %d", price())
	}
	m.govern(netuid, types.BurnHalfLife, 720) // counts from now
	m.pass(360)
	if p := price(); p < 445_000_000 || p > 446_000_000 { // 630 · 2^(−1/2)
		t.Fatalf("half a half-life later %d", p)
	}
	m.pass(100_000)
	if price() != 500_000 {
		t.Fatalf("long after %d, want min_burn", price())
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
		if _, _, err := m.k.Register(m.ctx, c.owner, netuid, c.claim, c.max); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	own := types.HotAccount(public(key)).String()
	_, _, err := m.k.Register(m.ctx, own, netuid, m.claim(own, netuid, key), 2*tao)
	m.refuses(err, types.ErrNotAllowed)
	_, _, err = m.k.Register(m.ctx, carl, 7, good, 2*tao)
	m.refuses(err, types.ErrNoSubnet)
	m.govern(netuid, types.RegistrationOpen, 0)
	_, _, err = m.k.Register(m.ctx, carl, netuid, good, 2*tao)
	m.refuses(err, types.ErrClosed)
	m.holds()
}

func TestAHotKeyHasOneOwnerOverAllSubnets(t *testing.T) {
	m := newMarket(t, nil)
	chat, text := m.started("ann", "chat"), m.started("ann", "text")
	m.register("carl", chat, "c")
	dora := m.player("dora", 10*tao)
	_, _, err := m.k.Register(m.ctx, dora, text, m.claim(dora, text, hotKey("c")), 2*tao)
	m.refuses(err, types.ErrHotKeyTaken)
	carl := m.player("carl", 10*tao)
	_, _, err = m.k.Register(m.ctx, carl, chat, m.claim(carl, chat, hotKey("c")), 2*tao)
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
	_, _, err = m.k.Register(m.ctx, hot.String(), netuid, m.claim(hot.String(), netuid, hotKey("d")), 2*tao)
	m.refuses(err, types.ErrNotAllowed)
	m.refuses(m.k.ProposeOwner(m.ctx, m.player("carl", 0), netuid, 0, hot.String()), types.ErrNotAllowed)
}

func TestRegistrationsPerBlockAreBounded(t *testing.T) {
	m := newMarket(t, nil)
	netuid := m.started("ann", "chat")
	m.govern(netuid, types.RegistrationsPerBlock, 2)
	m.register("carl", netuid, "a")
	m.register("carl", netuid, "b")
	carl := m.player("carl", 10*tao)
	_, _, err := m.k.Register(m.ctx, carl, netuid, m.claim(carl, netuid, hotKey("c")), 10*tao)
	m.refuses(err, types.ErrTooSoon)
	m.pass(1)
	m.register("carl", netuid, "c")
}

// fullSubnet is a subnet of 4 places: uid 0 belongs to the subnet's owner, 1 to val's voice, 2 and 3 to carl and dora.
func fullSubnet(t *testing.T) (m *market, netuid uint32) {
	m = newMarket(t, func(p *types.Params) { p.MinTempo = 10 })
	netuid = m.started("ann", "chat")
	m.govern(netuid, types.MaxUids, 4)
	m.govern(netuid, types.Tempo, 10)
	m.govern(netuid, types.RevealDelay, 1)
	m.govern(netuid, types.Immunity, 50)
	m.must(m.k.AdvanceEpoch(m.ctx, netuid)) // tempo 10 from now on
	val := m.validate("val", 100*tao)
	for _, name := range []string{"ann", "val", "carl", "dora"} {
		m.register(name, netuid, name)
		m.pass(1)
	}
	m.must(m.k.SetVoice(m.ctx, val, netuid, 1))
	return m, netuid
}

func TestNobodyImmuneIsEvicted(t *testing.T) {
	m, netuid := fullSubnet(t)
	eve := m.player("eve", 100*tao)
	_, _, err := m.k.Register(m.ctx, eve, netuid, m.claim(eve, netuid, hotKey("eve")), 100*tao)
	m.refuses(err, types.ErrNoRoom)
}

// TestImmunityOutlastsTheRevealOfWeights registers frank while weights stay hidden for 4 tempos; what the owner changes
// later does not shorten his time to be judged.
func TestImmunityOutlastsTheRevealOfWeights(t *testing.T) {
	m, netuid := fullSubnet(t)
	m.govern(netuid, types.RevealDelay, 4)
	m.govern(netuid, types.MaxUids, 5)
	m.must(m.k.AdvanceEpoch(m.ctx, netuid))
	frank := m.register("frank", netuid, "frank") // safe for (4 + 2) · 10 blocks
	m.govern(netuid, types.RevealDelay, 1)
	m.govern(netuid, types.Immunity, 0)
	m.must(m.k.AdvanceEpoch(m.ctx, netuid))
	m.pass(59)
	for _, name := range []string{"eve", "fay"} { // in the places of carl and dora
		m.register(name, netuid, name)
	}
	gus := m.player("gus", 100*tao)
	_, _, err := m.k.Register(m.ctx, gus, netuid, m.claim(gus, netuid, hotKey("gus")), 100*tao)
	m.refuses(err, types.ErrNoRoom)
	m.pass(1)
	if uid := m.register("gus", netuid, "gus"); uid != frank {
		t.Errorf("uid %d went, want frank's, %d", uid, frank)
	}
}

func TestTheLowestByEmissionAgeAndUidGoes(t *testing.T) {
	for name, c := range map[string]struct {
		emissions []uint64
		want      uint32
	}{
		"lower emission":          {[]uint64{0, 0, 7, 5}, 3},
		"equal emission, older":   {[]uint64{0, 0, 5, 5}, 2},
		"one rao decides":         {[]uint64{0, 0, 1_000_000_000_001, 1_000_000_000_000}, 3},
		"no epoch yet, the older": {nil, 2},
	} {
		t.Run(name, func(t *testing.T) {
			m, netuid := fullSubnet(t)
			m.pass(100)
			m.must(m.k.RecordStanding(m.ctx, netuid, c.emissions, make([]bool, len(c.emissions))))
			if uid := m.register("eve", netuid, "eve"); uid != c.want {
				t.Fatalf("uid %d went, want %d", uid, c.want)
			}
			if n := m.neuron(netuid, c.want); n.Owner != m.player("eve", 0) || n.Registered != m.ctx.BlockHeight() {
				t.Errorf("seated %+v", n)
			}
			m.holds()
		})
	}
}

func TestPermittedVoiceAndOwnersKeyStay(t *testing.T) {
	m, netuid := fullSubnet(t)
	m.pass(1000)
	m.must(m.k.RecordStanding(m.ctx, netuid, []uint64{0, 0, 8, 9}, []bool{false, true, false, false}))
	if uid := m.register("eve", netuid, "eve"); uid != 2 {
		t.Fatalf("uid %d went, want 2", uid)
	}
	m.pass(1000)
	m.jail("val")
	for range types.MaxAbsence { // it is not permitted now, but was lately
		m.must(m.k.AdvanceEpoch(m.ctx, netuid))
		m.must(m.k.RecordStanding(m.ctx, netuid, []uint64{0, 0, 8, 9}, make([]bool, 4)))
	}
	if uid := m.register("fay", netuid, "fay"); uid == 1 {
		t.Fatal("a voice lost its seat within 20 tempos of absence")
	}
	m.pass(1000)
	m.must(m.k.AdvanceEpoch(m.ctx, netuid))
	if uid := m.register("gus", netuid, "gus"); uid != 1 {
		t.Fatalf("uid %d went, want the voice that was absent for more than 20 tempos", uid)
	}
	if _, is := m.k.VoiceOf(m.ctx, netuid, 1); is {
		t.Error("the evicted voice still speaks")
	}
	m.holds()
}

func TestOnlyOneKeyOfTheSubnetsOwnerIsProtected(t *testing.T) {
	m, netuid := fullSubnet(t)
	m.pass(100)
	m.must(m.k.RecordStanding(m.ctx, netuid, []uint64{0, 0, 1, 9}, make([]bool, 4)))
	if uid := m.register("ann", netuid, "ann2"); uid != 2 {
		t.Fatalf("uid %d went, want 2", uid)
	}
	m.pass(100)
	if uid := m.register("eve", netuid, "eve"); uid != 2 {
		t.Fatalf("uid %d went, want the owner's second key", uid)
	}
}

func TestAnEvictedKeyIsFreeAgain(t *testing.T) {
	m, netuid := fullSubnet(t)
	m.pass(100)
	m.must(m.k.RecordStanding(m.ctx, netuid, []uint64{0, 0, 1, 9}, make([]bool, 4)))
	m.register("eve", netuid, "eve")
	if _, hot := m.k.HotAccountKey(m.ctx, types.HotAccount(public(hotKey("carl")))); hot {
		t.Error("the account of the evicted key is still bound")
	}
	_, err := m.k.NeuronOfHotKey(m.ctx, netuid, public(hotKey("carl")))
	m.refuses(err, types.ErrNoNeuron)
	m.pass(100)
	m.register("gus", netuid, "carl")
	m.holds()
}

func TestAFullSubnetOf256KeepsItsOrder(t *testing.T) {
	m := newMarket(t, nil)
	netuid := m.started("ann", "chat")
	m.govern(netuid, types.MaxBurn, 100_000_000)
	m.govern(netuid, types.RegistrationsPerBlock, 64)
	for i := range 256 {
		if uid := m.register("carl", netuid, fmt.Sprint(i)); uid != uint32(i) {
			t.Fatalf("uid %d, want %d", uid, i)
		}
		m.pass(1)
	}
	m.pass(6000)
	for want := range uint32(3) {
		if uid := m.register("eve", netuid, fmt.Sprint("e", want)); uid != want {
			t.Fatalf("uid %d went, want the oldest, %d", uid, want)
		}
	}
	m.holds()
	m.ctx = m.ctx.WithGasMeter(storetypes.NewGasMeter(2_000_000))
	m.register("fay", netuid, "f")
	t.Logf("a registration that evicts uses %d gas", m.ctx.GasMeter().GasConsumed())
	m.ctx = m.ctx.WithGasMeter(storetypes.NewGasMeter(256*10_000 + 300_000))
	m.must(m.k.Dissolve(m.ctx, m.gov, netuid))
	m.holds()
}
