package keeper_test

import (
	"fmt"
	"slices"
	"testing"

	"agora/chain/network"
	"agora/chain/x/subnet/keeper"
	"agora/chain/x/subnet/types"
)

// fullSubnet is a subnet of 16 places: uid 0 belongs to the subnet's owner, 1 to val's voice, 2 and 3 to carl and dora, the
// others to fill.
func fullSubnet(t *testing.T) (m *market, netuid uint32) {
	m = newMarket(t, func(p *types.Params) { p.MinTempo, p.MinUids = 10, 16 })
	netuid = m.started("ann", "chat")
	m.govern(netuid, types.MaxUids, 16)
	m.govern(netuid, types.Tempo, 10)
	m.govern(netuid, types.RevealDelay, 1)
	m.govern(netuid, types.Immunity, 50)
	m.advance(netuid) // tempo 10 from now on
	val := m.validate("val", 100*tao)
	for _, name := range []string{"ann", "val", "carl", "dora"} {
		m.register(name, netuid, name)
		m.pass(1)
	}
	for i := 4; i < 16; i++ {
		m.register("fill", netuid, fmt.Sprint("fill", i))
		m.pass(1)
	}
	m.must(m.k.SetVoice(m.ctx, val, netuid, 1))
	return m, netuid
}

// judged records the emissions of the first uids, 1,000 of the others, and permits for those named.
func (m *market) judged(netuid uint32, emissions []uint64, permitted ...int) {
	m.Helper()
	all, permits := slices.Clone(emissions), make([]bool, 16)
	for len(all) < 16 {
		all = append(all, 1_000)
	}
	for _, uid := range permitted {
		permits[uid] = true
	}
	m.must(m.k.RecordStanding(m.ctx, netuid, all, permits))
}

// newcomers lists the uids whose neurons registered in this block.
func (m *market) newcomers(netuid uint32) (uids []uint32) {
	m.Helper()
	neurons, err := m.k.Neurons(m.ctx, netuid)
	m.must(err)
	for _, n := range neurons {
		if n.Registered == m.ctx.BlockHeight() {
			uids = append(uids, n.Uid)
		}
	}
	return uids
}

// ripe is fullSubnet after everybody's immunity, with a price of 1 TAO and these emissions.
func ripe(t *testing.T, emissions ...uint64) (m *market, netuid uint32) {
	m, netuid = fullSubnet(t)
	m.pass(100)
	m.judged(netuid, emissions, 1)
	m.govern(netuid, types.MinBurn, tao)
	m.govern(netuid, types.MaxBurn, tao)
	return m, netuid
}

func TestInAFullSubnetARegistrationIsABidUntilAfterTheEpoch(t *testing.T) {
	m, netuid := ripe(t, 0, 0, 7, 5)
	before := m.supply() + 3*tao // eve is given so much
	m.must(m.bid("eve", netuid, "eve", 3*tao))
	if m.balanceOf(m.player("eve", 0)) != 0 || m.supply() != before {
		t.Fatal("the bid is not held")
	}
	if _, err := m.k.NeuronOfHotKey(m.ctx, netuid, public(hotKey("eve"))); err == nil {
		t.Fatal("a seat changed hands before the epoch")
	}
	m.holds()
	m.advance(netuid)
	if n := m.neuron(netuid, 3); n.Owner != m.player("eve", 0) || n.Registered != m.ctx.BlockHeight() {
		t.Fatalf("uid 3 is %+v", n)
	}
	if left, burned := m.balanceOf(m.player("eve", 0)), before-m.supply(); left != 2*tao || burned != tao {
		t.Errorf("the lone bid burned %d and got %d back, want the price and the rest", burned, left)
	}
	if uids := m.newcomers(netuid); !slices.Equal(uids, []uint32{3}) {
		t.Errorf("uids %v changed hands", uids)
	}
	m.holds()
}

