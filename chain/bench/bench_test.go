package bench

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"

	"github.com/cosmos/cosmos-sdk/client/tx"
	cryptotypes "github.com/cosmos/cosmos-sdk/crypto/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"
	authsigning "github.com/cosmos/cosmos-sdk/x/auth/signing"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"agora/chain/network"
	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
)

// full is the network at its default limits: 128 subnets of 256 neurons, 64 of which are voices.
func full() *market { return &market{subnets: 128, voices: 64, size: 256} }

func TestMain(m *testing.M) {
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		fmt.Printf("load average at start: %s", load)
	}
	os.Exit(m.Run())
}

// sign makes the sequence-th transaction of key's account.
func (c *chain) sign(b *testing.B, key cryptotypes.PrivKey, sequence, gas, fee uint64, msg sdk.Msg) []byte {
	b.Helper()
	const mode = signing.SignMode_SIGN_MODE_DIRECT
	builder := c.txs.NewTxBuilder()
	must(b, builder.SetMsgs(msg))
	builder.SetGasLimit(gas)
	builder.SetFeeAmount(network.Coins(fee))
	must(b, builder.SetSignatures(signing.SignatureV2{PubKey: key.PubKey(), Data: &signing.SingleSignatureData{SignMode: mode}, Sequence: sequence}))
	address := account(key).String()
	number, known := c.market.number[address]
	if !known {
		b.Fatalf("%s has no account", address)
	}
	who := authsigning.SignerData{ChainID: chainID, Address: address, AccountNumber: number, Sequence: sequence, PubKey: key.PubKey()}
	signature, err := tx.SignWithPrivKey(context.Background(), mode, who, builder, key, c.txs, sequence)
	must(b, err)
	must(b, builder.SetSignatures(signature))
	raw, err := c.txs.TxEncoder()(builder.GetTx())
	must(b, err)
	return raw
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkSends is 10,000 bank sends among 1,000 accounts in blocks full of gas, on our chain with its markets, on our
// chain without any, and on the bare chain.
func BenchmarkSends(b *testing.B) {
	for _, kind := range []struct {
		name string
		open func(*testing.B) *chain
	}{
		{"agora", func(b *testing.B) *chain { return agora(b, full()) }},
		{"agora-empty", func(b *testing.B) *chain { return agora(b, &market{voices: 64, size: 64}) }},
		{"bare", func(b *testing.B) *chain { return bare(b, &market{voices: 64, size: 64}) }},
	} {
		b.Run(kind.name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				c := kind.open(b)
				txs := c.sends(b, 10)
				b.StartTimer()
				c.run(b, txs, 500)
			}
		})
	}
}

// BenchmarkSendsInTurn lets our chain and the bare one make blocks of 500 sends in turn, so that whatever else the machine
// does meets both alike, and reports what ours costs for each unit of the other's. The collector works for both at once
// and is left out.
func BenchmarkSendsInTurn(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for b.Loop() {
		b.StopTimer()
		small := market{voices: 64, size: 64}
		ours, theirs := small, small
		chains := []*chain{agora(b, &ours), bare(b, &theirs)}
		txs := [][][]byte{chains[0].sends(b, 10), chains[1].sends(b, 10)}
		runtime.GC()
		b.StartTimer()
		meters := make([]meter, len(chains))
		for done := 0; done < len(txs[0]); done += 500 {
			for i, c := range chains {
				c.step(b, &meters[i], txs[i][done:done+500])
			}
		}
		b.ReportMetric(meters[0].threadPerTx(), "agora-thread-µs/tx")
		b.ReportMetric(meters[1].threadPerTx(), "bare-thread-µs/tx")
		b.ReportMetric(meters[0].threadPerTx()/meters[1].threadPerTx(), "agora/bare")
	}
}

func (c *chain) sends(b *testing.B, rounds int) (txs [][]byte) {
	for round := range rounds {
		for i := range people {
			from, to := cold("person", i), account(cold("person", (i+1)%people))
			txs = append(txs, c.sign(b, from, uint64(round), 200_000, 2_000, banktypes.NewMsgSend(account(from), to, network.Coins(1))))
		}
	}
	return txs
}

// BenchmarkReveals is one tempo's reveals of the whole network: 64 voices × 128 subnets, 256 weights each, in blocks
// whose quarter for free messages is full.
func BenchmarkReveals(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		m := full()
		m.start = 2 - tempo/2 // block 2 is the first that takes reveals
		c := agora(b, m)
		txs := c.reveals(b)
		before := c.disk(b)
		b.StartTimer()
		c.run(b, txs, 82)
		b.ReportMetric(float64(c.disk(b)-before)/float64(len(txs)), "disk-B/tx")
		b.ReportMetric(float64(len(txs[0])), "B/tx")
		b.ReportMetric(peak(), "MiB-peak")
	}
}

