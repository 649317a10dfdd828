// Package stage is a chain without consensus: the real application, whose blocks come on demand. Programs reach it
// through the calls of a CometBFT node, so they notice no difference but the clock.
package stage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtbytes "github.com/cometbft/cometbft/libs/bytes"
	rpcclient "github.com/cometbft/cometbft/rpc/client"
	ctypes "github.com/cometbft/cometbft/rpc/core/types"
	cmttypes "github.com/cometbft/cometbft/types"
	dbm "github.com/cosmos/cosmos-db"

	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/baseapp"
	simtestutil "github.com/cosmos/cosmos-sdk/testutil/sims"

	"agora/chain/app"
)

// ErrDown is what a caller gets while the stage plays a node that is away.
var ErrDown = errors.New("connection refused")

// Stage is the chain. It is safe for concurrent use.
type Stage struct {
	chainID string

	mu       sync.Mutex
	app      *app.App
	height   int64
	time     time.Time
	proposer []byte
	pool     []cmttypes.Tx
	blocks   map[int64]*ctypes.ResultBlock
	results  map[int64]*ctypes.ResultBlockResults
	down     bool
	deaf     bool // broadcasts arrive, but their answers are lost
}

// Open starts the chain that plan describes, in memory.
func Open(plan Plan) (*Stage, error) {
	a, err := app.New(log.NewNopLogger(), dbm.NewMemDB(), true, simtestutil.EmptyAppOptions{}, baseapp.SetChainID(plan.ChainID))
	if err != nil {
		return nil, err
	}
	start := time.Unix(1_800_000_000, 0).UTC()
	doc, err := plan.genesis(a, start)
	if err != nil {
		return nil, err
	}
	params := doc.Consensus.Params.ToProto()
	r, err := a.InitChain(&abci.RequestInitChain{
		Time: start, ChainId: plan.ChainID, ConsensusParams: &params, InitialHeight: 1, AppStateBytes: doc.AppState,
	})
	if err != nil {
		return nil, err
	}
	if len(r.Validators) == 0 {
		return nil, errors.New("stage: genesis bonds no validator")
	}
	s := &Stage{
		chainID: plan.ChainID, app: a, time: start, proposer: plan.consensusAddress(0),
		blocks: map[int64]*ctypes.ResultBlock{}, results: map[int64]*ctypes.ResultBlockResults{},
	}
	return s, s.Play(1)
}

// Play makes n blocks, a second apart. Every pending transaction goes into the first.
func (s *Stage) Play(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		if err := s.block(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stage) block() error {
	height, at, txs := s.height+1, s.time.Add(time.Second), s.pool
	hash := sha256.Sum256(fmt.Appendf(nil, "block %d of %s", height, s.chainID))
	raw := make([][]byte, len(txs))
	for i, t := range txs {
		raw[i] = t
	}
	r, err := s.app.FinalizeBlock(&abci.RequestFinalizeBlock{
		Height: height, Time: at, Txs: raw, Hash: hash[:], ProposerAddress: s.proposer,
	})
	if err != nil {
		return fmt.Errorf("block %d: %w", height, err)
	}
	if _, err := s.app.Commit(); err != nil {
		return fmt.Errorf("block %d: %w", height, err)
	}
	s.blocks[height] = &ctypes.ResultBlock{
		BlockID: cmttypes.BlockID{Hash: hash[:]},
		Block:   &cmttypes.Block{Header: cmttypes.Header{Height: height, Time: at, ChainID: s.chainID}, Data: cmttypes.Data{Txs: txs}},
	}
	s.results[height] = &ctypes.ResultBlockResults{Height: height, TxsResults: r.TxResults, FinalizeBlockEvents: r.Events}
	s.height, s.time, s.pool = height, at, nil
	return nil
}

// Height is the last block's.
func (s *Stage) Height() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.height
}

// Down takes the node away, or brings it back.
func (s *Stage) Down(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = away
}

// LoseAnswers makes broadcasts arrive while their answers get lost, or ends that.
func (s *Stage) LoseAnswers(lose bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf = lose
}

// Pending is the number of transactions that wait for a block.
func (s *Stage) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pool)
}

// DropPending loses the transactions that wait for a block, as a restarted node does.
func (s *Stage) DropPending() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pool = nil
}

// ABCIInfo is a node's call of this name, as are the methods below.
func (s *Stage) ABCIInfo(context.Context) (*ctypes.ResultABCIInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, ErrDown
	}
	return &ctypes.ResultABCIInfo{Response: abci.ResponseInfo{LastBlockHeight: s.height}}, nil
}

// ABCIQueryWithOptions asks the application.
func (s *Stage) ABCIQueryWithOptions(
	ctx context.Context, path string, data cmtbytes.HexBytes, opts rpcclient.ABCIQueryOptions,
) (*ctypes.ResultABCIQuery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, ErrDown
	}
	r, err := s.app.Query(ctx, &abci.RequestQuery{Path: path, Data: data, Height: opts.Height, Prove: opts.Prove})
	if err != nil {
		return nil, err
	}
	return &ctypes.ResultABCIQuery{Response: *r}, nil
}

// BroadcastTxSync checks a transaction and keeps it for the next block.
func (s *Stage) BroadcastTxSync(_ context.Context, t cmttypes.Tx) (*ctypes.ResultBroadcastTx, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, ErrDown
	}
	for _, have := range s.pool {
		if string(have) == string(t) {
			return nil, errors.New("tx already exists in cache")
		}
	}
	r, err := s.app.CheckTx(&abci.RequestCheckTx{Tx: t, Type: abci.CheckTxType_New})
	if err != nil {
		return nil, err
	}
	if r.Code == 0 {
		s.pool = append(s.pool, t)
	}
	if s.deaf {
		return nil, errors.New("connection reset by peer")
	}
	return &ctypes.ResultBroadcastTx{Code: r.Code, Log: r.Log, Codespace: r.Codespace, Hash: t.Hash()}, nil
}

// Block returns a block.
func (s *Stage) Block(_ context.Context, height *int64) (*ctypes.ResultBlock, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return found(s.blocks, *height, s.down)
}

// BlockResults returns what a block's transactions did.
func (s *Stage) BlockResults(_ context.Context, height *int64) (*ctypes.ResultBlockResults, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return found(s.results, *height, s.down)
}

func found[T any](all map[int64]*T, height int64, down bool) (*T, error) {
	if down {
		return nil, ErrDown
	}
	if one := all[height]; one != nil {
		return one, nil
	}
	return nil, fmt.Errorf("height %d is not available", height)
}

// Live makes a block every so often until ctx ends or a block fails.
func (s *Stage) Live(ctx context.Context, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := s.Play(1); err != nil {
				return err
			}
		}
	}
}