func TestTheHighestBidsTakeTheSeatsAndTheOthersGetEveryRaoBack(t *testing.T) {
	m, netuid := ripe(t)
	for i, rao := range []uint64{5 * tao, 3 * tao, 4*tao + 1, 2 * tao} {
		m.must(m.bid(fmt.Sprint("b", i), netuid, fmt.Sprint("b", i), rao))
	}
	m.refuses(m.bid("late", netuid, "late", 2*tao), types.ErrOutbid) // an equal bid comes later
	m.must(m.bid("more", netuid, "more", 2*tao+1))
	if got := m.balanceOf(m.player("b3", 0)); got != 2*tao {
		t.Fatalf("the lowest got %d rao back when it was outbid", got)
	}
	m.holds()
	before := m.supply()
	m.advance(netuid)
	if burned := before - m.supply(); burned != 4*2*tao {
		t.Errorf("four seats burned %d rao, want the highest bid that got none from each", burned)
	}
	for name, left := range map[string]uint64{"b0": 3 * tao, "b1": tao, "b2": 2*tao + 1, "more": 1} {
		if got := m.balanceOf(m.player(name, 0)); got != left {
			t.Errorf("%s has %d rao left, want %d", name, got, left)
		}
		_, err := m.k.NeuronOfHotKey(m.ctx, netuid, public(hotKey(name)))
		m.must(err)
	}
	m.holds()
}

func TestNobodyTakesMoreSeatsOfATempoThanTheQuota(t *testing.T) {
	for most, want := range map[int64]int{16: 4, 64: 4, 65: 4, 80: 5, 256: 16, 4_096: 256} {
		if got := keeper.Quota(most); got != want {
			t.Errorf("of %d seats %d change hands, want %d", most, got, want)
		}
	}
	m, netuid := ripe(t)
	var refused int
	for i := range 20 {
		if m.bid("rich", netuid, fmt.Sprint("r", i), 100*tao) != nil {
			refused++
		}
	}
	m.advance(netuid)
	if uids := m.newcomers(netuid); len(uids) != 4 || refused != 16 {
		t.Errorf("%d seats changed hands and %d bids were refused", len(uids), refused)
	}
	m.holds()
}

func TestTheLowestByEmissionAgeAndUidGoes(t *testing.T) {
	for name, c := range map[string]struct {
		emissions []uint64
		want      uint32
	}{
		"lower emission":        {[]uint64{0, 0, 7, 5}, 3},
		"equal emission, older": {[]uint64{0, 0, 5, 5}, 2},
		"one rao decides":       {[]uint64{0, 0, 101, 100}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			m, netuid := ripe(t, c.emissions...)
			m.must(m.bid("eve", netuid, "eve", tao))
			m.advance(netuid)
			if n := m.neuron(netuid, c.want); n.Owner != m.player("eve", 0) {
				t.Errorf("uid %d is still %s's", c.want, n.Owner)
			}
			m.holds()
		})
	}
}

// With everybody new a quarter of the seats is open all the same, those of the longest seated.
func TestAtMostFourFifthsOfTheSeatsAreImmune(t *testing.T) {
	m, netuid := fullSubnet(t)
	for i := range 4 {
		m.must(m.bid("eve", netuid, fmt.Sprint("e", i), 50*tao))
	}
	m.advance(netuid)
	if uids := m.newcomers(netuid); !slices.Equal(uids, []uint32{2, 3, 4, 5}) {
		t.Errorf("uids %v changed hands, want the four oldest that are not protected", uids)
	}
	for seats, want := range map[int]int{16: 4, 17: 5, 36: 9, 40: 10, 49: 10, 50: 10, 64: 13, 256: 52, 4_096: 820} {
		if got := keeper.LeastOpen(seats); got != want {
			t.Errorf("of %d seats %d are never immune, want %d", seats, got, want)
		}
	}
}

// What the owner changes later does not shorten the time in which a newcomer cannot have been judged, and no setting makes
// it longer than 100,000 blocks.
func TestANewcomerIsSafeUntilHeCanHaveBeenJudged(t *testing.T) {
	m, netuid := ripe(t)
	m.govern(netuid, types.RevealDelay, 4)
	m.govern(netuid, types.MaxUids, 17)
	m.advance(netuid)
	frank := m.register("frank", netuid, "frank") // safe for (4 + 2) · 10 blocks
	m.govern(netuid, types.RevealDelay, 1)
	m.govern(netuid, types.Immunity, 0)
	m.advance(netuid)
	if safe := m.neuron(netuid, frank).JudgedFrom - m.ctx.BlockHeight(); safe != 60 {
		t.Errorf("safe for %d blocks, want 60", safe)
	}
	m.pass(59)
	m.must(m.k.RecordStanding(m.ctx, netuid, append(slices.Repeat([]uint64{9}, 16), 0), make([]bool, 17)))
	m.must(m.bid("eve", netuid, "eve", tao))
	m.advance(netuid)
	if m.neuron(netuid, frank).Owner != m.player("frank", 0) {
		t.Error("frank went before he could be judged")
	}
	m.pass(1)
	m.must(m.bid("gus", netuid, "gus", tao))
	m.advance(netuid)
	if m.neuron(netuid, frank).Owner != m.player("gus", 0) {
		t.Error("frank stayed, who earned least")
	}

	long := newMarket(t, nil)
	other := long.create("ann", "long")
	long.govern(other, types.RevealDelay, 100)
	long.govern(other, types.Tempo, 50_400)
	long.must(long.k.Start(long.ctx, long.player("ann", 0), other))
	uid := long.register("carl", other, "c")
	if safe := long.neuron(other, uid).JudgedFrom - long.ctx.BlockHeight(); safe != 100_000 {
		t.Errorf("a newcomer is safe for %d blocks, want 100,000 at most", safe)
	}
}

