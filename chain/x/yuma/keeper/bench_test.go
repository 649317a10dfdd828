package keeper_test

import (
	"fmt"
	"syscall"
	"testing"

	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/keeper"
	"agora/chain/x/yuma/yumatest"
)

// BenchmarkEpochThroughKeeper64x192 runs a whole epoch of 64 voices and 192 miners: every row read from the store,
// bonds, history and standing written. The one called paid also pays 193 accounts through the bank and 64 validators
// through x/distribution; in the other there is nothing to pay.
func BenchmarkEpochThroughKeeper64x192(b *testing.B) {
	b.Run("unpaid", func(b *testing.B) { benchmarkEpoch(b, 64, 192, false) })
	b.Run("paid", func(b *testing.B) { benchmarkEpoch(b, 64, 192, true) })
}

func benchmarkEpoch(b *testing.B, voices, miners int, paid bool) {
	m := yumatest.New(b)
	netuid := m.Open("owner", "chat")
	m.Govern(netuid, subnettypes.MaxUids, int64(voices+miners))
	m.Govern(netuid, subnettypes.MaxBurn, 100_000_000)
	uids, weights := make([]uint32, miners), make([]uint32, miners)
	for j := range uids {
		uids[j], weights[j] = uint32(voices+j), uint32(1+j*j%977)
	}
	var opinions []yumatest.Opinion
	for i := range voices {
		name := fmt.Sprint("val", i)
		m.Validate(name, uint64(1_000+i)*tao)
		m.Speak(name, netuid)
		if i%32 == 31 {
			m.NextBlock()
		}
		opinions = append(opinions, yumatest.Opinion{Voice: name, Uids: uids, Weights: weights})
	}
	m.Miners(netuid, "miner", miners)
	m.NextTempo(netuid)
	for range 3 {
		m.RunTempo(netuid, opinions...)
	}
	s := m.Schedule(netuid)
	m.Until(s.RevealFrom)
	for _, o := range opinions {
		m.Must(m.Reveal(o.Voice, netuid, s.Epoch-1, o.Uids, o.Weights))
	}
	m.Until(s.EpochAt)
	if !paid {
		_, err := m.Emission.BurnPending(m.Ctx, netuid, "nothing to pay")
		m.Must(err)
	}
	m.Commit()
	b.ReportAllocs()
	start := cpuTime(b)
	for b.Loop() {
		ctx, _ := m.Ctx.CacheContext()
		if err := keeper.RunEpoch(m.Yuma, ctx, netuid); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpuTime(b)-start)/float64(b.N), "cpu-ns/op")
	if graph := metagraph(m, netuid); graph.Uids[voices+30].Incentive == 0 {
		b.Fatal("nobody earned")
	}
}

// castVotes makes count validators of equal stake, each with a voice, vote on all subnets.
func castVotes(m *yumatest.Market, netuids []uint32, count int) {
	m.Helper()
	name := func(i int) string { return fmt.Sprint("voter", i) }
	for i := range count {
		m.Validate(name(i), 1_000*tao)
		m.Speak(name(i), netuids[i/64])
		m.NextBlock()
	}
	for i := range count {
		weights := make([]uint32, len(netuids))
		for j := range weights {
			weights[j] = uint32(1 + (i*7+j*31)%1_000)
		}
		m.Must(m.Emission.SetRootWeights(m.Ctx, yumatest.Address(name(i)).String(), netuids, weights))
	}
}

// cpuTime is the processor time of the process so far, in nanoseconds, collector included: what an epoch costs on a
// machine that does other things too.
func cpuTime(b *testing.B) int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

// BenchmarkIdleBlockOf128Subnets is what a block without an epoch costs: minting, dividing among 128 subnets, by the votes
// of 100 validators on all of them or by none, and finding that nothing is due.
func BenchmarkIdleBlockOf128Subnets(b *testing.B) {
	b.Run("unvoted", func(b *testing.B) { benchmarkIdleBlock(b, 0) })
	b.Run("voted", func(b *testing.B) { benchmarkIdleBlock(b, 100) })
}

func benchmarkIdleBlock(b *testing.B, voters int) {
	m := yumatest.NewWith(b, func(p *subnettypes.Params) {
		p.MaxTempo, p.MaxSubnets, p.MinLock, p.LockHalvingSeconds = 50_400, 200, 1, 1
	})
	var netuids []uint32
	for i := range 128 {
		netuid := m.Open(fmt.Sprint("owner", i), fmt.Sprint("s", i))
		m.Govern(netuid, subnettypes.Tempo, 50_400)
		m.NextBlock() // the price of a lock falls back
		netuids = append(netuids, netuid)
	}
	castVotes(m, netuids, voters)
	for range 2 * yumatest.Tempo {
		m.NextBlock() // the next tempo of each is a long one
	}
	m.Commit()
	b.ReportAllocs()
	start := cpuTime(b)
	for b.Loop() {
		ctx, _ := m.Ctx.WithBlockTime(m.Ctx.BlockTime().Add(yumatest.BlockTime)).CacheContext()
		m.Must(m.Emission.BeginBlock(ctx))
		m.Must(m.Yuma.BeginBlock(ctx))
		m.Must(m.Yuma.EndBlock(ctx))
	}
	b.ReportMetric(float64(cpuTime(b)-start)/float64(b.N), "cpu-ns/op")
}
