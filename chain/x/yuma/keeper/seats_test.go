package keeper_test

import (
	"fmt"
	"testing"

	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/yumatest"
)

// full is a full subnet of three voices and thirteen miners, all of them weighed, of which uid 3 least.
func full(t *testing.T) (m *yumatest.Market, netuid uint32, miners []string, opinions []yumatest.Opinion) {
	m, netuid, voices, miners := market(t)
	m.Govern(netuid, subnettypes.Immunity, 0)
	m.Govern(netuid, subnettypes.MaxUids, 16)
	miners = append(miners, m.Miners(netuid, "more", 9)...)
	for range 4 {
		m.NextTempo(netuid) // nobody is immune any more
	}
	var uids, weights []uint32
	for i := range miners {
		uids, weights = append(uids, uint32(3+i)), append(weights, uint32(100+i))
	}
	return m, netuid, miners, agree(voices, uids, weights)
}

// One who bids for as many seats as he likes takes four of them, after their miners were paid.
func TestWhoLosesHisSeatWasPaidForTheTempo(t *testing.T) {
	m, netuid, miners, opinions := full(t)
	m.RunTempo(netuid, opinions...)
	m.RunTempo(netuid, opinions...)
	before := make([]uint64, len(miners))
	for i, name := range miners {
		before[i] = m.Balance(name)
	}
	for i := range 4 {
		m.Bid("rich", netuid, fmt.Sprint("rich", i), 1_000*tao)
	}
	m.RunTempo(netuid, opinions...)
	for i, name := range miners {
		uid := uint32(3 + i)
		if m.Balance(name) <= before[i] {
			t.Errorf("%s was not paid for the tempo in which others bid for seats", name)
		}
		if taken := neuronAt(m, netuid, uid).Owner == yumatest.Address("rich").String(); taken != (i < 4) {
			t.Errorf("uid %d is taken: %v", uid, taken)
		}
	}
	for _, i := range m.Yuma.Invariants() {
		m.Must(i.Check(m.Ctx))
	}
	m.CheckMoney()
}

// Half of the weight on another voice is no weight on a miner.
func TestTheWeightCapHoldsAmongTheWeightsThatCount(t *testing.T) {
	m, netuid, voices, _ := market(t)
	m.Govern(netuid, subnettypes.MaxWeightLimit, 32_768) // one half
	m.NextTempo(netuid)
	run := func(uids, weights []uint32) []uint32 {
		m, opinions := fork(m), agree(voices, uids, weights)
		m.RunTempo(netuid, opinions...)
		m.RunTempo(netuid, opinions...)
		m.CheckMoney()
		graph := metagraph(m, netuid)
		return []uint32{graph.Uids[3].Incentive, graph.Uids[4].Incentive}
	}
	if got := run([]uint32{0, 3, 4}, []uint32{100, 100, 10}); got[0]-got[1] > 1 {
		t.Errorf("incentives %v of two miners, of which none may have more than half", got)
	}
	if got := run([]uint32{0, 1, 3}, []uint32{100, 100, 100}); got[0] != 0 {
		t.Errorf("incentive %d by rows that weigh one miner where a cap asks for two", got[0])
	}
	if got := run([]uint32{3, 4, 5}, []uint32{100, 50, 50}); got[0] < 2*got[1]-2 || got[1] == 0 {
		t.Errorf("incentives %v, want a row within its cap as it is", got)
	}
}
