package keeper_test

import (
	"fmt"
	"testing"

	emissiontypes "agora/chain/x/emission/types"
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

// account is a subnet's part of the book.
func account(m *yumatest.Market, netuid uint32) emissiontypes.Account {
	m.Helper()
	accounts, err := m.Emission.Accounts(m.Ctx)
	m.Must(err)
	for _, a := range accounts {
		if a.Netuid == netuid {
			return a
		}
	}
	return emissiontypes.Account{}
}

// TestAShutSubnetIsWithheldItsEmissionUntilSomebodyCanEnter follows the money of a subnet whose seats are its owner's and
// fifteen voices': first it waits for its epochs, then all of it burns, and when a seat was opened and a miner sat in it, it
// is paid again.
func TestAShutSubnetIsWithheldItsEmissionUntilSomebodyCanEnter(t *testing.T) {
	m := yumatest.New(t)
	netuid := m.Open("owner", "closed shop")
	m.Govern(netuid, subnettypes.MaxUids, 16)
	m.Govern(netuid, subnettypes.MaxBurn, tao)
	m.Register("owner", netuid, "owner")
	for i := range 15 {
		name := fmt.Sprint("val", i)
		m.Validate(name, 100*tao)
		m.SpeakAs(name, name, netuid)
	}
	delegate(m, "rich", "val0", 10_000*tao)
	minted, supply := ledger(m)
	tempo := func(opinions ...yumatest.Opinion) (waited, burned uint64) {
		before := account(m, netuid)
		m.RunTempo(netuid, opinions...)
		m.CheckMoney()
		now := account(m, netuid)
		return now.Pending + now.PaidMiners + now.PaidValidators + now.PaidOwner - before.Pending - before.PaidMiners -
			before.PaidValidators - before.PaidOwner, now.Burned - before.Burned
	}
	m.NextTempo(netuid)
	if waited, burned := tempo(); subnet(m, netuid).Shut != true || waited == 0 || burned > waited {
		t.Fatalf("in the tempo in which nobody could enter %d waited and %d burned", waited, burned)
	}
	if waited, burned := tempo(); waited > tao || burned == 0 {
		t.Errorf("of a shut subnet %d waited and %d burned", waited, burned)
	}
	m.Govern(netuid, subnettypes.MaxUids, 17)
	miner := m.Register("miner", netuid, "miner")
	say := yumatest.Opinion{Voice: "val0", Uids: []uint32{miner}, Weights: []uint32{1}}
	for range 3 {
		tempo(say)
	}
	if waited, _ := tempo(say); subnet(m, netuid).Shut || waited == 0 || m.Balance("miner") == 0 {
		t.Errorf("open again: %d waited or were paid, the miner has %d", waited, m.Balance("miner"))
	}
	if mintedNow, supplyNow := ledger(m); mintedNow-minted != supplyNow-supply {
		t.Errorf("minted and not burned %d, the supply grew by %d", mintedNow-minted, supplyNow-supply)
	}
	for _, i := range m.Yuma.Invariants() {
		m.Must(i.Check(m.Ctx))
	}
}

func subnet(m *yumatest.Market, netuid uint32) subnettypes.Subnet {
	m.Helper()
	s, err := m.Subnet.Subnet(m.Ctx, netuid)
	m.Must(err)
	return s
}
