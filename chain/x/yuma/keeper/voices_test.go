package keeper_test

import (
	"testing"

	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/types"
	"agora/chain/x/yuma/yumatest"
)

// commitAs commits with the hot key called hot, as the voice of that name would.
func commitAs(m *yumatest.Market, hot string, netuid uint32, hash [32]byte) error {
	return m.Yuma.Commit(m.Ctx, yumatest.HotAccount(hot), netuid, m.Schedule(netuid).Epoch, hash[:], nil)
}

// hashAs is the hash of some weights under the hot key called hot.
func hashAs(m *yumatest.Market, hot string, netuid uint32) [32]byte {
	return types.CommitHash(yumatest.ChainID, netuid, m.Schedule(netuid).Epoch, yumatest.Public(yumatest.HotKey(hot)),
		someUids, someWeights, yumatest.Salt)
}

// TestOneStakeHasOneCommitPerEpoch commits with one neuron, makes another the voice and commits with that too: who could
// would choose which of the two to open when others have opened theirs.
func TestOneStakeHasOneCommitPerEpoch(t *testing.T) {
	m, netuid, voices, _ := market(t)
	second := m.Register(voices[0], netuid, "second")
	epoch := m.Schedule(netuid).Epoch
	m.Must(m.CommitTo(voices[0], netuid, someUids, someWeights))
	m.Must(m.Subnet.SetVoice(m.Ctx, yumatest.Address(voices[0]).String(), netuid, second))
	m.Refuses(m.CommitTo("second", netuid, someUids, []uint32{30, 20, 10}), types.ErrCommitted)

	m.NextTempo(netuid)
	m.Until(m.Schedule(netuid).RevealFrom)
	reveal := &types.MsgRevealWeights{Netuid: netuid, Epoch: epoch, Uids: someUids, Weights: someWeights, Salt: yumatest.Salt}
	reveal.HotAccount = yumatest.HotAccount(voices[0])
	m.Refuses(m.Yuma.Reveal(m.Ctx, reveal), types.ErrNotVoice)
	reveal.HotAccount = yumatest.HotAccount("second")
	m.Must(m.Yuma.Reveal(m.Ctx, reveal)) // the stake loses nothing by speaking through another neuron
	m.Refuses(m.Yuma.Reveal(m.Ctx, reveal), types.ErrRevealed)
	holds(m)
}

// holds fails the test unless every invariant of the module does.
func holds(m *yumatest.Market) {
	m.Helper()
	if name := broken(m); name != "" {
		m.Errorf("broken: %s", name)
	}
}

func TestTheFirstCommitOfAnEpochStands(t *testing.T) {
	m, netuid, voices, _ := market(t)
	m.Must(m.CommitTo(voices[0], netuid, someUids, someWeights))
	m.Refuses(m.CommitTo(voices[0], netuid, someUids, []uint32{30, 20, 10}), types.ErrCommitted)
}

// TestAStolenHotKeyCannotSilenceAVoice lets a thief commit and send all free messages of a tempo.
func TestAStolenHotKeyCannotSilenceAVoice(t *testing.T) {
	m, netuid, voices, _ := market(t)
	m.Must(commitAs(m, voices[0], netuid, [32]byte{1}))
	for _, kind := range subnettypes.SlotKinds {
		for m.Subnet.TakeSlot(m.Ctx, netuid, yumatest.Public(yumatest.HotKey(voices[0])), kind) == nil {
		}
	}
	epoch := m.Schedule(netuid).Epoch
	m.Rotate(voices[0], netuid, 0, "fresh")
	m.Must(commitAs(m, "fresh", netuid, hashAs(m, "fresh", netuid)))
	holds(m)

	m.NextTempo(netuid)
	m.Until(m.Schedule(netuid).RevealFrom)
	m.Must(m.Yuma.Reveal(m.Ctx, &types.MsgRevealWeights{
		HotAccount: yumatest.HotAccount("fresh"), Netuid: netuid, Epoch: epoch, Uids: someUids, Weights: someWeights, Salt: yumatest.Salt,
	}))
}

// TestASecondRotationVoidsNothing rotates twice in a tempo: a fresh key is no second draw of the leaves to open.
func TestASecondRotationVoidsNothing(t *testing.T) {
	m, netuid, voices, _ := market(t)
	m.Must(commitAs(m, voices[0], netuid, [32]byte{1}))
	m.Rotate(voices[0], netuid, 0, "fresh")
	m.Must(commitAs(m, "fresh", netuid, [32]byte{2}))
	m.Rotate(voices[0], netuid, 0, "fresher")
	m.Refuses(commitAs(m, "fresher", netuid, [32]byte{3}), types.ErrCommitted)
}

// TestARotationVoidsTheOldKeysCommitsOnly rotates one key after another key committed.
func TestARotationVoidsTheOldKeysCommitsOnly(t *testing.T) {
	m, netuid, voices, _ := market(t)
	second := m.Register(voices[0], netuid, "second")
	m.Must(m.CommitTo(voices[0], netuid, someUids, someWeights))
	m.Must(m.Subnet.SetVoice(m.Ctx, yumatest.Address(voices[0]).String(), netuid, second))
	m.Rotate(voices[0], netuid, second, "fresh")
	m.Refuses(commitAs(m, "fresh", netuid, [32]byte{3}), types.ErrCommitted)
}

