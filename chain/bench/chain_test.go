package bench

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	dbm "github.com/cosmos/cosmos-db"

	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/client"
	simtestutil "github.com/cosmos/cosmos-sdk/testutil/sims"

	"agora/chain/app"
)

// application is what CometBFT asks of a chain.
type application interface {
	CheckTx(*abci.RequestCheckTx) (*abci.ResponseCheckTx, error)
	InitChain(*abci.RequestInitChain) (*abci.ResponseInitChain, error)
	PrepareProposal(*abci.RequestPrepareProposal) (*abci.ResponsePrepareProposal, error)
	ProcessProposal(*abci.RequestProcessProposal) (*abci.ResponseProcessProposal, error)
	FinalizeBlock(*abci.RequestFinalizeBlock) (*abci.ResponseFinalizeBlock, error)
	Commit() (*abci.ResponseCommit, error)
}

const (
	blockTime  = 2 * time.Second
	blockBytes = 4 << 20
)

// chain is a running application on goleveldb.
type chain struct {
	application
	app    *app.App // nil on the bare chain
	txs    client.TxConfig
	market *market
	home   string
	height int64
	now    time.Time
}

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func openDB(b *testing.B, home string) dbm.DB {
	b.Helper()
	db, err := dbm.NewDB("application", dbm.GoLevelDBBackend, home)
	if err != nil {
		b.Fatal(err)
	}
	return db
}

// agora begins our chain with the market.
func agora(b *testing.B, m *market) *chain {
	b.Helper()
	home := b.TempDir()
	a, err := app.New(log.NewNopLogger(), openDB(b, home), true, simtestutil.EmptyAppOptions{}, baseapp.SetChainID(chainID))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { must(b, a.Close()) })
	c := begin(b, a, a, m, home)
	c.app = a
	return c
}

// bare begins the SDK's chain with the market's accounts and validators.
func bare(b *testing.B, m *market) *chain {
	b.Helper()
	blank, err := app.New(log.NewNopLogger(), dbm.NewMemDB(), false, simtestutil.EmptyAppOptions{})
	if err != nil {
		b.Fatal(err)
	}
	home := b.TempDir()
	base := bareChain(b, blank.Encoding, openDB(b, home))
	b.Cleanup(func() { must(b, base.Close()) })
	return begin(b, base, blank, m, home)
}

func begin(b *testing.B, running application, blank *app.App, m *market, home string) *chain {
	b.Helper()
	doc := m.document(b, blank, start)
	params := doc.Consensus.Params.ToProto()
	c := &chain{application: running, txs: blank.TxConfig, market: m, home: home, now: start}
	if _, err := c.InitChain(&abci.RequestInitChain{
		Time: start, ChainId: chainID, ConsensusParams: &params, InitialHeight: 1, AppStateBytes: doc.AppState,
	}); err != nil {
		b.Fatal(err)
	}
	c.block(b, nil)
	return c
}

// block finalizes and commits txs, all of which must succeed.
func (c *chain) block(b *testing.B, txs [][]byte) {
	b.Helper()
	c.finalize(b, txs)
	if _, err := c.Commit(); err != nil {
		b.Fatal(err)
	}
}

func (c *chain) finalize(b *testing.B, txs [][]byte) {
	b.Helper()
	c.height, c.now = c.height+1, c.now.Add(blockTime)
	res, err := c.FinalizeBlock(&abci.RequestFinalizeBlock{
		Height: c.height, Time: c.now, Hash: c.hash(), Txs: txs, DecidedLastCommit: c.votes(), ProposerAddress: validatorKey(0).PubKey().Address(),
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, r := range res.TxResults {
		if r.Code != 0 {
			b.Fatalf("block %d: %s", c.height, r.Log)
		}
	}
}

func (c *chain) hash() []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "block %d", c.height))
	return sum[:]
}

// votes say that every validator signed.
func (c *chain) votes() abci.CommitInfo {
	info := abci.CommitInfo{}
	if c.height == 1 {
		return info
	}
	for i := range c.market.voices {
		info.Votes = append(info.Votes, abci.VoteInfo{
			Validator: abci.Validator{Address: validatorKey(i).PubKey().Address(), Power: 10_000}, BlockIdFlag: cmtproto.BlockIDFlagCommit,
		})
	}
	return info
}

