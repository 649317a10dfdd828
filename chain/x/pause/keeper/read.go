package keeper

import (
	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/pause/types"
)

// Paused returns the message types that are stopped now, in order of name.
func (k *Keeper) Paused(ctx sdk.Context) ([]types.Pause, error) {
	var paused []types.Pause
	err := k.pauses.Walk(ctx, nil, func(_ string, pause types.Pause) (bool, error) {
		if pause.Until.After(ctx.BlockTime()) {
			paused = append(paused, pause)
		}
		return false, nil
	})
	return paused, err
}

// Motions returns the motions that can be voted for now, in order of id.
func (k *Keeper) Motions(ctx sdk.Context) ([]types.Motion, error) {
	motions, err := k.all(ctx)
	var open []types.Motion
	for _, motion := range motions {
		if motion.Ends.After(ctx.BlockTime()) {
			open = append(open, motion)
		}
	}
	return open, err
}

// all returns every motion, those that have ended too.
func (k *Keeper) all(ctx sdk.Context) ([]types.Motion, error) {
	var motions []types.Motion
	err := k.motions.Walk(ctx, nil, func(_ uint64, motion types.Motion) (bool, error) {
		motions = append(motions, motion)
		return false, nil
	})
	return motions, err
}

// InitGenesis writes a valid genesis.
func (k *Keeper) InitGenesis(ctx sdk.Context, g types.GenesisState) error {
	if err := k.params.Set(ctx, g.Params); err != nil {
		return err
	}
	for _, pause := range g.Pauses {
		if err := k.pauses.Set(ctx, pause.TypeUrl, pause); err != nil {
			return err
		}
	}
	for _, motion := range g.Motions {
		if err := k.motions.Set(ctx, motion.Id, motion); err != nil {
			return err
		}
	}
	return k.next.Set(ctx, max(1, g.NextMotion))
}

// ExportGenesis returns the whole state; InitGenesis of it gives the same state.
func (k *Keeper) ExportGenesis(ctx sdk.Context) (*types.GenesisState, error) {
	params, err := k.params.Get(ctx)
	if err != nil {
		return nil, err
	}
	next, err := k.next.Peek(ctx)
	if err != nil {
		return nil, err
	}
	motions, err := k.all(ctx)
	if err != nil {
		return nil, err
	}
	g := &types.GenesisState{Params: params, NextMotion: next, Motions: motions}
	err = k.pauses.Walk(ctx, nil, func(_ string, pause types.Pause) (bool, error) {
		g.Pauses = append(g.Pauses, pause)
		return false, nil
	})
	return g, err
}
