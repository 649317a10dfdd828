package app

import (
	"crypto/sha256"
	"slices"
	"sync"

	abci "github.com/cometbft/cometbft/abci/types"

	sdk "github.com/cosmos/cosmos-sdk/types"
	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"
)

// capacity is what a node keeps waiting of a class.
type capacity struct {
	txs   int
	bytes int64
}

// capacities of the classes. CometBFT has one queue for all, refuses whoever comes when it is full, and hands a proposer
// its head: both must not depend on how much others paid for. Together they stay below PoolSize.
var capacities = [...]capacity{
	classWeights: {txs: 4_096, bytes: 32 << 20},
	classCards:   {txs: 512, bytes: 1 << 20},
	classPaid:    {txs: 6_144, bytes: 32 << 20},
}

// PoolSize is how many transactions CometBFT's own queue must hold (mempool.size), so that it is never the first to be
// full.
const PoolSize = 12_288

// pool knows what waits in the node's queue: how much of each class, and the free messages by name, so that a proposal
// has them however long the queue is. CometBFT asks for every transaction when it comes and for all that are left after
// every block; what it did not ask for after the last block is gone. Its methods may be called at the same time.
type pool struct {
	decode sdk.TxDecoder
	height func() int64 // of the last block

	mu      sync.Mutex
	waiting map[[sha256.Size]byte]*waiting
	order   []*waiting // as they came
	room    [len(capacities)]capacity
}

// waiting is a transaction in the queue.
type waiting struct {
	candidate
	key  [sha256.Size]byte
	seen int64 // the last block after which CometBFT asked for it
}

func newPool(decode sdk.TxDecoder, height func() int64) *pool {
	return &pool{decode: decode, height: height, waiting: map[[sha256.Size]byte]*waiting{}, room: capacities}
}

// checkTx answers CometBFT's question whether a transaction may wait: only while its class has room.
func (p *pool) checkTx(run sdk.RunTx, req *abci.RequestCheckTx) (*abci.ResponseCheckTx, error) {
	tx, err := p.decode(req.Tx)
	if err != nil {
		return sdkerrors.ResponseCheckTxWithEvents(sdkerrors.ErrTxDecode.Wrap(err.Error()), 0, 0, nil, false), nil
	}
	c, ok := examine(tx, req.Tx)
	if !ok {
		return sdkerrors.ResponseCheckTxWithEvents(sdkerrors.ErrTxDecode.Wrap("the transaction has no fee field"), 0, 0, nil, false), nil
	}
	key := sha256.Sum256(req.Tx)
	if req.Type == abci.CheckTxType_New && !p.hasRoom(key, c) {
		return sdkerrors.ResponseCheckTxWithEvents(sdkerrors.ErrMempoolIsFull.Wrap("send it again in a later block"), c.gas, 0, nil, false), nil
	}
	gas, result, events, err := run(req.Tx, tx)
	if err != nil {
		if req.Type == abci.CheckTxType_Recheck {
			p.forget(key)
		}
		return sdkerrors.ResponseCheckTxWithEvents(err, gas.GasWanted, gas.GasUsed, events, false), nil
	}
	p.keep(key, c)
	return &abci.ResponseCheckTx{
		GasWanted: int64(gas.GasWanted), GasUsed: int64(gas.GasUsed), Log: result.Log, Data: result.Data, Events: result.Events,
	}, nil
}

// hasRoom tells whether a transaction's class can take it, or has it.
func (p *pool) hasRoom(key [sha256.Size]byte, c candidate) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, has := p.waiting[key]; has || p.room[c.class].fits(c) {
		return true
	}
	p.sweep()
	return p.room[c.class].fits(c)
}

// keep notes that CometBFT has a transaction.
func (p *pool) keep(key [sha256.Size]byte, c candidate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w, has := p.waiting[key]
	if !has {
		if c.class == classPaid {
			c.tx = nil // only counted
		}
		w = &waiting{candidate: c, key: key}
		p.waiting[key] = w
		p.order = append(p.order, w)
		p.room[c.class].take(c)
	}
	w.seen = p.height()
}

// forget notes that CometBFT will drop a transaction: it is gone at the next sweep.
func (p *pool) forget(key [sha256.Size]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w, has := p.waiting[key]; has {
		w.seen = -1
	}
}

// sweep forgets what CometBFT has not asked for since the last block.
func (p *pool) sweep() {
	last := p.height()
	p.order = slices.DeleteFunc(p.order, func(w *waiting) bool {
		if w.seen >= last {
			return false
		}
		delete(p.waiting, w.key)
		p.room[w.class].release(w.candidate)
		return true
	})
}

// free lists the free messages that wait, as they came, and a test for them.
func (p *pool) free() (free []candidate, has func(raw []byte) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweep()
	keys := map[[sha256.Size]byte]bool{}
	for _, w := range p.order {
		if w.class != classPaid {
			free = append(free, w.candidate)
			keys[w.key] = true
		}
	}
	return free, func(raw []byte) bool { return keys[sha256.Sum256(raw)] }
}

func (c capacity) fits(tx candidate) bool { return c.txs > 0 && c.bytes >= tx.size() }

func (c *capacity) take(tx candidate) {
	c.txs--
	c.bytes -= tx.size()
}

func (c *capacity) release(tx candidate) {
	c.txs++
	c.bytes += tx.size()
}
