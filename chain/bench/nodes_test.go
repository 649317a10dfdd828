package bench

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	rpcclient "github.com/cometbft/cometbft/rpc/client"
	rpchttp "github.com/cometbft/cometbft/rpc/client/http"
	dbm "github.com/cosmos/cosmos-db"
	"golang.org/x/sync/errgroup"

	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/client/tx"
	"github.com/cosmos/cosmos-sdk/crypto"
	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	cryptotypes "github.com/cosmos/cosmos-sdk/crypto/types"
	simtestutil "github.com/cosmos/cosmos-sdk/testutil/sims"
	sdk "github.com/cosmos/cosmos-sdk/types"
	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"
	authsigning "github.com/cosmos/cosmos-sdk/x/auth/signing"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"agora/chain/app"
	"agora/chain/network"
	"agora/testnet"
)

const (
	senders       = 200 // accounts that send
	sendsOfEach   = 25
	sendersAtOnce = 16
)

// BenchmarkFourNodes is four nodes as processes on this machine, with consensus, gossip, RPC and a block every second:
// 5,000 bank sends broadcast to all four at once. It reports only: the nodes share the cores with each other and with who
// sends. AGORA_BINARY names the program; without it, it is built first.
func BenchmarkFourNodes(b *testing.B) {
	for b.Loop() {
		n := startNodes(b)
		txs := n.sign(b)
		from, began := n.height(b), time.Now()
		n.broadcast(b, txs)
		sent := time.Since(began)
		blocks, took := n.awaitAll(b, from, len(txs)*sendsOfEach, began)
		count := float64(len(txs) * sendsOfEach)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(count/sent.Seconds(), "accepted-tx/s")
		b.ReportMetric(count/took.Seconds(), "committed-tx/s")
		b.ReportMetric(took.Seconds()/float64(blocks), "s/block")
		b.ReportMetric(float64(n.kill(b).Microseconds())/count, "cpu-µs/tx-of-4-nodes")
	}
}

// nodes is a network of processes.
type nodes struct {
	file    *testnet.Description
	blank   *app.App
	running []*exec.Cmd
	rpc     []*rpchttp.HTTP
}

func startNodes(b *testing.B) *nodes {
	b.Helper()
	binary := os.Getenv("AGORA_BINARY")
	if binary == "" {
		binary = filepath.Join(b.TempDir(), "agora")
		out, err := exec.CommandContext(b.Context(), "go", "build", "-o", binary, "agora/cmd/agora").CombinedOutput()
		if err != nil {
			b.Fatalf("go build: %v\n%s", err, out)
		}
	}
	options := testnet.Defaults()
	options.Home, options.BasePort = filepath.Join(b.TempDir(), "net"), freePorts(b)
	file, err := testnet.Write(options)
	must(b, err)
	blank, err := app.New(log.NewNopLogger(), dbm.NewMemDB(), false, simtestutil.EmptyAppOptions{})
	must(b, err)
	n := &nodes{file: file, blank: blank}
	for i, home := range file.Homes {
		cmd := exec.CommandContext(b.Context(), binary, "node", "start", "--home", home, "--log_level", "error")
		must(b, cmd.Start())
		n.running = append(n.running, cmd)
		client, err := rpchttp.NewWithTimeout(file.RPC[i], "/websocket", 30)
		must(b, err)
		n.rpc = append(n.rpc, client)
	}
	b.Cleanup(func() { n.kill(b) })
	n.until(b, "the first blocks", func() bool { return n.height(b) >= 2 })
	n.fund(b, options.Home)
	return n
}

// freePorts finds 50 free ports in a row.
func freePorts(b *testing.B) int {
	b.Helper()
	for base := 21_000; base < 60_000; base += 991 {
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base)); err == nil {
			l.Close()
			return base
		}
	}
	b.Fatal("no free ports")
	return 0
}

// until polls for at most three minutes.
func (n *nodes) until(b *testing.B, what string, held func() bool) {
	b.Helper()
	for began := time.Now(); time.Since(began) < 3*time.Minute; time.Sleep(100 * time.Millisecond) {
		if held() {
			return
		}
	}
	b.Fatalf("waited three minutes for %s", what)
}

// height is the last block of node 0, 0 before it answers.
func (n *nodes) height(b *testing.B) int64 {
	s, err := n.rpc[0].Status(b.Context())
	if err != nil {
		return 0
	}
	return s.SyncInfo.LatestBlockHeight
}

// fund gives every sender coins out of the faucet.
func (n *nodes) fund(b *testing.B, home string) {
	b.Helper()
	ring, err := keyring.New("agora", keyring.BackendTest, home, nil, n.blank.Codec)
	must(b, err)
	armored, err := ring.ExportPrivKeyArmor("faucet", "")
	must(b, err)
	faucet, _, err := crypto.UnarmorDecryptPrivKey(armored, "")
	must(b, err)
	outputs := make([]banktypes.Output, senders)
	for i := range outputs {
		outputs[i] = banktypes.NewOutput(account(cold("person", i)), network.Coins(network.TAO))
	}
	msg := banktypes.NewMsgMultiSend(banktypes.NewInput(account(faucet), network.Coins(senders*network.TAO)), outputs)
	res, err := n.rpc[0].BroadcastTxSync(b.Context(), n.signOne(b, faucet, 0, 20_000_000, msg))
	must(b, err)
	if res.Code != 0 {
		b.Fatal(res.Log)
	}
	n.until(b, "coins", func() bool { _, err := n.number(b.Context(), account(cold("person", 0))); return err == nil })
}