func (c *chain) reveals(b *testing.B) (txs [][]byte) {
	for n := range c.market.subnets {
		for voice := range c.market.voices {
			uids, weights := c.market.weightsOf(voice, n+1)
			key := hotSigner("voice", voice)
			txs = append(txs, c.sign(b, key, uint64(n), 302_400, 0, &yumatypes.MsgRevealWeights{
				HotAccount: account(key).String(), Netuid: uint32(n + 1), Epoch: epoch - delay, Uids: uids, Weights: weights, Salt: salt(voice),
			}))
		}
	}
	return txs
}

// BenchmarkRegistrations fills 2,000 places of 128 half-full subnets.
func BenchmarkRegistrations(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		m := full()
		m.size = 128
		c := agora(b, m)
		txs := c.registrations(b, 2_000)
		b.StartTimer()
		c.run(b, txs, 100)
	}
}

func (c *chain) registrations(b *testing.B, count int) (txs [][]byte) {
	const expiry = 1_000
	for i := range count {
		owner, netuid := cold("person", i%people), uint32(i%c.market.subnets+1)
		proof := subnettypes.SignProof(hot("newcomer", i), chainID, netuid, account(owner).String(), expiry)
		txs = append(txs, c.sign(b, owner, uint64(i/people), 1_000_000, 10_000, &subnettypes.MsgRegister{
			Owner: account(owner).String(), Netuid: netuid, HotKey: public("newcomer", i), Proof: proof, ProofExpiry: expiry,
			MaxPrice: 100 * network.TAO,
		}))
	}
	return txs
}

// BenchmarkWorstBlock makes the epochs of all 128 subnets of 256 neurons and 64 voices due in one block: what each block
// then costs beside an idle one, and how many blocks it takes until all have run.
func BenchmarkWorstBlock(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		m := full()
		m.revealed, m.start = true, 8-tempo+1 // due at the end of block 8
		c := agora(b, m)
		idle := c.cost(b, 6)
		before := c.disk(b)
		b.StartTimer()
		costs := []time.Duration{c.cost(b, 1)}
		for len(costs) < 80 && !c.allRan(b) {
			costs = append(costs, c.cost(b, 1))
		}
		b.StopTimer()
		c.decided(b)
		report(b, idle, costs)
		b.ReportMetric(float64(c.disk(b)-before)/float64(m.subnets), "disk-B/epoch")
		b.ReportMetric(peak(), "MiB-peak")
		b.StartTimer()
	}
}

// cost is the processor time of FinalizeBlock, the mean of n empty blocks; Commit is not in it.
func (c *chain) cost(b *testing.B, n int) (total time.Duration) {
	b.Helper()
	for range n {
		before := cpuTime(b)
		c.finalize(b, nil)
		total += cpuTime(b) - before
		_, err := c.Commit()
		must(b, err)
	}
	return total / time.Duration(n)
}

func report(b *testing.B, idle time.Duration, costs []time.Duration) {
	var worst, sum time.Duration
	for _, c := range costs {
		worst, sum = max(worst, c), sum+c
	}
	b.ReportMetric(idle.Seconds()*1e3, "cpu-ms/idle-block")
	b.ReportMetric(sum.Seconds()*1e3/float64(len(costs)), "cpu-ms/epoch-block")
	b.ReportMetric(worst.Seconds()*1e3, "cpu-ms/worst-block")
	b.ReportMetric(float64(len(costs)), "blocks")
}

// allRan tells whether every subnet's epoch has run.
func (c *chain) allRan(b *testing.B) bool {
	b.Helper()
	all := true
	must(b, c.app.Subnet.EachSubnet(c.state(), func(s subnettypes.Subnet) (bool, error) {
		all = s.Epoch > epoch
		return !all, nil
	}))
	return all
}

// decided fails unless every subnet's epoch found a quorum and paid.
func (c *chain) decided(b *testing.B) {
	b.Helper()
	g, err := c.app.Yuma.ExportGenesis(c.state())
	must(b, err)
	if len(g.Records) != c.market.subnets {
		b.Fatalf("%d epochs have run, want %d", len(g.Records), c.market.subnets)
	}
	for _, r := range g.Records {
		if !r.Decided || r.Paid == 0 {
			b.Fatalf("netuid %d: decided %v, paid %d rao", r.Netuid, r.Decided, r.Paid)
		}
	}
}

func (c *chain) state() sdk.Context {
	//lint:ignore SA1019 NewContext reads what was checked last, not what was committed
	return c.app.NewUncachedContext(true, cmtproto.Header{ChainID: chainID, Height: c.height, Time: c.now})
}
