package keeper

import (
	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
)

// InitGenesis writes a genesis that was validated. Started open subnets without cards get those of now.
func (k *Keeper) InitGenesis(ctx sdk.Context, g types.GenesisState) error {
	if err := k.next.Set(ctx, g.NextIndex); err != nil {
		return err
	}
	for _, c := range g.Commits {
		if err := k.putCommit(ctx, c); err != nil {
			return err
		}
	}
	for _, m := range g.Models {
		if err := k.list(ctx, m); err != nil {
			return err
		}
	}
	for _, t := range g.Tombstones {
		if err := k.tombstones.Set(ctx, collections.Join(t.Netuid, t.Digest), t); err != nil {
			return err
		}
	}
	for _, m := range g.Markets {
		if err := k.markets.Set(ctx, m.Netuid, m); err != nil {
			return err
		}
	}
	for _, c := range g.Commons {
		if err := k.commons.Set(ctx, collections.Join(c.Netuid, c.Digest)); err != nil {
			return err
		}
	}
	for _, c := range g.Cards {
		if err := k.cards.Set(ctx, collections.Join(c.Netuid, c.Epoch), c); err != nil {
			return err
		}
	}
	return k.takeMissing(ctx)
}

// takeMissing takes the cards of every started open subnet whose first tempo has none, as in a genesis written by hand. A
// later tempo without cards began before its subnet was open.
func (k *Keeper) takeMissing(ctx sdk.Context) error {
	var missing []subnettypes.Subnet
	err := k.subnets.EachSubnet(ctx, func(s subnettypes.Subnet) (bool, error) {
		has, err := k.cards.Has(ctx, collections.Join(s.Netuid, s.Epoch))
		if s.Started && s.Epoch == 0 && !has {
			missing = append(missing, s)
		}
		return err != nil, err
	})
	if err != nil {
		return err
	}
	for _, subnet := range missing {
		if err := k.takeCards(ctx, subnet); err != nil {
			return err
		}
	}
	return nil
}

// ExportGenesis reads the whole state; InitGenesis of it gives the same state.
func (k *Keeper) ExportGenesis(ctx sdk.Context) (*types.GenesisState, error) {
	var g types.GenesisState
	var err error
	if g.NextIndex, err = k.next.Peek(ctx); err != nil {
		return nil, err
	}
	if g.Commits, err = values(ctx, k.commits); err != nil {
		return nil, err
	}
	if g.Models, err = values(ctx, k.models); err != nil {
		return nil, err
	}
	if g.Tombstones, err = values(ctx, k.tombstones); err != nil {
		return nil, err
	}
	if g.Markets, err = values(ctx, k.markets); err != nil {
		return nil, err
	}
	if g.Cards, err = values(ctx, k.cards); err != nil {
		return nil, err
	}
	return &g, k.commons.Walk(ctx, nil, func(key byDigest) (bool, error) {
		g.Commons = append(g.Commons, types.Common{Netuid: key.K1(), Digest: key.K2()})
		return false, nil
	})
}

// values lists a table's values in the order of its keys.
func values[K, V any](ctx sdk.Context, table collections.Map[K, V]) (all []V, err error) {
	err = table.Walk(ctx, nil, func(_ K, v V) (bool, error) {
		all = append(all, v)
		return false, nil
	})
	return all, err
}
