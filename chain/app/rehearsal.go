package app

import (
	abci "github.com/cometbft/cometbft/abci/types"

	sdk "github.com/cosmos/cosmos-sdk/types"
)

// Commit implements abci.Application: it keeps the height besides. The SDK hashes the whole commit to tell it, which takes
// longer than all that a queue asks about a transaction.
func (app *App) Commit() (*abci.ResponseCommit, error) {
	res, err := app.BaseApp.Commit()
	app.height.Store(app.LastBlockHeight())
	return res, err
}

// lastHeight is that of the last block, 0 before the first.
func (app *App) lastHeight() int64 {
	if app.height.Load() == 0 { // the program has made no block yet
		app.height.Store(app.LastBlockHeight())
	}
	return app.height.Load()
}

// lookUp is the state after the last block, for the queue.
func (app *App) lookUp() (sdk.Context, bool) {
	ctx, err := app.CreateQueryContextWithCheckHeader(0, false, false)
	return ctx, err == nil
}

// gasPrice implements chain: 0 before the first block.
func (app *App) gasPrice(ctx sdk.Context) uint64 {
	now, err := app.Fee.GasPrice(ctx)
	if err != nil {
		return 0
	}
	return now
}

// hasTurn implements chain: nobody has one before the first block.
func (app *App) hasTurn(ctx sdk.Context, account sdk.AccAddress) bool {
	has, err := app.Fee.HasTurn(ctx, account, app.lastHeight()+1)
	return err == nil && has
}

// rehearsal runs a transaction on a branch of the state as a block would, and tells whether it pays. Who is kept out by
// others must be kept out by what they pay: a signer may have emptied his account a moment before.
func (app *App) rehearsal(ante sdk.AnteHandler) func(ctx sdk.Context, raw []byte) bool {
	return func(ctx sdk.Context, raw []byte) (pays bool) {
		tx, err := app.TxConfig.TxDecoder()(raw)
		if err != nil {
			return false
		}
		defer func() { _ = recover() }() // out of gas in a message: pays is set by then
		branch, keep := ctx.CacheContext()
		checked, err := ante(branch.WithTxBytes(raw), tx, false)
		if err != nil {
			return false
		}
		keep()
		pays = true
		branch, keep = checked.WithMultiStore(ctx.MultiStore()).CacheContext()
		for _, msg := range tx.GetMsgs() {
			handler := app.MsgServiceRouter().Handler(msg)
			if handler == nil {
				return pays
			}
			if _, err := handler(branch, msg); err != nil {
				return pays
			}
		}
		keep()
		return pays
	}
}
