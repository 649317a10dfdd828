package bench

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	dbm "github.com/cosmos/cosmos-db"

	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/server"
	simtestutil "github.com/cosmos/cosmos-sdk/testutil/sims"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/app"
	"agora/testnet"
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
	db     dbm.DB
	txs    client.TxConfig
	market *market
	home   string
	height int64
	now    time.Time
	ending struct{ all, thread time.Duration } // processor time during the last EndBlock: of the process, of its thread
}

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func openDB(b testing.TB, home string) dbm.DB {
	b.Helper()
	db, err := dbm.NewDB("application", dbm.GoLevelDBBackend, home)
	must(b, err)
	return db
}

// shipped are the options that a node starts with unless somebody edits its configuration: what it prunes, what it caches.
func shipped(home string) []func(*baseapp.BaseApp) {
	c := testnet.AppConfig()
	return server.DefaultBaseappOptions(simtestutil.AppOptionsMap{
		flags.FlagHome: home, flags.FlagChainID: chainID,
		server.FlagInterBlockCache: c.InterBlockCache, server.FlagPruning: c.Pruning,
		server.FlagIAVLCacheSize: c.IAVLCacheSize, server.FlagDisableIAVLFastNode: c.IAVLDisableFastNode,
		server.FlagMempoolMaxTxs: c.Mempool.MaxTxs, server.FlagMinRetainBlocks: c.MinRetainBlocks,
		server.FlagMinGasPrices: c.MinGasPrices, server.FlagIndexEvents: c.IndexEvents,
	})
}

// agora begins our chain with the market.
func agora(b testing.TB, m *market) *chain {
	b.Helper()
	home := b.TempDir()
	db := openDB(b, home)
	a, err := app.New(log.NewNopLogger(), db, false, simtestutil.EmptyAppOptions{}, shipped(home)...)
	must(b, err)
	c := &chain{application: a, app: a, db: db, txs: a.TxConfig, market: m, home: home, now: start}
	a.SetEndBlocker(func(ctx sdk.Context) (sdk.EndBlock, error) {
		all, thread := usage(b, syscall.RUSAGE_SELF), threadTime(b)
		defer func() { c.ending.all, c.ending.thread = usage(b, syscall.RUSAGE_SELF)-all, threadTime(b)-thread }()
		return a.Modules.EndBlock(ctx)
	})
	must(b, a.LoadLatestVersion())
	b.Cleanup(func() { must(b, a.Close()) })
	c.begin(b, a)
	return c
}

// bare begins the SDK's chain with the market's accounts and validators.
func bare(b testing.TB, m *market) *chain {
	b.Helper()
	blank, err := app.New(log.NewNopLogger(), dbm.NewMemDB(), false, simtestutil.EmptyAppOptions{})
	must(b, err)
	home := b.TempDir()
	db := openDB(b, home)
	a := bareChain(b, home, db)
	b.Cleanup(func() { must(b, a.Close()) })
	c := &chain{application: a, db: db, txs: a.TxConfig, market: m, home: home, now: start}
	c.begin(b, blank)
	return c
}

// begin runs the genesis that blank writes and one block.
func (c *chain) begin(b testing.TB, blank *app.App) {
	b.Helper()
	doc := c.market.document(b, blank, start)
	params := doc.Consensus.Params.ToProto()
	_, err := c.InitChain(&abci.RequestInitChain{
		Time: start, ChainId: chainID, ConsensusParams: &params, InitialHeight: 1, AppStateBytes: doc.AppState,
	})
	must(b, err)
	c.block(b, nil)
}

// block finalizes and commits txs, all of which must succeed.
func (c *chain) block(b testing.TB, txs [][]byte) {
	b.Helper()
	c.finalize(b, txs)
	if _, err := c.Commit(); err != nil {
		b.Fatal(err)
	}
}

func (c *chain) finalize(b testing.TB, txs [][]byte) {
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

// step checks, proposes, accepts and executes txs in one block.
func (c *chain) step(b testing.TB, txs [][]byte) {
	b.Helper()
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
}

// propose asks for a proposal of txs and has it accepted.
func (c *chain) propose(b testing.TB, txs [][]byte) [][]byte {
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

func (c *chain) compact(b testing.TB) {
	b.Helper()
	must(b, c.db.(*dbm.GoLevelDB).ForceCompact(nil, nil))
}

// disk is the size of the chain's database in bytes, compacted and with the files gone that compaction left.
func (c *chain) disk(b testing.TB) int64 {
	b.Helper()
	c.compact(b)
	last := c.bytes(b)
	for range 100 {
		time.Sleep(100 * time.Millisecond)
		now := c.bytes(b)
		if now == last {
			break
		}
		last = now
	}
	return last
}

// bytes adds up the files under the chain's home.
func (c *chain) bytes(b testing.TB) (size int64) {
	b.Helper()
	must(b, filepath.WalkDir(c.home, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && d.IsDir() {
			return nil // the database drops files while we look
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			size += info.Size()
		}
		return err
	}))
	return size
}
