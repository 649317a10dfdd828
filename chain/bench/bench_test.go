package bench

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

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
	if load, err := os.ReadFile("/proc/loadavg"); err == nil && os.Getenv(jobName) == "" {
		fmt.Printf("load average at start: %s", load)
	}
	os.Exit(m.Run())
}

// BenchmarkSends is 10,000 bank sends among 1,000 accounts in blocks of 500, made in turn by three chains: ours with its
// markets, ours without any, and the SDK's own; and what ours cost for each unit of the SDK's.
func BenchmarkSends(b *testing.B) {
	for b.Loop() {
		names := withBefore("sends/full", "sends/empty", "sends/bare")
		measured := work(b, names...)
		theirs := measured[2].of("cpu-µs/tx")
		for i, f := range measured {
			name := strings.Replace(names[i], "sends/", "", 1)
			for _, unit := range []string{"tx/s", "ms/block", "cpu-µs/tx", "thread-µs/tx", "MiB-peak"} {
				b.ReportMetric(f.of(unit), name+"-"+unit)
			}
			b.ReportMetric(f.of("cpu-µs/tx")/theirs, name+"/bare-cpu")
			b.ReportMetric(f.of("thread-µs/tx")/measured[2].of("thread-µs/tx"), name+"/bare-thread")
		}
	}
}

// BenchmarkReveals is one tempo's reveals of the whole network: 64 voices × 128 subnets, 256 weights each, in blocks
// whose quarter for free messages is full.
func BenchmarkReveals(b *testing.B) {
	for b.Loop() {
		measured := work(b, withBefore("reveals")...)
		measured[0].report(b)
		if len(measured) > 1 {
			b.ReportMetric(measured[1].of("tx/s"), "before-tx/s")
			b.ReportMetric(measured[1].of("cpu-µs/tx"), "before-cpu-µs/tx")
		}
	}
}

// BenchmarkRegistrations fills 2,000 places of 128 half-full subnets.
func BenchmarkRegistrations(b *testing.B) {
	for b.Loop() {
		work(b, "registrations")[0].report(b)
	}
}

// BenchmarkEpochs is the worst block: the epochs of all 128 subnets of 256 neurons and 64 voices are due at once.
func BenchmarkEpochs(b *testing.B) {
	for b.Loop() {
		f := work(b, "epochs")[0]
		f.report(b)
		if blocks := f.of("blocks"); blocks > 64 {
			b.Errorf("all epochs took %.0f blocks, want at most 64", blocks)
		}
	}
}

// BenchmarkGrowth is what a day adds to the database and to the blocks of a node that keeps every state, when all voices
// of a full network commit and reveal in every tempo.
func BenchmarkGrowth(b *testing.B) {
	for b.Loop() {
		f := work(b, "commits", "reveals", "epochs", "idle")
		const (
			blocks = 86_400 / 2 // a day's
			epochs = 128 * blocks / tempo
			rows   = 64 * epochs
			mib    = 1 << 20
		)
		commits, reveals := f[0], f[1]
		state := rows*(commits.of("disk-B/tx")+reveals.of("disk-B/tx")) + epochs*f[2].of("disk-B/epoch") + blocks*f[3].of("disk-B/block")
		b.ReportMetric(state/mib, "state-MiB/day")
		b.ReportMetric(rows*(commits.of("B/tx")+reveals.of("B/tx"))/mib, "blocks-MiB/day")
		b.ReportMetric(commits.of("disk-B/tx"), "disk-B/commit")
		b.ReportMetric(reveals.of("disk-B/tx"), "disk-B/reveal")
		b.ReportMetric(f[2].of("disk-B/epoch"), "disk-B/epoch")
		b.ReportMetric(f[3].of("disk-B/block"), "disk-B/idle-block")
		b.ReportMetric(f[3].of("cpu-ms/block"), "cpu-ms/idle-block")
		b.ReportMetric(f[3].of("cpu-ms/EndBlock"), "cpu-ms/idle-EndBlock")
	}
}

// sign makes the sequence-th transaction of key's account.
func (c *chain) sign(b testing.TB, key cryptotypes.PrivKey, sequence, gas, fee uint64, msg sdk.Msg) []byte {
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

func must(b testing.TB, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (c *chain) sends(b testing.TB, rounds int) (txs [][]byte) {
	for round := range rounds {
		for i := range people {
			from, to := cold("person", i), account(cold("person", (i+1)%people))
			txs = append(txs, c.sign(b, from, uint64(round), 100_000, 1_000, banktypes.NewMsgSend(account(from), to, network.Coins(1))))
		}
	}
	return txs
}

func (c *chain) commits(b testing.TB) (txs [][]byte) {
	for n := range c.market.subnets {
		for voice := range c.market.voices {
			key, hash := hotSigner("voice", voice), secret("hash", voice)
			txs = append(txs, c.sign(b, key, uint64(n), 200_000, 0, &yumatypes.MsgCommitWeights{
				HotAccount: account(key).String(), Netuid: uint32(n + 1), Epoch: epoch, Hash: hash,
			}))
		}
	}
	return txs
}

func (c *chain) reveals(b testing.TB) (txs [][]byte) {
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

func (c *chain) registrations(b testing.TB, count int) (txs [][]byte) {
	const expiry = 1_000
	for i := range count {
		owner, netuid := cold("person", i%people), uint32(i%c.market.subnets+1)
		proof := subnettypes.SignProof(hot("newcomer", i), chainID, netuid, account(owner).String(), expiry)
		txs = append(txs, c.sign(b, owner, uint64(i/people), 1_000_000, 200_000, &subnettypes.MsgRegister{
			Owner: account(owner).String(), Netuid: netuid, HotKey: public("newcomer", i), Proof: proof, ProofExpiry: expiry,
			MaxPrice: 100 * network.TAO,
		}))
	}
	return txs
}

// allRan tells whether every subnet's epoch has run.
func (c *chain) allRan(b testing.TB) bool {
	b.Helper()
	all := true
	must(b, c.app.Subnet.EachSubnet(c.state(), func(s subnettypes.Subnet) (bool, error) {
		all = s.Epoch > epoch
		return !all, nil
	}))
	return all
}

// decided fails unless every subnet's epoch found a quorum and paid.
func (c *chain) decided(b testing.TB) {
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
