package keeper_test

import (
	"fmt"
	"testing"

	sdk "github.com/cosmos/cosmos-sdk/types"

	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/keeper"
	"agora/chain/x/yuma/types"
	"agora/chain/x/yuma/yumatest"
)

// TestTheLargestSubnetRunsAndEnds fills the 4,096 places that governance may allow: its epoch decides and pays, it is
// queried page by page, newcomers bid within the gas of a transaction, and it can be dissolved within that of a block.
func TestTheLargestSubnetRunsAndEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("registers 4,096 neurons")
	}
	const size, blockGas, txGas = 4_096, 100_000_000, 10_000_000
	m := yumatest.NewWith(t, func(p *subnettypes.Params) { p.MaxTempo = 50_400 })
	netuid := m.Open("owner", "large")
	m.Govern(netuid, subnettypes.MaxUids, size)
	m.Govern(netuid, subnettypes.MaxBurn, 100_000_000)
	var opinions []yumatest.Opinion
	for i := range 2 {
		name := fmt.Sprint("val", i)
		m.Validate(name, 1_000*tao)
		m.Speak(name, netuid)
		opinions = append(opinions, yumatest.Opinion{Voice: name, Uids: []uint32{2, size - 1}, Weights: []uint32{1, 3}})
	}
	m.NextBlock()
	last := ""
	for i := range size - 2 {
		last = fmt.Sprint("miner", i)
		m.Register(last, netuid, last)
		if i%64 == 0 {
			m.Commit() // as a block does: what is not in the trees yet is sorted for every look at a range of it
		}
	}
	m.NextTempo(netuid)
	m.Commit()
	before := m.Balance(last)
	for range 2 {
		m.RunTempo(netuid, opinions...)
		m.Commit()
	}
	if m.Balance(last) <= before {
		t.Error("the neuron in the last place was not paid")
	}
	seen, next := 0, []byte(nil)
	for first := true; first || len(next) > 0; first = false {
		res, err := keeper.NewQueryServer(m.Yuma).Metagraph(m.Ctx, &types.QueryMetagraphRequest{Netuid: netuid, Pagination: page(next, 256)})
		m.Must(err)
		seen, next = seen+len(res.Uids), res.Pagination.NextKey
	}
	if seen != size {
		t.Errorf("%d neurons in the pages of the metagraph", seen)
	}
	m.Govern(netuid, subnettypes.Immunity, 0)
	for range 40 {
		m.NextBlock() // everybody has had time to be judged
	}
	m.Commit()
	gas := m.Ctx.GasMeter().GasConsumed()
	for i := range 256 {
		m.Bid("newcomer", netuid, fmt.Sprint("newcomer", i), uint64(1+i)*tao)
		if i%64 == 0 {
			m.Commit()
		}
	}
	used := (m.Ctx.GasMeter().GasConsumed() - gas) / 256
	t.Logf("a bid for one of %d seats used %d gas", size, used)
	if used > txGas {
		t.Errorf("want at most %d", txGas)
	}
	m.NextTempo(netuid)
	m.Commit()
	if owner := neuronAt(m, netuid, 2).Owner; owner == yumatest.Address("newcomer").String() {
		t.Error("a miner that earned went before those that did not")
	}
	taken := 0
	m.Must(m.Subnet.EachNeuron(m.Ctx, netuid, func(n subnettypes.Neuron) (bool, error) {
		if n.Owner == yumatest.Address("newcomer").String() {
			taken++
		}
		return false, nil
	}))
	if taken != 256 {
		t.Errorf("%d seats changed hands, want 256", taken)
	}
	gas = m.Ctx.GasMeter().GasConsumed()
	owner := m.Fund("owner", 0)
	m.Must(m.Try(func(ctx sdk.Context) error { return m.Subnet.Dissolve(ctx, owner, netuid) }))
	if used := m.Ctx.GasMeter().GasConsumed() - gas; used > blockGas/2 {
		t.Errorf("dissolving used %d gas", used)
	}
	m.CheckMoney()
}

func neuronAt(m *yumatest.Market, netuid, uid uint32) subnettypes.Neuron {
	m.Helper()
	n, err := m.Subnet.Neuron(m.Ctx, netuid, uid)
	m.Must(err)
	return n
}
