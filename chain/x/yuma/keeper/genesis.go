package keeper

import (
	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/yuma/types"
)

// InitGenesis writes a genesis that was validated.
func (k *Keeper) InitGenesis(ctx sdk.Context, g types.GenesisState) error {
	if err := k.params.Set(ctx, g.Params); err != nil {
		return err
	}
	for _, c := range g.Commits {
		if err := k.restore(ctx, c); err != nil {
			return err
		}
	}
	for _, r := range g.Weights {
		if err := k.weights.Set(ctx, r.Key(), r); err != nil {
			return err
		}
	}
	for _, r := range g.Bonds {
		if err := k.bonds.Set(ctx, r.Key(), r); err != nil {
			return err
		}
	}
	for _, r := range g.Records {
		if err := k.records.Set(ctx, collections.Join(r.Netuid, r.Epoch), r); err != nil {
			return err
		}
	}
	for _, c := range g.Carries {
		if err := k.carries.Set(ctx, c.Netuid, c); err != nil {
			return err
		}
	}
	for _, s := range g.Snapshots {
		if err := k.snapshots.Set(ctx, s.Netuid, s); err != nil {
			return err
		}
	}
	for _, s := range g.Seeds {
		if err := k.seeds.Set(ctx, collections.Join(s.Netuid, s.Epoch), s); err != nil {
			return err
		}
	}
	return k.takeMissing(ctx)
}

// restore writes a commit; one of the last block before the export still waits for its seed.
func (k *Keeper) restore(ctx sdk.Context, c types.Commit) error {
	if len(c.EvidenceRoot) > 0 && len(c.Seed) == 0 {
		if err := k.unseeded.Set(ctx, c.Key()); err != nil {
			return err
		}
	}
	return k.commits.Set(ctx, c.Key(), c)
}

// ExportGenesis reads the whole state of the module.
func (k *Keeper) ExportGenesis(ctx sdk.Context) (g *types.GenesisState, err error) {
	g = &types.GenesisState{}
	if g.Params, err = k.params.Get(ctx); err != nil {
		return nil, err
	}
	if g.Commits, err = values(ctx, k.commits); err != nil {
		return nil, err
	}
	if g.Weights, err = values(ctx, k.weights); err != nil {
		return nil, err
	}
	if g.Bonds, err = values(ctx, k.bonds); err != nil {
		return nil, err
	}
	if g.Records, err = values(ctx, k.records); err != nil {
		return nil, err
	}
	if g.Snapshots, err = values(ctx, k.snapshots); err != nil {
		return nil, err
	}
	if g.Seeds, err = values(ctx, k.seeds); err != nil {
		return nil, err
	}
	g.Carries, err = values(ctx, k.carries)
	return g, err
}

// values lists a table's values in the order of its keys.
func values[K, V any](ctx sdk.Context, table collections.Map[K, V]) (all []V, err error) {
	err = table.Walk(ctx, nil, func(_ K, v V) (bool, error) {
		all = append(all, v)
		return false, nil
	})
	return all, err
}
