package app

import (
	"testing"

	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
)

// Ante returns the checks before a transaction's messages, for a rehearsal of a block.
func (app *App) Ante() (sdk.AnteHandler, error) { return app.anteHandler() }

// Store reads what a module stored, in the last committed block.
func (app *App) Store(name string) storetypes.KVStore {
	return app.CommitMultiStore().GetKVStore(app.keys[name])
}

// TakePaid makes the queues of applications that open during a test take so many paid transactions.
func TakePaid(t *testing.T, txs int) {
	shipped := capacities
	t.Cleanup(func() { capacities = shipped })
	capacities[classPaid].txs = txs
}
