package keeper

import (
	"fmt"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	"agora/chain/x/fee/types"
	"agora/mechanism/price"
)

// InitGenesis writes a valid genesis. A running chain takes the module over with the default one.
func (k *Keeper) InitGenesis(ctx sdk.Context, g types.GenesisState) error {
	if err := k.params.Set(ctx, g.Params); err != nil {
		return err
	}
	if err := k.price.Set(ctx, g.GasPrice); err != nil {
		return err
	}
	if err := k.fullness.Set(ctx, g.Fullness); err != nil {
		return err
	}
	for _, turn := range g.Turns {
		account, err := network.Account(turn.Operator)
		if err != nil {
			return err
		}
		if err := k.turns.Set(ctx, account, turn.Height); err != nil {
			return err
		}
	}
	return nil
}

// ExportGenesis returns the whole state; InitGenesis of it gives the same state.
func (k *Keeper) ExportGenesis(ctx sdk.Context) (*types.GenesisState, error) {
	g := &types.GenesisState{}
	var err error
	if g.Params, err = k.params.Get(ctx); err != nil {
		return nil, err
	}
	if g.GasPrice, err = k.price.Get(ctx); err != nil {
		return nil, err
	}
	if g.Fullness, err = k.fullness.Get(ctx); err != nil {
		return nil, err
	}
	err = k.turns.Walk(ctx, nil, func(account sdk.AccAddress, height int64) (bool, error) {
		g.Turns = append(g.Turns, types.Turn{Operator: account.String(), Height: height})
		return false, nil
	})
	return g, err
}

// Invariant is something that holds after every block.
type Invariant struct {
	Name  string
	Check func(sdk.Context) error
}

// Invariants lists what holds after every block.
func (k *Keeper) Invariants() []Invariant {
	return []Invariant{
		{"the gas price keeps its bounds", k.checkPrice},
		{"nobody's turn lies ahead", k.checkTurns},
	}
}

// checkPrice leaves the least price of a block that governance has just changed to the end of the next.
func (k *Keeper) checkPrice(ctx sdk.Context) error {
	now, err := k.price.Get(ctx)
	if err != nil {
		return err
	}
	fullness, err := k.fullness.Get(ctx)
	if err != nil {
		return err
	}
	if now == 0 || now > price.MostGas || fullness > price.Full {
		return fmt.Errorf("gas price %d rao per million gas, fullness %d", now, fullness)
	}
	return nil
}

func (k *Keeper) checkTurns(ctx sdk.Context) error {
	return k.turns.Walk(ctx, nil, func(account sdk.AccAddress, height int64) (bool, error) {
		if height < 1 || height > ctx.BlockHeight() {
			return true, fmt.Errorf("turn of %s at block %d, now %d", account, height, ctx.BlockHeight())
		}
		return false, nil
	})
}
