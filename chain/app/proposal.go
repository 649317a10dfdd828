package app

import (
	abci "github.com/cometbft/cometbft/abci/types"

	sdk "github.com/cosmos/cosmos-sdk/types"
)

// freeFirst proposes free messages first, up to a quarter of the block's bytes and gas, then the others in their order;
// free messages beyond the quarter wait for the next block, so neither kind can keep the other out.
func freeFirst(decode sdk.TxDecoder) sdk.PrepareProposalHandler {
	return func(ctx sdk.Context, req *abci.RequestPrepareProposal) (*abci.ResponsePrepareProposal, error) {
		block := room{bytes: req.MaxTxBytes, gas: gasLimit(ctx)}
		quarter := room{bytes: block.bytes / 4, gas: block.gas / 4}
		var free, paid [][]byte
		var later []candidate
		for _, raw := range req.Txs {
			c := examine(decode, raw)
			if !c.free {
				later = append(later, c)
				continue
			}
			if quarter.take(c) && block.take(c) {
				free = append(free, raw)
			}
		}
		for _, c := range later {
			if block.take(c) {
				paid = append(paid, c.raw)
			}
		}
		return &abci.ResponsePrepareProposal{Txs: append(free, paid...)}, nil
	}
}

// candidate is a transaction that might enter the block.
type candidate struct {
	raw  []byte
	gas  uint64
	free bool
}

// examine reads what the order depends on. Bytes that do not decode are dropped by taking the whole block's gas.
func examine(decode sdk.TxDecoder, raw []byte) candidate {
	c := candidate{raw: raw, gas: ^uint64(0)}
	tx, err := decode(raw)
	if err != nil {
		return c
	}
	if f, ok := tx.(sdk.FeeTx); ok {
		c.gas, c.free = f.GetGas(), f.GetFee().IsZero()
	}
	for _, msg := range tx.GetMsgs() {
		if _, kind, _ := freeKind(msg); kind == 0 {
			c.free = false
		}
	}
	return c
}

// room is what is left of a block.
type room struct {
	bytes int64
	gas   uint64
}

func (r *room) take(c candidate) bool {
	// a transaction of n bytes costs at most n+6 in a block's encoding (field tag and length)
	size := int64(len(c.raw)) + 6
	if size > r.bytes || c.gas > r.gas {
		return false
	}
	r.bytes -= size
	r.gas -= c.gas
	return true
}

func gasLimit(ctx sdk.Context) uint64 {
	if p := ctx.ConsensusParams(); p.Block != nil && p.Block.MaxGas > 0 {
		return uint64(p.Block.MaxGas)
	}
	return ^uint64(0) - 1
}