// earnings is what the duel's small voice earns in 25 tempos if leave and back happen around one of them, in which it
// neither commits nor reveals.
func earnings(t *testing.T, absent bool, leave, back func(*yumatest.Market)) (earned uint64) {
	m, netuid, large, small := duel(t)
	for range 15 {
		m.RunTempo(netuid, large, small)
	}
	had := m.Earned("small")
	leave(m)
	if absent {
		m.RunTempo(netuid, large)
	} else {
		m.RunTempo(netuid, large, small)
	}
	back(m)
	for range 24 {
		m.RunTempo(netuid, large, small)
	}
	m.CheckMoney()
	holds(m)
	return m.Earned("small") - had
}

// TestAnEpochInJailCostsWhatASilentOneCosts compares what absence costs: the pay of the tempo without a reveal and of the one
// whose reveal was not committed to, and the growth of bonds in those two. The dividends of the tempo before come all the same.
func TestAnEpochInJailCostsWhatASilentOneCosts(t *testing.T) {
	nothing := func(*yumatest.Market) {}
	jail := func(m *yumatest.Market) { m.Jail("small") }
	unjail := func(m *yumatest.Market) {
		m.Must(m.Staking.Unjail(m.Ctx, yumatest.ConsensusAddress("small")))
		_, err := m.Staking.BlockValidatorUpdates(m.Ctx)
		m.Must(err)
	}
	present := earnings(t, false, nothing, nothing)
	silent := earnings(t, true, nothing, nothing)
	jailed := earnings(t, true, jail, unjail)
	tempo := float64(present) / 25
	t.Logf("of 25 tempos a silent one costs %.2f, one in jail %.2f", float64(present-silent)/tempo, float64(present-jailed)/tempo)
	if jailed != silent {
		t.Errorf("jailed for a tempo it earns %d, silent %d", jailed, silent)
	}
	if cost := float64(present-silent) / tempo; cost < 1.9 || cost > 2.3 {
		t.Errorf("a tempo of silence costs %.2f", cost)
	}
}

// bondsOf returns what a voice has bonds on.
func bondsOf(m *yumatest.Market, netuid uint32, name string) (uids []uint32) {
	g, err := m.Yuma.ExportGenesis(m.Ctx)
	m.Must(err)
	for _, r := range g.Bonds {
		for i := 0; r.Netuid == netuid && r.Operator == yumatest.Address(name).String() && i < len(r.Entries); i += 4 {
			uids = append(uids, uint32(r.Entries[i])|uint32(r.Entries[i+1])<<8)
		}
	}
	return uids
}

func TestAnAbsentVoicesBondsEndAfterTwentyTempos(t *testing.T) {
	m, netuid, large, small := duel(t)
	for range 3 {
		m.RunTempo(netuid, large, small)
	}
	m.Jail("small")
	for range subnettypes.MaxAbsence {
		m.RunTempo(netuid, large)
	}
	if len(bondsOf(m, netuid, "small")) != 2 {
		t.Fatal("the bonds of an absent voice are gone within 20 tempos")
	}
	m.RunTempo(netuid, large)
	if left := bondsOf(m, netuid, "small"); len(left) != 0 {
		t.Errorf("after more than 20 tempos there are bonds on %v", left)
	}
}

// TestBondsOnASeatThatChangedHandsEnd puts another miner into a seat while a voice is in jail.
func TestBondsOnASeatThatChangedHandsEnd(t *testing.T) {
	m, netuid, large, small := duel(t)
	m.Govern(netuid, subnettypes.Immunity, 0)
	m.Govern(netuid, subnettypes.MaxUids, 16)
	m.Miners(netuid, "more", 11)
	large.Uids, large.Weights = []uint32{2}, []uint32{1} // who earns least
	for uid := uint32(3); uid < 16; uid++ {
		large.Uids, large.Weights = append(large.Uids, uid), append(large.Weights, 3)
	}
	small.Uids, small.Weights = large.Uids, large.Weights
	m.NextTempo(netuid)
	for range 3 {
		m.RunTempo(netuid, large, small)
	}
	m.Jail("small")
	for range 5 {
		m.RunTempo(netuid, large)
	}
	m.Bid("newcomer", netuid, "newcomer", 100*tao)
	m.NextTempo(netuid)
	gone := uint32(0)
	m.Must(m.Subnet.EachNeuron(m.Ctx, netuid, func(n subnettypes.Neuron) (bool, error) {
		if n.Owner == yumatest.Address("newcomer").String() {
			gone = n.Uid
		}
		return false, nil
	}))
	if gone != 2 {
		t.Fatalf("uid %d changed hands", gone)
	}
	m.Must(m.Staking.Unjail(m.Ctx, yumatest.ConsensusAddress("small")))
	_, err := m.Staking.BlockValidatorUpdates(m.Ctx)
	m.Must(err)
	// The voice weighs the seats that did not change hands only, so that what it has on the other is what slept.
	small.Uids, small.Weights = large.Uids[1:], large.Weights[1:]
	large.Uids, large.Weights = small.Uids, small.Weights
	m.RunTempo(netuid, large, small)
	m.RunTempo(netuid, large, small)
	for _, uid := range bondsOf(m, netuid, "small") {
		if uid == gone {
			t.Errorf("bonds on uid %d outlived its neuron", uid)
		}
	}
	m.CheckMoney()
	holds(m)
}
