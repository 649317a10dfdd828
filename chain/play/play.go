// Package play is what the modules' random plays have in common: a move looks at the state, picks a message, and tries it
// on a copy of the state first, so that what it hands out succeeds unless the state moves in between.
package play

import (
	"context"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"
)

// Turn is one call of a move: the state, the players, and where to say that there is nothing to do.
type Turn struct {
	sdk.Context
	*simsx.ChainDataSource
	simsx.SimulationReporter
}

// Factory gives a move the form that simsx wants.
func Factory[T sdk.Msg](move func(Turn) ([]simsx.SimAccount, T)) simsx.SimMsgFactoryFn[T] {
	return func(ctx context.Context, players *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, T) {
		return move(Turn{sdk.UnwrapSDKContext(ctx), players, reporter})
	}
}

// Try runs msg on a copy of the state and hands it out for its signer; it skips the turn if msg fails there.
func Try[T sdk.Msg, R any](t Turn, signer simsx.SimAccount, msg T, run func(context.Context, T) (R, error)) ([]simsx.SimAccount, T) {
	if t.IsSkipped() {
		return nil, msg
	}
	trial, _ := t.CacheContext()
	if _, err := run(trial, msg); err != nil {
		t.Skip(err.Error())
		return nil, msg
	}
	return []simsx.SimAccount{signer}, msg
}
