package app_test

import (
	"errors"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/mempool"
	"github.com/cometbft/cometbft/proxy"
	cmttypes "github.com/cometbft/cometbft/types"

	"github.com/cosmos/cosmos-sdk/server"

	"agora/chain/app"
	"agora/scenario"
)

// queue is a node's queue of transactions as CometBFT keeps it, before the application of a world.
type queue struct {
	*testing.T
	w *scenario.World
	*mempool.CListMempool
}

func newQueue(t *testing.T, w *scenario.World) *queue {
	t.Helper()
	client, err := proxy.NewLocalClientCreator(server.NewCometABCIWrapper(w.App)).NewABCIClient()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Stop() })
	cfg := config.DefaultMempoolConfig()
	cfg.Size, cfg.CacheSize = app.PoolSize, 2*app.PoolSize
	return &queue{t, w, mempool.NewCListMempool(cfg, proxy.NewAppConnMempool(client, proxy.NopMetrics()), w.Height)}
}

// offer sends transactions to the node and returns how many it refused.
func (q *queue) offer(txs ...[]byte) (refused int) {
	for _, raw := range txs {
		if q.admit(raw) != nil {
			refused++
		}
	}
	return refused
}

func (q *queue) admit(raw []byte) (refusal error) {
	err := q.CheckTx(raw, func(res *abci.ResponseCheckTx) {
		if res.Code != 0 {
			refusal = errors.New(res.Log)
		}
	}, mempool.TxInfo{})
	return errors.Join(err, refusal)
}

// play makes the block that the application proposes out of what CometBFT hands it, as CometBFT does, and returns its
// transactions. One that fails fails the test.
func (q *queue) play() (txs [][]byte) {
	q.Helper()
	const maxBytes, maxGas = 4 << 20, 100_000_000
	txs, err := q.w.Propose(q.ReapMaxBytesMaxGas(maxBytes, maxGas).ToSliceOfBytes())
	if err != nil {
		q.Fatal(err)
	}
	results, err := q.w.Block(txs...)
	if err != nil {
		q.Fatal(err)
	}
	for _, r := range results {
		if r.Code != 0 {
			q.Errorf("block %d: %s", q.w.Height, r.Log)
		}
	}
	q.settle(txs, results)
	return txs
}

// settle tells CometBFT what came of a block's transactions; it asks the application again about the others.
func (q *queue) settle(txs [][]byte, results []*abci.ExecTxResult) {
	q.Helper()
	q.Lock()
	defer q.Unlock()
	if err := errors.Join(q.FlushAppConn(), q.Update(q.w.Height, cmttypes.ToTxs(txs), results, nil, nil)); err != nil {
		q.Fatal(err)
	}
}
