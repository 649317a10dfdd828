package app

import (
	"crypto/sha256"
	"slices"
	"sync"

	abci "github.com/cometbft/cometbft/abci/types"

	sdk "github.com/cosmos/cosmos-sdk/types"
	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"

	"agora/chain/network"
	feetypes "agora/chain/x/fee/types"
	"agora/mechanism/price"
)

// capacity is what a node keeps waiting of a class.
type capacity struct {
	txs   int
	bytes int64
}

// capacities of the classes. CometBFT has one queue for all, refuses whoever comes when it is full, and hands a proposer
// its head: neither may depend on how much others paid for, or sent first.
var capacities = [...]capacity{
	classWeights: {txs: 4_096, bytes: 32 << 20},
	classCards:   {txs: 512, bytes: 1 << 20},
	classTurns:   {txs: 256, bytes: 4 << 20},
	classPaid:    {txs: 4_096, bytes: 32 << 20},
}

const (
	// PoolSize is how many transactions CometBFT's own queue must hold (mempool.size), so that it is never the first to
	// be full: the classes, and what was evicted from them since the last block, which CometBFT drops only then.
	PoolSize = 12_288

	slack = PoolSize - 4_096 - 512 - 256 - 4_096 // evictions between two blocks
	// Who pays so many times the price in force may evict when half of the slack is used up: or else a crowd that evicts
	// each other would keep everybody out until the next block.
	urgent = 10

	// outbid is by which part more the one that comes pays than the one that leaves.
	outbid = 10
	// evictions is how many small transactions leave for one large.
	evictions = 64
)

// chain is what the queue asks the application.
type chain interface {
	lastHeight() int64
	lookUp() (ctx sdk.Context, ok bool) // the state after the last block; opening it costs more than some hundred reads
	gasPrice(ctx sdk.Context) uint64    // rao per million gas
	hasTurn(ctx sdk.Context, account sdk.AccAddress) bool
}

// pool knows what waits in the node's queue, so that a proposal has the free messages and the best payers however long
// the queue is and in whatever order they came. CometBFT asks for every transaction when it comes and for all that are
// left after every block; what it did not ask for after the last block is gone. Its methods may be called at the same
// time.
type pool struct {
	decode   sdk.TxDecoder
	chain    chain
	rehearse func(ctx sdk.Context, raw []byte) bool // tells whether it pays

	mu      sync.Mutex
	waiting map[[sha256.Size]byte]*waiting
	order   []*waiting // as they came
	room    [len(capacities)]capacity
	evicted int   // since
	since   int64 // the block of this height
}

// waiting is a transaction in the queue.
type waiting struct {
	candidate
	key  [sha256.Size]byte
	seen int64 // the last block after which CometBFT asked for it
}

func newPool(decode sdk.TxDecoder, chain chain, rehearse func(sdk.Context, []byte) bool) *pool {
	return &pool{decode: decode, chain: chain, rehearse: rehearse, waiting: map[[sha256.Size]byte]*waiting{}, room: capacities}
}

// checkTx answers CometBFT's question whether a transaction may wait: while its class has room, or if it pays more than
// somebody who then leaves.
func (p *pool) checkTx(run sdk.RunTx, req *abci.RequestCheckTx) (*abci.ResponseCheckTx, error) {
	c, err := p.read(req.Tx)
	if err != nil {
		return refusal(err, 0), nil
	}
	key := sha256.Sum256(req.Tx)
	again := req.Type == abci.CheckTxType_Recheck
	if err := p.hasRoom(key, &c, !again); err != nil {
		return refusal(err, c.gas), nil
	}
	gas, result, events, err := run(req.Tx, c.tx)
	if err == nil {
		err = p.keep(key, c)
	} else if again {
		p.forget(key)
	}
	if err != nil {
		return sdkerrors.ResponseCheckTxWithEvents(err, gas.GasWanted, gas.GasUsed, events, false), nil
	}
	return &abci.ResponseCheckTx{
		GasWanted: int64(gas.GasWanted), GasUsed: int64(gas.GasUsed), Log: result.Log, Data: result.Data, Events: result.Events,
	}, nil
}

func refusal(err error, gas uint64) *abci.ResponseCheckTx {
	return sdkerrors.ResponseCheckTxWithEvents(err, gas, 0, nil, false)
}

// read decodes a transaction and reads what its place depends on.
func (p *pool) read(raw []byte) (candidate, error) {
	tx, err := p.decode(raw)
	if err != nil {
		return candidate{}, sdkerrors.ErrTxDecode.Wrap(err.Error())
	}
	c, ok := examine(tx, raw)
	if !ok {
		return candidate{}, sdkerrors.ErrTxDecode.Wrap("the transaction has no fee field")
	}
	return c, nil
}

// hasRoom tells with a nil error that a transaction may wait, and moves it to the class of turns where it has one and its
// own class is full. With evict it may take the place of others.
func (p *pool) hasRoom(key [sha256.Size]byte, c *candidate, evict bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, has := p.waiting[key]; has || p.room[c.class].fits(*c) {
		return nil
	}
	p.sweep()
	if p.room[c.class].fits(*c) {
		return nil
	}
	if c.class == classPaid && evict && p.takesTurn(c) {
		return nil
	}
	if c.class != classPaid || !evict {
		return sdkerrors.ErrMempoolIsFull.Wrap("send it again in a later block")
	}
	_, err := p.victims(*c)
	return err
}

