package keeper_test

import (
	"testing"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	"agora/chain/x/yuma/types"
	"agora/chain/x/yuma/yumatest"
)

// outstanding is what a validator and its nominators may withdraw, in rao.
func outstanding(m *yumatest.Market, name string) uint64 {
	m.Helper()
	rewards, err := m.Distribution.GetValidatorOutstandingRewards(m.Ctx, sdk.ValAddress(yumatest.Address(name)))
	m.Must(err)
	return rewards.Rewards.AmountOf(network.Denom).TruncateInt().Uint64()
}

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

func TestSilenceWith55PercentOfTheStakeEarnsNothing(t *testing.T) {
	m, netuid, large, small := duel(t)
	m.RunTempo(netuid, large, small)
	m.RunTempo(netuid, large, small)
	largeHad, smallHad := outstanding(m, "large"), outstanding(m, "small")
	for range 9 {
		m.RunTempo(netuid, small) // cannot decide alone while the silence is young
	}
	if outstanding(m, "small") != smallHad {
		t.Error("45 % decided against a silence of less than ten epochs")
	}
	m.RunTempo(netuid, small)
	m.RunTempo(netuid, small)
	if outstanding(m, "small") == smallHad {
		t.Error("who speaks never earned again")
	}
	if got := outstanding(m, "large"); got != largeHad {
		t.Errorf("silence earned %d", got-largeHad)
	}
	m.CheckMoney()
}

func TestAVoiceThatNeverSpokeDoesNotHoldUpTheOthers(t *testing.T) {
	m, netuid, _, small := duel(t)
	m.RunTempo(netuid, small)
	m.RunTempo(netuid, small)
	if outstanding(m, "small") == 0 || outstanding(m, "large") != 0 {
		t.Errorf("small earned %d, large %d", outstanding(m, "small"), outstanding(m, "large"))
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