func TestOnlyOneKeyOfTheSubnetsOwnerIsProtected(t *testing.T) {
	m, netuid := ripe(t, 0, 0, 1)
	m.must(m.bid("ann", netuid, "ann2", tao))
	m.advance(netuid)
	if m.neuron(netuid, 2).Owner != m.player("ann", 0) || m.neuron(netuid, 0).HotKey[0] != public(hotKey("ann"))[0] {
		t.Fatal("ann's bid did not take the weakest seat")
	}
	m.pass(100)
	m.judged(netuid, []uint64{0, 0, 1}, 1)
	m.must(m.bid("eve", netuid, "eve", tao))
	m.advance(netuid)
	if m.neuron(netuid, 2).Owner != m.player("eve", 0) {
		t.Error("the owner's second key stayed")
	}
	if m.neuron(netuid, 0).Owner != m.player("ann", 0) {
		t.Error("the owner's first key went")
	}
}

func TestAJailedVoiceKeepsItsSeatForTwentyTempos(t *testing.T) {
	m, netuid := ripe(t, 0, 0)
	m.validate("other", 50*tao) // somebody must stay bonded
	m.advance(netuid)
	m.jail("val")
	for range types.MaxAbsence {
		m.judged(netuid, nil)
		m.must(m.bid("eve", netuid, fmt.Sprint("eve", m.ctx.BlockHeight()), tao))
		m.advance(netuid)
		m.pass(200)
		if _, is := m.k.VoiceOf(m.ctx, netuid, 1); !is {
			t.Fatalf("the voice lost its seat after epoch %d", m.subnet(netuid).Epoch)
		}
	}
	m.judged(netuid, []uint64{9, 0})
	m.must(m.bid("fay", netuid, "fay", tao))
	m.advance(netuid)
	if _, is := m.k.VoiceOf(m.ctx, netuid, 1); is {
		t.Error("a voice without a permit for 21 tempos keeps its seat")
	}
	m.holds()
}

func TestAnEvictedKeyIsFreeAgain(t *testing.T) {
	m, netuid := ripe(t, 0, 0, 1)
	m.must(m.bid("eve", netuid, "eve", tao))
	m.advance(netuid)
	if _, hot := m.k.HotAccountKey(m.ctx, types.HotAccount(public(hotKey("carl")))); hot {
		t.Error("the account of the evicted key is still bound")
	}
	_, err := m.k.NeuronOfHotKey(m.ctx, netuid, public(hotKey("carl")))
	m.refuses(err, types.ErrNoNeuron)
	m.must(m.bid("gus", netuid, "carl", tao))
	m.holds()
}

func TestABidCanBeRaisedOnly(t *testing.T) {
	m, netuid := ripe(t)
	m.must(m.bid("eve", netuid, "eve", 2*tao))
	m.refuses(m.bid("eve", netuid, "eve", 2*tao), types.ErrOutbid)
	m.must(m.bid("eve", netuid, "eve", 3*tao))
	bids, err := m.k.Bids(m.ctx, netuid)
	m.must(err)
	if len(bids) != 1 || bids[0].Amount != 3*tao || m.balanceOf(m.player("eve", 0)) != 4*tao {
		t.Errorf("bids %+v, eve has %d", bids, m.balanceOf(m.player("eve", 0)))
	}
	m.refuses(m.bid("low", netuid, "low", tao-1), types.ErrTooExpensive)
	m.holds()
}

