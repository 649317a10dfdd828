package app

import (
	abci "github.com/cometbft/cometbft/abci/types"
	"google.golang.org/protobuf/encoding/protowire"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/mechanism/price"
)

// preBlock runs the modules' part before a block, and notes how full the block is.
func (app *App) preBlock(ctx sdk.Context, req *abci.RequestFinalizeBlock) (*sdk.ResponsePreBlock, error) {
	res, err := app.Modules.PreBlock(ctx)
	if err != nil {
		return nil, err
	}
	return res, app.Fee.Note(ctx, fullness(ctx, req.Txs))
}

// fullness is how much of a block's gas or bytes its transactions ask for, whichever is more, in millionths.
func fullness(ctx sdk.Context, txs [][]byte) uint64 {
	gas, bytes := uint64(0), uint64(0)
	for _, raw := range txs {
		gas += min(gasOf(raw), 1<<40) // a block has fewer than 2^24 transactions
		bytes += uint64(len(raw))
	}
	return max(price.Fullness(gas, gasLimit(ctx)), price.Fullness(bytes, uint64(bytesLimit(ctx))))
}

// Fields on the way to a transaction's gas limit, as protobuf numbers them.
const (
	txAuthInfo  = 2
	authInfoFee = 2
	feeGasLimit = 2
)

// gasOf is the gas limit of an encoded transaction, without decoding the rest; 0 where there is none.
func gasOf(raw []byte) (gas uint64) {
	fields(raw, txAuthInfo, protowire.BytesType, func(auth []byte) {
		fields(auth, authInfoFee, protowire.BytesType, func(fee []byte) {
			fields(fee, feeGasLimit, protowire.VarintType, func(limit []byte) {
				gas, _ = protowire.ConsumeVarint(limit)
			})
		})
	})
	return gas
}

// fields calls fn with every value of a field in an encoded message, until something is no protobuf. As in decoding, the
// last value of a number holds.
func fields(message []byte, number protowire.Number, kind protowire.Type, fn func(value []byte)) {
	for len(message) > 0 {
		n, t, tag := protowire.ConsumeTag(message)
		if tag < 0 {
			return
		}
		value := message[tag:]
		size := protowire.ConsumeFieldValue(n, t, value)
		if size < 0 {
			return
		}
		if n == number && t == kind {
			inner := value[:size]
			if kind == protowire.BytesType {
				inner, _ = protowire.ConsumeBytes(inner)
			}
			fn(inner)
		}
		message = value[size:]
	}
}
