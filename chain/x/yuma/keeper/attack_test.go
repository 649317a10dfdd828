package keeper_test

import (
	"testing"

	"agora/chain/x/yuma/types"
	"agora/chain/x/yuma/yumatest"
)

// duel is a market of a large voice with 55 % of the stake and a small one with the rest.
func duel(t *testing.T) (m *yumatest.Market, netuid uint32, large, small yumatest.Opinion) {
	m = yumatest.New(t)
	netuid = m.Open("owner", "chat")
	m.Validate("large", 5_500*tao)
	m.Validate("small", 4_500*tao)
	m.Speak("large", netuid)
	m.Speak("small", netuid)
	m.Miners(netuid, "miner", 3)
	m.NextTempo(netuid)
	large = yumatest.Opinion{Voice: "large", Uids: []uint32{2, 3}, Weights: []uint32{1, 3}}
	small = yumatest.Opinion{Voice: "small", Uids: []uint32{2, 3}, Weights: []uint32{1, 3}}
	return m, netuid, large, small
}

// ripen lets a subnet decide often enough to be young no more.
func ripen(m *yumatest.Market, netuid uint32, opinions ...yumatest.Opinion) {
	m.Helper()
	for range types.Maturity + 1 {
		m.RunTempo(netuid, opinions...)
	}
}

func TestSilenceWith55PercentOfTheStakeEarnsNothing(t *testing.T) {
	m, netuid, large, small := duel(t)
	ripen(m, netuid, large, small)
	largeHad, smallHad := m.Earned("large"), m.Earned("small")
	for range 9 {
		m.RunTempo(netuid, small) // cannot decide alone while the silence is young
	}
	if m.Earned("small") != smallHad {
		t.Error("45 % decided against a silence of less than ten epochs")
	}
	m.RunTempo(netuid, small)
	m.RunTempo(netuid, small)
	if m.Earned("small") == smallHad {
		t.Error("who speaks never earned again")
	}
	if got := m.Earned("large"); got != largeHad {
		t.Errorf("silence earned %d", got-largeHad)
	}
	m.CheckMoney()
}

// When the silent majority is no longer waited for, what was carried meanwhile has been burned: the first epoch that the
// minority decides pays no more than one tempo brought.
func TestTheMinorityNeverGetsWhatWasCarried(t *testing.T) {
	m, netuid, large, small := duel(t)
	ripen(m, netuid, large, small)
	had, miners := m.Earned("small"), m.Balance("miner0")+m.Balance("miner1")
	for i := 0; m.Earned("small") == had; i++ {
		if m.RunTempo(netuid, small); i > 20 {
			t.Fatal("the minority never decided")
		}
	}
	const tempo = yumatest.Tempo * tao * 41 / 100 // what miners, and validators, get of one
	if got := m.Earned("small") - had; got > tempo+tempo/100 {
		t.Errorf("the minority earned %d at once, a tempo brings %d", got, uint64(tempo))
	}
	if got := m.Balance("miner0") + m.Balance("miner1") - miners; got > tempo+tempo/100 {
		t.Errorf("its miners were paid %d at once", got)
	}
	m.CheckMoney()
}

// One voice of 12.5 % is ready, the others are not yet: it takes nothing, and what is carried waits for them.
func TestInAYoungSubnetAMinorityTakesNothing(t *testing.T) {
	m := yumatest.New(t)
	netuid := m.Open("owner", "chat")
	for _, name := range []string{"early", "late0", "late1", "late2"} {
		stake := uint64(1_000)
		if name == "early" {
			stake = 500
		}
		m.Validate(name, stake*tao)
		m.Speak(name, netuid)
	}
	m.Validate("asleep", 500*tao)
	m.Speak("asleep", netuid)
	m.Miners(netuid, "miner", 2)
	m.NextTempo(netuid)
	say := func(name string) yumatest.Opinion {
		return yumatest.Opinion{Voice: name, Uids: []uint32{5, 6}, Weights: []uint32{1, 1}}
	}
	for range 6 {
		m.RunTempo(netuid, say("early"))
	}
	if got := m.Earned("early") + m.Balance("miner0"); got != 0 {
		t.Errorf("12.5 %% decided and took %d", got)
	}
	waits := m.Pending(netuid)
	if waits.Total < 6*yumatest.Tempo*tao {
		t.Errorf("only %d wait", waits.Total)
	}
	all := []yumatest.Opinion{say("early"), say("late0"), say("late1")}
	m.RunTempo(netuid, all...)
	m.RunTempo(netuid, all...)
	if m.Earned("early") == 0 || m.Earned("late0") < m.Earned("early") || m.Balance("miner0") == 0 {
		t.Error("more than half of the stake did not decide")
	}
	m.CheckMoney()
}

func TestAVoiceThatNeverSpokeDoesNotHoldUpTheOthersOfAGrownSubnet(t *testing.T) {
	m, netuid, large, small := duel(t)
	ripen(m, netuid, large, small)
	m.Validate("newcomer", 50_000*tao)
	m.Speak("newcomer", netuid)
	had := m.Earned("small")
	m.RunTempo(netuid, large, small)
	m.RunTempo(netuid, large, small)
	if m.Earned("small") == had {
		t.Error("a newcomer's silence held up who has always spoken")
	}
}

func TestMoreNeuronsGiveAValidatorNoMoreSay(t *testing.T) {
	m, netuid, large, small := duel(t)
	for _, hot := range []string{"small's second", "small's third"} {
		m.Register("small", netuid, hot)
	}
	m.NextTempo(netuid)
	m.Refuses(m.CommitTo("small's second", netuid, small.Uids, small.Weights), types.ErrNotVoice)
	m.RunTempo(netuid, large, small)
	m.RunTempo(netuid, large, small)
	graph := metagraph(m, netuid)
	var stake uint64
	for _, line := range graph.Uids {
		stake += line.Stake
	}
	if stake != 10_000*tao {
		t.Errorf("the subnet counts %d rao of stake, 10,000 TAO are bonded", stake)
	}
	// Both say the same: pay follows stake.
	if l, s := graph.Uids[0].Dividends, graph.Uids[1].Dividends; l < 36_000 || s < 29_400 {
		t.Errorf("dividends %d and %d", l, s)
	}
}

func TestASelfishMinorityGainsNothingForItsMiner(t *testing.T) {
	m, netuid, large, small := duel(t)
	small.Uids, small.Weights = []uint32{4}, []uint32{1} // only its own miner
	m.RunTempo(netuid, large, small)
	m.RunTempo(netuid, large, small)
	graph := metagraph(m, netuid)
	if graph.Uids[4].Incentive != 0 || m.Balance("miner2") != 0 {
		t.Errorf("the minority's miner: %+v", graph.Uids[4])
	}
	if graph.Uids[1].Dividends != 0 {
		t.Errorf("the selfish voice has dividends %d", graph.Uids[1].Dividends)
	}
	m.CheckMoney()
}