// A key that its holder lends to two owners gets one: whoever has a seat first.
func TestABidWithATakenKeyIsReturned(t *testing.T) {
	m, netuid := ripe(t)
	other := m.started("bob", "other")
	m.must(m.bid("eve", netuid, "shared", 2*tao))
	m.register("gus", other, "shared")
	m.advance(netuid)
	if uids := m.newcomers(netuid); len(uids) != 0 || m.balanceOf(m.player("eve", 0)) != 2*tao {
		t.Errorf("%v changed hands, eve has %d", uids, m.balanceOf(m.player("eve", 0)))
	}
	m.holds()
}

// A key whose account became somebody's while its bid waited gets no seat: an account that owns cannot be a program's.
func TestABidWithTheKeyOfAnOwnerIsReturned(t *testing.T) {
	m, netuid := ripe(t)
	other := m.started("bob", "other")
	m.must(m.bid("eve", netuid, "keen", 2*tao))
	keen := types.HotAccount(public(hotKey("keen")))
	m.must(m.bank.MintCoins(m.ctx, purse, network.Coins(tao)))
	m.must(m.bank.SendCoinsFromModuleToAccount(m.ctx, purse, keen, network.Coins(tao)))
	_, err := m.k.Register(m.ctx, keen.String(), other, m.claim(keen.String(), other, hotKey("k")), tao)
	m.must(err)
	m.advance(netuid)
	if uids := m.newcomers(netuid); len(uids) != 0 || m.balanceOf(m.player("eve", 0)) != 2*tao {
		t.Errorf("%v changed hands, eve has %d", uids, m.balanceOf(m.player("eve", 0)))
	}
	m.holds()
	m.refuses(m.bid("eve", netuid, "keen", 2*tao), types.ErrNotAllowed)
}

func TestDissolvingReturnsTheBids(t *testing.T) {
	m, netuid := ripe(t)
	m.must(m.bid("eve", netuid, "eve", 2*tao))
	m.must(m.k.Dissolve(m.ctx, m.gov, netuid))
	if got := m.balanceOf(m.player("eve", 0)); got != 2*tao {
		t.Errorf("eve has %d rao back", got)
	}
	m.holds()
}

func TestAFullSubnetThatHasNotStartedTakesNoBids(t *testing.T) {
	m := newMarket(t, func(p *types.Params) { p.MinUids = 16 })
	netuid := m.create("ann", "chat")
	m.govern(netuid, types.MaxUids, 16)
	for i := range 16 {
		m.register("carl", netuid, fmt.Sprint(i))
	}
	m.refuses(m.bid("eve", netuid, "eve", 50*tao), types.ErrNoRoom)
}

// Where more seats became free than are bid for, nobody has to go.
func TestBidsTakeFreeSeatsFirst(t *testing.T) {
	m, netuid := ripe(t)
	m.must(m.bid("eve", netuid, "eve", 2*tao))
	m.govern(netuid, types.MaxUids, 17)
	m.advance(netuid)
	if uids := m.newcomers(netuid); !slices.Equal(uids, []uint32{16}) {
		t.Errorf("uids %v are new", uids)
	}
	m.holds()
}

// A market whose every seat is protected is shut after a tempo in which nobody could come; one that somebody could enter is
// not, whether he came or not.
func TestASubnetThatNobodyCouldEnterIsShut(t *testing.T) {
	m := newMarket(t, func(p *types.Params) { p.MinUids = 16 })
	netuid := m.started("v0", "chat")
	m.govern(netuid, types.MaxUids, 16)
	m.govern(netuid, types.MaxBurn, tao)
	for i := range 16 {
		m.register(fmt.Sprint("v", i), netuid, fmt.Sprint(i))
	}
	m.pass(10_000)
	m.advance(netuid)
	m.advance(netuid)
	if m.subnet(netuid).Shut {
		t.Fatal("a subnet is shut although its seats can be taken")
	}
	for i := range uint32(15) {
		operator := m.validate(fmt.Sprint("v", i+1), 50*tao)
		m.must(m.k.SetVoice(m.ctx, operator, netuid, i+1))
	}
	m.must(m.bid("eve", netuid, "eve", 2*tao))
	m.advance(netuid)
	if !m.subnet(netuid).Shut {
		t.Error("a subnet of permitted voices and its owner is open")
	}
	if m.balanceOf(m.player("eve", 0)) != 2*tao {
		t.Error("a bid for no seat is not returned")
	}
	m.govern(netuid, types.MaxUids, 17)
	m.register("eve", netuid, "eve")
	m.advance(netuid)
	if m.subnet(netuid).Shut {
		t.Error("a subnet that somebody entered is shut")
	}
	m.holds()
}