// takesTurn moves a paid transaction to the class of turns, if its signer has one and nothing waiting there.
func (p *pool) takesTurn(c *candidate) bool {
	account := c.account()
	if c.gas > feetypes.TurnGas || !p.room[classTurns].fits(*c) {
		return false
	}
	if slices.ContainsFunc(p.order, func(w *waiting) bool { return w.class == classTurns && w.account() == account }) {
		return false
	}
	if ctx, ok := p.chain.lookUp(); !ok || !p.chain.hasTurn(ctx, sdk.AccAddress(account)) {
		return false
	}
	c.class = classTurns
	return true
}

// victims are the cheapest paid transactions, which leave for c, each with what its signer sent after it; it is an error if
// they pay as much as c, or if too many have left since the last block.
func (p *pool) victims(c candidate) (leave []*waiting, err error) {
	left := p.room[classPaid]
	for !left.fits(c) {
		worst := p.cheapest(c.account(), leave)
		if worst == nil || len(leave) > evictions {
			return nil, sdkerrors.ErrMempoolIsFull.Wrap("send it again in a later block")
		}
		if c.bid <= worst.bid || c.bid-worst.bid < worst.bid/outbid {
			return nil, sdkerrors.ErrMempoolIsFull.Wrapf("it pays %d rao per million gas, the cheapest that waits %d: offer a tenth more than that",
				c.bid, worst.bid)
		}
		for _, w := range p.behind(worst) {
			leave = append(leave, w)
			left.release(w.candidate)
		}
	}
	if n := p.evicted + len(leave); n > slack || n > slack/2 && !p.isUrgent(c) {
		return nil, sdkerrors.ErrMempoolIsFull.Wrapf("send it again in the next block, or offer %d times the gas price", urgent)
	}
	return leave, nil
}

// isUrgent tells whether a transaction offers many times the price in force.
func (p *pool) isUrgent(c candidate) bool {
	ctx, ok := p.chain.lookUp()
	return ok && c.bid/urgent >= p.chain.gasPrice(ctx)
}

// cheapest is the last of the cheapest paid transactions that are neither account's nor in but.
func (p *pool) cheapest(account string, but []*waiting) (worst *waiting) {
	for _, w := range p.order {
		if w.class == classPaid && (worst == nil || w.bid <= worst.bid) && w.account() != account && !slices.Contains(but, w) {
			worst = w
		}
	}
	return worst
}

// behind is a paid transaction and what its signer sent after it, which cannot be carried out without it.
func (p *pool) behind(first *waiting) (all []*waiting) {
	from := slices.Index(p.order, first)
	for _, w := range p.order[from:] {
		if w.class == classPaid && w.account() == first.account() {
			all = append(all, w)
		}
	}
	return all
}

// keep notes that CometBFT has a transaction, and evicts for it.
func (p *pool) keep(key [sha256.Size]byte, c candidate) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	w, has := p.waiting[key]
	if !has {
		if !p.room[c.class].fits(c) {
			leave, err := p.victims(c)
			if err != nil {
				return err
			}
			p.evict(leave)
		}
		c.account()
		if c.class == classPaid || c.class == classTurns {
			c.tx = nil // its account and its price are known
		}
		w = &waiting{candidate: c, key: key}
		p.waiting[key] = w
		p.order = append(p.order, w)
		p.room[c.class].take(c)
	}
	w.seen = p.chain.lastHeight()
	return nil
}

// evict drops transactions. CometBFT asks for them once more after the next block, and is told then.
func (p *pool) evict(leave []*waiting) {
	p.evicted += len(leave)
	for _, w := range leave {
		w.seen = -1
	}
	p.sweep()
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
	last := p.chain.lastHeight()
	if last != p.since {
		p.since, p.evicted = last, 0
	}
	p.order = slices.DeleteFunc(p.order, func(w *waiting) bool {
		if w.seen >= last {
			return false
		}
		delete(p.waiting, w.key)
		p.room[w.class].release(w.candidate)
		return true
	})
}

// all lists what waits, as it came, and a test for it.
func (p *pool) all() (all []candidate, has func(raw []byte) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweep()
	keys := map[[sha256.Size]byte]bool{}
	for _, w := range p.order {
		all = append(all, w.candidate)
		keys[w.key] = true
	}
	return all, func(raw []byte) bool { return keys[sha256.Sum256(raw)] }
}

// known is what waits under raw's name.
func (p *pool) known(raw []byte) (candidate, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w, has := p.waiting[sha256.Sum256(raw)]
	if !has {
		return candidate{}, false
	}
	return w.candidate, true
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

// candidate is a transaction that might enter a block.
type candidate struct {
	raw    []byte
	tx     sdk.Tx // nil once its signer is known
	gas    uint64
	bid    uint64 // rao per million gas
	class  int
	signer *string // nil until asked for
}

// account is that of a transaction's first signer, as bytes. To find it the SDK may have to decode every message again.
func (c *candidate) account() string {
	if c.signer != nil {
		return *c.signer
	}
	first := ""
	if signers, err := signersOf(c.tx); err == nil && len(signers) > 0 {
		first = string(signers[0])
	}
	c.signer = &first
	return first
}

// examine reads what the order depends on; false if tx has no fee field.
func examine(tx sdk.Tx, raw []byte) (candidate, bool) {
	f, ok := tx.(sdk.FeeTx)
	if !ok {
		return candidate{}, false
	}
	c := candidate{raw: raw, tx: tx, gas: f.GetGas(), class: classPaid}
	fee := f.GetFee()
	if fee.IsZero() {
		c.class = classOf(tx.GetMsgs())
	}
	if paid := fee.AmountOf(network.Denom); paid.IsUint64() {
		c.bid = price.GasBid(paid.Uint64(), c.gas)
	}
	return c, true
}
