package keeper

import (
	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/emission/types"
)

// MigrateToV2 takes a book of version 1 over: the expected time between blocks is the default, votes for subnets that are
// gone are forgotten, and demand that brought more than half of what was burned brings no more until its epoch.
func (k *Keeper) MigrateToV2(ctx sdk.Context) error {
	params, err := k.params.Get(ctx)
	if err != nil {
		return err
	}
	params.BlockMillis = types.DefaultParams().BlockMillis
	if err := k.params.Set(ctx, params); err != nil {
		return err
	}
	if err := k.forgetDeadVotes(ctx); err != nil {
		return err
	}
	return k.edit(ctx, func(b *books) error {
		b.ledger.DividedHeight = 0
		for i := range b.book.Accounts {
			a := &b.book.Accounts[i]
			a.DemandGranted = min(a.DemandGranted, a.DemandBurned/2)
		}
		return nil
	})
}

// forgetDeadVotes takes subnets that do not exist out of all votes.
func (k *Keeper) forgetDeadVotes(ctx sdk.Context) error {
	votes, err := values(ctx, k.votes)
	if err != nil {
		return err
	}
	dead := map[uint32]bool{}
	for _, v := range votes {
		for _, netuid := range v.Netuids {
			if _, err := k.subnets.Subnet(ctx, netuid); err != nil && !dead[netuid] {
				dead[netuid] = true
				if err := k.forgetVotes(ctx, netuid); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
