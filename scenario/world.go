package scenario

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	dbm "github.com/cosmos/cosmos-db"

	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/baseapp"
	simtestutil "github.com/cosmos/cosmos-sdk/testutil/sims"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/app"
	subnettypes "agora/chain/x/subnet/types"
)

const (
	// ChainID is the chain's.
	ChainID = "agora-scenario"
	// BlockTime is the time between two blocks.
	BlockTime = 2 * time.Second
)

// World is a chain in memory with the people of a story. It belongs to one goroutine.
type World struct {
	App    *app.App
	Height int64     // of the last block
	Now    time.Time // of the last block

	// What the application was asked, for another to be asked the same.
	Genesis *abci.RequestInitChain
	Blocks  []*abci.RequestFinalizeBlock
	Hashes  [][]byte // app hash after each block

	// Unchecked leaves the invariants after each block to who told the same story before.
	Unchecked bool

	plan     plan
	people   validators
	opinions []*opinion
	sealed   []*sealed
	names    map[string]string // of hot keys, by public key
	current  string            // name of the subnet spoken of
	notes    map[string]figure
	events   []abci.Event      // since the last line that acted
	signed   map[string]uint64 // transactions signed for the next block, by account
	ledger   Supply
}

// New returns a world before its first block.
func New() (*World, error) {
	a, err := Open()
	if err != nil {
		return nil, err
	}
	return On(a), nil
}

// Open returns the application over an empty store in memory.
func Open() (*app.App, error) {
	return app.New(log.NewNopLogger(), dbm.NewMemDB(), true, simtestutil.EmptyAppOptions{}, baseapp.SetChainID(ChainID))
}

// On returns a world over a that has not begun.
func On(a *app.App) *World {
	return &World{
		App: a, Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		names: map[string]string{}, notes: map[string]figure{}, signed: map[string]uint64{},
	}
}

// opened tells whether the chain has begun.
func (w *World) opened() bool { return w.Genesis != nil }

// Ctx reads the state of the last block; what is written to it is lost.
func (w *World) Ctx() sdk.Context {
	header := cmtproto.Header{ChainID: ChainID, Height: w.Height, Time: w.Now}
	ctx, _ := sdk.NewContext(w.App.CommitMultiStore(), header, true, log.NewNopLogger()).CacheContext()
	return ctx
}

// Step makes one block of txs, behind what the voices owe in it, and returns the results of txs. The error is the
// chain's or a broken invariant, not a transaction's.
func (w *World) Step(txs ...[]byte) ([]*abci.ExecTxResult, error) {
	owed, err := w.Owed()
	if err != nil {
		return nil, err
	}
	results, err := w.Block(append(owed, txs...)...)
	if err != nil {
		return nil, err
	}
	for _, r := range results[:len(owed)] {
		jailedJustNow := r.Codespace == subnettypes.ModuleName && r.Code == subnettypes.ErrNotVoice.ABCICode()
		if r.Code != 0 && !jailedJustNow {
			return nil, fmt.Errorf("block %d: a voice's message: %s", w.Height, r.Log)
		}
	}
	return results[len(owed):], nil
}

// Block makes one block of exactly txs and checks the invariants.
func (w *World) Block(txs ...[]byte) ([]*abci.ExecTxResult, error) {
	return w.finalize(&abci.RequestFinalizeBlock{Txs: txs})
}

// finalize fills in a block's head, runs and commits it.
func (w *World) finalize(req *abci.RequestFinalizeBlock) ([]*abci.ExecTxResult, error) {
	hash := sha256.Sum256(fmt.Appendf(nil, "block %d", w.Height+1))
	req.Height, req.Time, req.Hash = w.Height+1, w.Now.Add(BlockTime), hash[:]
	req.DecidedLastCommit, req.ProposerAddress = w.people.commit(w.Height+1), w.people.proposer()
	res, err := w.App.FinalizeBlock(req)
	if err != nil {
		return nil, fmt.Errorf("block %d: %w", req.Height, err)
	}
	if _, err := w.App.Commit(); err != nil {
		return nil, fmt.Errorf("commit block %d: %w", req.Height, err)
	}
	w.Height, w.Now = req.Height, req.Time
	w.Blocks, w.Hashes = append(w.Blocks, req), append(w.Hashes, res.AppHash)
	w.people.update(w.Height, res.ValidatorUpdates)
	clear(w.signed)
	w.hear(res)
	if w.Unchecked {
		return res.TxResults, nil
	}
	if err := w.check(res); err != nil {
		return nil, fmt.Errorf("after block %d: %w", w.Height, err)
	}
	return res.TxResults, nil
}

// hear remembers a block's events.
func (w *World) hear(res *abci.ResponseFinalizeBlock) {
	w.events = append(w.events, res.Events...)
	for _, r := range res.TxResults {
		w.events = append(w.events, r.Events...)
	}
}

// heard counts events by the last part of their type.
func (w *World) heard(name string) int64 {
	var n int64
	for _, e := range w.events {
		if e.Type == name || strings.HasSuffix(e.Type, "."+name) {
			n++
		}
	}
	return n
}

// stepUntil makes blocks until done.
func (w *World) stepUntil(done func() (bool, error)) error {
	const most = 2_000
	for range most {
		if ok, err := done(); err != nil || ok {
			return err
		}
		if _, err := w.Step(); err != nil {
			return err
		}
	}
	return errors.New("2000 blocks went by and it did not happen")
}