// number is an account's number on the chain.
func (n *nodes) number(ctx context.Context, address sdk.AccAddress) (uint64, error) {
	request, err := (&authtypes.QueryAccountInfoRequest{Address: address.String()}).Marshal()
	if err != nil {
		return 0, err
	}
	res, err := n.rpc[0].ABCIQueryWithOptions(ctx, "/cosmos.auth.v1beta1.Query/AccountInfo", request, rpcclient.ABCIQueryOptions{})
	if err != nil {
		return 0, err
	}
	if res.Response.Code != 0 {
		return 0, fmt.Errorf("%s: %s", address, res.Response.Log)
	}
	var info authtypes.QueryAccountInfoResponse
	if err := info.Unmarshal(res.Response.Value); err != nil {
		return 0, err
	}
	return info.Info.AccountNumber, nil
}

func (n *nodes) signOne(b *testing.B, key cryptotypes.PrivKey, sequence, gas uint64, msg sdk.Msg) []byte {
	b.Helper()
	number, err := n.number(b.Context(), account(key))
	must(b, err)
	return n.signAs(b, key, number, sequence, gas, msg)
}

func (n *nodes) signAs(b *testing.B, key cryptotypes.PrivKey, number, sequence, gas uint64, msg sdk.Msg) []byte {
	b.Helper()
	const mode = signing.SignMode_SIGN_MODE_DIRECT
	builder := n.blank.TxConfig.NewTxBuilder()
	must(b, builder.SetMsgs(msg))
	builder.SetGasLimit(gas)
	builder.SetFeeAmount(network.Coins(gas))
	must(b, builder.SetSignatures(signing.SignatureV2{PubKey: key.PubKey(), Data: &signing.SingleSignatureData{SignMode: mode}, Sequence: sequence}))
	who := authsigning.SignerData{
		ChainID: n.file.ChainID, Address: account(key).String(), AccountNumber: number, Sequence: sequence, PubKey: key.PubKey(),
	}
	signature, err := tx.SignWithPrivKey(b.Context(), mode, who, builder, key, n.blank.TxConfig, sequence)
	must(b, err)
	must(b, builder.SetSignatures(signature))
	raw, err := n.blank.TxConfig.TxEncoder()(builder.GetTx())
	must(b, err)
	return raw
}

// sign makes every sender's transactions beforehand.
func (n *nodes) sign(b *testing.B) [][][]byte {
	b.Helper()
	all := make([][][]byte, senders)
	for i := range all {
		from, to := cold("person", i), account(cold("person", (i+1)%senders))
		number, err := n.number(b.Context(), account(from))
		must(b, err)
		for s := range uint64(sendsOfEach) {
			all[i] = append(all[i], n.signAs(b, from, number, s, 200_000, banktypes.NewMsgSend(account(from), to, network.Coins(1))))
		}
	}
	return all
}

// broadcast gives each sender's transactions to one node, in their order, and waits where a pool is full.
func (n *nodes) broadcast(b *testing.B, txs [][][]byte) {
	b.Helper()
	var group errgroup.Group
	group.SetLimit(sendersAtOnce)
	for i, own := range txs {
		group.Go(func() error {
			for _, raw := range own {
				if err := n.submit(b.Context(), n.rpc[i%len(n.rpc)], raw); err != nil {
					return err
				}
			}
			return nil
		})
	}
	must(b, group.Wait())
}

func (n *nodes) submit(ctx context.Context, node *rpchttp.HTTP, raw []byte) error {
	for {
		res, err := node.BroadcastTxSync(ctx, raw)
		switch {
		case err == nil && res.Code == 0:
			return nil
		case err == nil && res.Code != sdkerrors.ErrMempoolIsFull.ABCICode():
			return fmt.Errorf("refused: %s", res.Log)
		case err != nil && !strings.Contains(err.Error(), "mempool is full"):
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// awaitAll waits until count transactions are in blocks after from, and returns in how many and how long after began.
func (n *nodes) awaitAll(b *testing.B, from int64, count int, began time.Time) (blocks int64, took time.Duration) {
	b.Helper()
	at, seen := from, 0
	n.until(b, "all transactions in blocks", func() bool {
		for seen < count && at < n.height(b) {
			at++
			block, err := n.rpc[0].Block(b.Context(), &at)
			must(b, err)
			seen += len(block.Block.Txs)
		}
		return seen >= count
	})
	return at - from, time.Since(began)
}

// kill ends the nodes and returns the processor time that they took.
func (n *nodes) kill(b *testing.B) (cpu time.Duration) {
	b.Helper()
	for _, cmd := range n.running {
		cmd.Process.Kill()
		cmd.Wait() // it was killed
		cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	n.running = nil
	return cpu
}
