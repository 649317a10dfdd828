package keeper

import (
	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/emission/types"
)

// InitGenesis writes a genesis that was validated.
func (k *Keeper) InitGenesis(ctx sdk.Context, g types.GenesisState) error {
	if err := k.params.Set(ctx, g.Params); err != nil {
		return err
	}
	if err := k.ledger.Set(ctx, g.Ledger); err != nil {
		return err
	}
	if err := k.book.Set(ctx, types.Book{Accounts: g.Accounts, Flows: g.Flows}); err != nil {
		return err
	}
	for _, v := range g.Votes {
		if err := k.votes.Set(ctx, v.Operator, v); err != nil {
			return err
		}
	}
	for _, d := range g.Dividends {
		if err := k.dividends.Set(ctx, d.Netuid, d); err != nil {
			return err
		}
	}
	for _, s := range g.Spoken {
		if err := k.spoken.Set(ctx, s.Netuid, s); err != nil {
			return err
		}
	}
	return nil
}

// ExportGenesis reads the whole state of the module.
func (k *Keeper) ExportGenesis(ctx sdk.Context) (*types.GenesisState, error) {
	var g types.GenesisState
	var err error
	if g.Params, err = k.params.Get(ctx); err != nil {
		return nil, err
	}
	if g.Ledger, err = k.ledger.Get(ctx); err != nil {
		return nil, err
	}
	book, err := k.book.Get(ctx)
	if err != nil {
		return nil, err
	}
	g.Accounts, g.Flows = book.Accounts, book.Flows
	if g.Votes, err = values(ctx, k.votes); err != nil {
		return nil, err
	}
	if g.Dividends, err = values(ctx, k.dividends); err != nil {
		return nil, err
	}
	g.Spoken, err = values(ctx, k.spoken)
	return &g, err
}

// values lists a table's values in the order of its keys.
func values[K, V any](ctx sdk.Context, table collections.Map[K, V]) (all []V, err error) {
	err = table.Walk(ctx, nil, func(_ K, v V) (bool, error) {
		all = append(all, v)
		return false, nil
	})
	return all, err
}
