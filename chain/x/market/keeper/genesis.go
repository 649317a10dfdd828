package keeper

import (
	"errors"
	"fmt"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"

	"agora/chain/network"
	"agora/chain/x/market/types"
)

// InitGenesis writes a valid genesis.
func (k *Keeper) InitGenesis(ctx sdk.Context, g types.GenesisState) error {
	if err := errors.Join(k.params.Set(ctx, g.Params), k.totals.Set(ctx, g.Totals), k.next.Set(ctx, max(1, g.NextChannel))); err != nil {
		return err
	}
	for _, c := range g.Channels {
		if err := k.enter(ctx, c, uint64(len(g.Channels))); err != nil {
			return err
		}
	}
	for _, t := range g.Turnovers {
		if err := k.turnovers.Set(ctx, t.Netuid, t); err != nil {
			return err
		}
	}
	return nil
}

// ExportGenesis returns the whole state; InitGenesis of it gives the same state.
func (k *Keeper) ExportGenesis(ctx sdk.Context) (*types.GenesisState, error) {
	params, err1 := k.params.Get(ctx)
	totals, err2 := k.totals.Get(ctx)
	next, err3 := k.next.Peek(ctx)
	channels, err4 := k.all(ctx)
	turnovers, err5 := values(ctx, k.turnovers)
	return &types.GenesisState{Params: params, Channels: channels, NextChannel: next, Totals: totals, Turnovers: turnovers},
		errors.Join(err1, err2, err3, err4, err5)
}

// all lists the channels by id.
func (k *Keeper) all(ctx sdk.Context) (all []types.Channel, err error) {
	ids, err := k.channels.Iterate(ctx, nil)
	if err != nil {
		return nil, err
	}
	keys, err := ids.Keys()
	if err != nil {
		return nil, err
	}
	for _, id := range keys {
		c, err := k.Channel(ctx, id)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// values lists a table's values in the order of its keys.
func values[K, V any](ctx sdk.Context, table collections.Map[K, V]) (all []V, err error) {
	err = table.Walk(ctx, nil, func(_ K, v V) (bool, error) {
		all = append(all, v)
		return false, nil
	})
	return all, err
}

// Invariant is a statement about the whole state: nil where it holds.
type Invariant struct {
	Name  string
	Check func(sdk.Context) error
}

// Invariants lists what holds after every block.
func (k *Keeper) Invariants() []Invariant {
	return []Invariant{
		{"channels are well formed and the sums add up", func(ctx sdk.Context) error {
			g, err := k.ExportGenesis(ctx)
			if err != nil {
				return err
			}
			return g.Validate()
		}},
		{"the account holds what channels have left", k.checkHeld},
		{"the indices hold every channel once", k.checkIndices},
	}
}

func (k *Keeper) checkHeld(ctx sdk.Context) error {
	left, account := uint64(0), authtypes.NewModuleAddress(types.ModuleName)
	held := k.bank.GetBalance(ctx, account, network.Denom).Amount.Uint64()
	channels, err := k.all(ctx)
	for _, c := range channels {
		left += c.Left()
	}
	if err == nil && left != held {
		err = fmt.Errorf("%w: channels have %d rao left, the account has %d", types.ErrBroken, left, held)
	}
	return err
}

// checkIndices counts the entries of each payer, payee and pair.
func (k *Keeper) checkIndices(ctx sdk.Context) error {
	channels, open := 0, map[string]uint64{}
	err := k.channels.Walk(ctx, nil, func(id uint64, c types.Channel) (bool, error) {
		channels++
		open[string(c.Payer)]++
		at, err := k.pairs.Get(ctx, collections.Join(sdk.AccAddress(c.Payer), sdk.AccAddress(c.Payee)))
		if err != nil || at != id || c.Id != id {
			return true, fmt.Errorf("%w: channel %d at %d, its pair at %d: %w", types.ErrBroken, c.Id, id, at, err)
		}
		has, err := k.payees.Has(ctx, collections.Join(sdk.AccAddress(c.Payee), id))
		if err == nil && !has {
			err = fmt.Errorf("%w: the payee of channel %d does not know it", types.ErrBroken, id)
		}
		return err != nil, err
	})
	if err != nil {
		return err
	}
	return k.checkCounts(ctx, channels, open)
}

// checkCounts finds entries of channels that do not exist.
func (k *Keeper) checkCounts(ctx sdk.Context, channels int, open map[string]uint64) error {
	pairs, payees, payers := 0, 0, 0
	err := k.paid.Walk(ctx, nil, func(id uint64, _ types.Paid) (bool, error) {
		_, err := k.Channel(ctx, id)
		return err != nil, err
	})
	if err != nil {
		return err
	}
	err1 := k.pairs.Walk(ctx, nil, func(payerAndPayee, uint64) (bool, error) { pairs++; return false, nil })
	err2 := k.payees.Walk(ctx, nil, func(payeeAndID) (bool, error) { payees++; return false, nil })
	err3 := k.payers.Walk(ctx, nil, func(payer sdk.AccAddress, n uint64) (bool, error) {
		payers++
		if n != open[string(payer)] {
			return true, fmt.Errorf("%w: %s has %d channels, counted are %d", types.ErrBroken, payer, open[string(payer)], n)
		}
		return false, nil
	})
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	if pairs != channels || payees != channels || payers != len(open) {
		return fmt.Errorf("%w: %d channels of %d payers, the indices have %d, %d and %d", types.ErrBroken, channels, len(open), pairs, payees, payers)
	}
	return nil
}
