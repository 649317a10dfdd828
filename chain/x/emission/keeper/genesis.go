package keeper

import (
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
	if err := k.book.Set(ctx, types.Book{Accounts: g.Accounts}); err != nil {
		return err
	}
	for _, v := range g.Votes {
		if err := k.votes.Set(ctx, v.Operator, v); err != nil {
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
	if g.Accounts, err = k.Accounts(ctx); err != nil {
		return nil, err
	}
	err = k.votes.Walk(ctx, nil, func(_ string, v types.RootVote) (bool, error) {
		g.Votes = append(g.Votes, v)
		return false, nil
	})
	return &g, err
}
