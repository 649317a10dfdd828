package app

import (
	"cmp"
	"fmt"
	"slices"

	abci "github.com/cometbft/cometbft/abci/types"

	sdk "github.com/cosmos/cosmos-sdk/types"

	feetypes "agora/chain/x/fee/types"
	subnettypes "agora/chain/x/subnet/types"
)

// Classes of transactions, in the order in which they are proposed.
const (
	classWeights = iota // free, and nothing but weights
	classCards          // free otherwise
	classTurns          // paid by operators who have a turn to go first
	classPaid
)

// propose proposes free messages first, up to a quarter of the block's bytes and gas, so neither they nor the others can
// keep the other out; those beyond the quarter wait for the next block. Within it weights come before model cards: a voice
// has half a tempo for them, and only voices send them. Then come operators' turns, up to a quarter too, and then whoever
// pays most for gas. CometBFT offers no more than the head of its queue; what is behind it comes from the pool.
func (p *pool) propose(ctx sdk.Context, req *abci.RequestPrepareProposal) (*abci.ResponsePrepareProposal, error) {
	block := room{bytes: req.MaxTxBytes, gas: gasLimit(ctx)}
	quarter, turns := block.quarter(), block.quarter()
	classes := classify(p.candidates(req.Txs))
	txs, _ := fill(append(classes[classWeights], classes[classCards]...), nil, &quarter, &block)

	first, others := p.turns(ctx, classes[classPaid])
	var sound func(candidate) bool
	if !block.fitsAll(append(first, others...)) {
		branch, _ := ctx.CacheContext()
		sound = func(c candidate) bool { return p.rehearse(branch, c.raw) }
	}
	taken, waits := fill(first, sound, &turns, &block)
	txs = append(txs, taken...)
	taken, _ = fill(byBid(append(waits, others...)), sound, &block)
	return &abci.ResponsePrepareProposal{Txs: append(txs, taken...)}, nil
}

// accept answers whether a proposed block may be one: everything decodes, all of it asks for no more than the block's gas,
// and free messages come first and within their quarter. Whether a message is free its type tells, and that it offers no
// fee: here no price and no state is looked at, in which two honest nodes might differ.
func (p *pool) accept(ctx sdk.Context, req *abci.RequestProcessProposal) (*abci.ResponseProcessProposal, error) {
	if err := p.judge(req.Txs, room{bytes: bytesLimit(ctx), gas: gasLimit(ctx)}); err != nil {
		return nil, err // the SDK logs it and rejects the block
	}
	return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_ACCEPT}, nil
}

func (p *pool) judge(txs [][]byte, block room) (err error) {
	quarter, paid := block.quarter(), false
	for i, raw := range txs {
		c, known := p.known(raw)
		if !known {
			if c, err = p.read(raw); err != nil {
				return fmt.Errorf("transaction %d: %w", i, err)
			}
		}
		if !block.fits(c) {
			return fmt.Errorf("transaction %d: %d bytes and %d gas are more than the block has left", i, len(raw), c.gas)
		}
		block.take(c)
		if c.class > classCards {
			paid = true
			continue
		}
		if paid || !quarter.fits(c) {
			return fmt.Errorf("transaction %d: a free message behind a paid one, or beyond a quarter of the block", i)
		}
		quarter.take(c)
	}
	return nil
}

// candidates lists what waits and what else is offered. Bytes that do not decode are left out.
func (p *pool) candidates(offered [][]byte) []candidate {
	all, has := p.all()
	for _, raw := range offered {
		if has(raw) {
			continue
		}
		if c, err := p.read(raw); err == nil {
			all = append(all, c)
		}
	}
	return all
}

// turns takes out of paid transactions those that go first: of each signer who has a turn the first that waits, if it asks
// for little enough.
func (p *pool) turns(ctx sdk.Context, paid []candidate) (first, others []candidate) {
	seen := map[string]bool{}
	for _, c := range paid {
		account := c.account()
		if !seen[account] && c.gas <= feetypes.TurnGas && p.chain.hasTurn(ctx, sdk.AccAddress(account)) {
			first = append(first, c)
		} else {
			others = append(others, c)
		}
		seen[account] = true
	}
	return byBid(first), others
}

// byBid sorts by what is offered for gas, the highest first. What a signer sent after something cheaper is worth no more
// than that: it stays behind it.
func byBid(paid []candidate) []candidate {
	least := map[string]uint64{}
	for i, c := range paid {
		account := c.account()
		if bid, has := least[account]; has {
			paid[i].bid = min(c.bid, bid)
		}
		least[account] = paid[i].bid
	}
	slices.SortStableFunc(paid, func(a, b candidate) int { return cmp.Compare(b.bid, a.bid) })
	return paid
}

// fill takes what has room in all of rooms and is sound, and returns what has to wait. What a signer sent after something
// that waits, waits with it: its sequence would not fit.
func fill(candidates []candidate, sound func(candidate) bool, rooms ...*room) (txs [][]byte, waits []candidate) {
	waiting := map[string]bool{}
	for _, c := range candidates {
		behind := len(waiting) > 0 && waiting[c.account()]
		if behind || slices.ContainsFunc(rooms, func(r *room) bool { return !r.fits(c) }) {
			waiting[c.account()] = true
			waits = append(waits, c)
			continue
		}
		if sound != nil && !sound(c) {
			continue
		}
		for _, r := range rooms {
			r.take(c)
		}
		txs = append(txs, c.raw)
	}
	return txs, waits
}

// classify puts transactions into their classes, in their order. A signer's weights stay behind the cards that it sent
// before; operators' turns are found anew.
func classify(txs []candidate) (classes [classPaid + 1][]candidate) {
	published := map[string]bool{}
	for _, c := range txs {
		switch {
		case c.class == classTurns:
			c.class = classPaid
		case c.class == classCards:
			published[c.account()] = true
		case c.class == classWeights && len(published) > 0 && published[c.account()]:
			c.class = classCards
		}
		classes[c.class] = append(classes[c.class], c)
	}
	return classes
}

// classOf tells what a transaction without a fee is: of messages that are not free it is no better than a paid one.
func classOf(msgs []sdk.Msg) int {
	class := classWeights
	for _, msg := range msgs {
		switch _, kind, _ := freeKind(msg); kind {
		case 0:
			return classPaid
		case subnettypes.SlotModel:
			class = classCards
		}
	}
	return class
}

// room is what is left of a block.
type room struct {
	bytes int64
	gas   uint64
}

func (r room) quarter() room { return room{bytes: r.bytes / 4, gas: r.gas / 4} }

// size is what a transaction of n bytes costs at most in a block's encoding: a field tag and a length besides.
func (c candidate) size() int64 { return int64(len(c.raw)) + 6 }

func (r *room) fits(c candidate) bool { return c.size() <= r.bytes && c.gas <= r.gas }

func (r *room) take(c candidate) {
	r.bytes -= c.size()
	r.gas -= c.gas
}

func (r room) fitsAll(candidates []candidate) bool {
	for _, c := range candidates {
		if !r.fits(c) {
			return false
		}
		r.take(c)
	}
	return true
}

func gasLimit(ctx sdk.Context) uint64 {
	if p := ctx.ConsensusParams(); p.Block != nil && p.Block.MaxGas > 0 {
		return uint64(p.Block.MaxGas)
	}
	return ^uint64(0) - 1
}

func bytesLimit(ctx sdk.Context) int64 {
	const most = 100 << 20 // CometBFT's own
	if p := ctx.ConsensusParams(); p.Block != nil && p.Block.MaxBytes > 0 {
		return p.Block.MaxBytes
	}
	return most
}
