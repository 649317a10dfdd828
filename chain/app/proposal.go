package app

import (
	"slices"

	abci "github.com/cometbft/cometbft/abci/types"

	sdk "github.com/cosmos/cosmos-sdk/types"

	subnettypes "agora/chain/x/subnet/types"
)

// propose proposes free messages first, up to a quarter of the block's bytes and gas, then the others in their order;
// free messages beyond the quarter wait for the next block, so neither kind can keep the other out. Within the quarter
// weights come before model cards: a voice has half a tempo for them, and only voices send them. CometBFT offers no more
// than the head of its queue; the free messages behind it come from the pool.
func (p *pool) propose(ctx sdk.Context, req *abci.RequestPrepareProposal) (*abci.ResponsePrepareProposal, error) {
	block := room{bytes: req.MaxTxBytes, gas: gasLimit(ctx)}
	quarter := room{bytes: block.bytes / 4, gas: block.gas / 4}
	classes := classify(p.candidates(req.Txs))
	free := fill(append(classes[classWeights], classes[classCards]...), &quarter, &block)
	return &abci.ResponsePrepareProposal{Txs: append(free, fill(classes[classPaid], &block)...)}, nil
}

// candidates lists the pool's free messages and what else is offered. Bytes that do not decode are left out.
func (p *pool) candidates(offered [][]byte) []candidate {
	all, has := p.free()
	for _, raw := range offered {
		if has(raw) {
			continue
		}
		if tx, err := p.decode(raw); err == nil {
			if c, ok := examine(tx, raw); ok {
				all = append(all, c)
			}
		}
	}
	return all
}

// fill takes what has room in all of rooms. What a signer sent after something that had none waits with it: its sequence
// would not fit.
func fill(candidates []candidate, rooms ...*room) (txs [][]byte) {
	waits := map[string]bool{}
	for _, c := range candidates {
		behind := len(waits) > 0 && waits[c.signer()]
		if behind || slices.ContainsFunc(rooms, func(r *room) bool { return !r.fits(c) }) {
			waits[c.signer()] = true
			continue
		}
		for _, r := range rooms {
			r.take(c)
		}
		txs = append(txs, c.raw)
	}
	return txs
}

// Classes of transactions, in the order in which they are proposed.
const (
	classWeights = iota // free, and nothing but weights
	classCards          // free otherwise
	classPaid
)

// candidate is a transaction that might enter the block.
type candidate struct {
	raw   []byte
	tx    sdk.Tx
	gas   uint64
	class int
}

// signer is the account of a transaction's first signer. Few are ever asked for: to find it the SDK decodes every message
// again.
func (c candidate) signer() string {
	signers, err := signersOf(c.tx)
	if err != nil || len(signers) == 0 {
		return ""
	}
	return string(signers[0])
}

// classify puts transactions into their classes, in their order. A signer's weights stay behind the cards that it sent
// before.
func classify(txs []candidate) (classes [3][]candidate) {
	published := map[string]bool{}
	for _, c := range txs {
		if c.class == classCards {
			published[c.signer()] = true
		} else if c.class == classWeights && len(published) > 0 && published[c.signer()] {
			c.class = classCards
		}
		classes[c.class] = append(classes[c.class], c)
	}
	return classes
}

// examine reads what the order depends on; false if tx has no fee field.
func examine(tx sdk.Tx, raw []byte) (candidate, bool) {
	f, ok := tx.(sdk.FeeTx)
	if !ok {
		return candidate{}, false
	}
	c := candidate{raw: raw, tx: tx, gas: f.GetGas(), class: classPaid}
	if f.GetFee().IsZero() {
		c.class = classOf(tx.GetMsgs())
	}
	return c, true
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

// size is what a transaction of n bytes costs at most in a block's encoding: a field tag and a length besides.
func (c candidate) size() int64 { return int64(len(c.raw)) + 6 }

func (r *room) fits(c candidate) bool { return c.size() <= r.bytes && c.gas <= r.gas }

func (r *room) take(c candidate) {
	r.bytes -= c.size()
	r.gas -= c.gas
}

func gasLimit(ctx sdk.Context) uint64 {
	if p := ctx.ConsensusParams(); p.Block != nil && p.Block.MaxGas > 0 {
		return uint64(p.Block.MaxGas)
	}
	return ^uint64(0) - 1
}