// meter is what blocks have cost.
type meter struct {
	txs, blocks      int
	wall, worst, cpu time.Duration
	thread           time.Duration // of cpu, what the thread that runs the application took; the rest is collector and compaction
}

func (m meter) cpuPerTx() float64 { return float64(m.cpu.Microseconds()) / float64(m.txs) }

func (m meter) threadPerTx() float64 { return float64(m.thread.Microseconds()) / float64(m.txs) }

// report gives tx/s, the block's time and the processor's time per transaction.
func (m meter) report(b *testing.B) {
	b.ReportMetric(float64(m.txs)/m.wall.Seconds(), "tx/s")
	b.ReportMetric(m.wall.Seconds()*1e3/float64(m.blocks), "ms/block")
	b.ReportMetric(m.worst.Seconds()*1e3, "ms/worst-block")
	b.ReportMetric(m.cpuPerTx(), "cpu-µs/tx")
	b.ReportMetric(m.threadPerTx(), "thread-µs/tx")
	b.ReportMetric(float64(m.txs)/float64(m.blocks), "tx/block")
}

// run puts txs through the chain, block after block without a pause.
func (c *chain) run(b *testing.B, txs [][]byte, perBlock int) {
	b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	runtime.GC() // what the genesis left is not the transactions' cost
	var m meter
	for done := 0; done < len(txs); done += perBlock {
		c.step(b, &m, txs[done:min(done+perBlock, len(txs))])
	}
	m.report(b)
}

// step checks, proposes, accepts and executes txs in one block.
func (c *chain) step(b *testing.B, m *meter, txs [][]byte) {
	b.Helper()
	began, cpu, thread := time.Now(), cpuTime(b), threadTime(b)
	for _, tx := range txs {
		if res, err := c.CheckTx(&abci.RequestCheckTx{Tx: tx, Type: abci.CheckTxType_New}); err != nil || res.Code != 0 {
			b.Fatalf("refused: %v %v", err, res.GetLog())
		}
	}
	taken := c.propose(b, txs)
	if len(taken) < len(txs) {
		b.Fatalf("%d of %d fit a block", len(taken), len(txs))
	}
	c.block(b, taken)
	wall := time.Since(began)
	m.txs, m.blocks, m.wall, m.worst, m.cpu = m.txs+len(txs), m.blocks+1, m.wall+wall, max(m.worst, wall), m.cpu+cpuTime(b)-cpu
	m.thread += threadTime(b) - thread
}

// propose asks for a proposal of txs and has it accepted.
func (c *chain) propose(b *testing.B, txs [][]byte) [][]byte {
	b.Helper()
	proposal, err := c.PrepareProposal(&abci.RequestPrepareProposal{
		Height: c.height + 1, Time: c.now.Add(blockTime), Txs: txs, MaxTxBytes: blockBytes, ProposerAddress: validatorKey(0).PubKey().Address(),
	})
	if err != nil {
		b.Fatal(err)
	}
	res, err := c.ProcessProposal(&abci.RequestProcessProposal{
		Height: c.height + 1, Time: c.now.Add(blockTime), Txs: proposal.Txs, Hash: []byte("proposal"), ProposerAddress: validatorKey(0).PubKey().Address(),
	})
	if err != nil || res.Status != abci.ResponseProcessProposal_ACCEPT {
		b.Fatalf("proposal: %v %v", err, res)
	}
	return proposal.Txs
}

// cpuTime is the processor time of the process so far, the collector's included.
func cpuTime(b *testing.B) time.Duration { return usage(b, syscall.RUSAGE_SELF) }

// threadTime is the processor time of the calling thread; the caller has locked it.
func threadTime(b *testing.B) time.Duration {
	const thread = 1 // RUSAGE_THREAD, which only Linux has
	if runtime.GOOS != "linux" {
		return cpuTime(b)
	}
	return usage(b, thread)
}

func usage(b *testing.B, who int) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// disk is the size of the chain's database in bytes.
func (c *chain) disk(b *testing.B) (size int64) {
	b.Helper()
	err := filepath.WalkDir(c.home, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return size
}

// peak is the most memory that the process has held, in MiB; 0 where the system does not tell.
func peak() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kib); n == 1 {
			return kib / 1024
		}
	}
	return 0
}
