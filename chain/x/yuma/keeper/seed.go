package keeper

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/types"
)

// Seed returns the seed of a tempo of an open subnet. The error is ErrNoSeed.
func (k *Keeper) Seed(ctx sdk.Context, netuid uint32, epoch uint64) (types.Seed, error) {
	seed, err := k.seeds.Get(ctx, collections.Join(netuid, epoch))
	if errors.Is(err, collections.ErrNotFound) {
		return seed, fmt.Errorf("%w: netuid %d, epoch %d", types.ErrNoSeed, netuid, epoch)
	}
	return seed, err
}

// drawSeed keeps the seed of the tempo of an open subnet that begins, with the module in force then, and forgets the oldest.
func (k *Keeper) drawSeed(ctx sdk.Context, subnet subnettypes.Subnet, snapshot types.Snapshot) error {
	netuid, epoch := snapshot.Netuid, snapshot.Epoch
	if snapshot.Value(subnettypes.Openness) == 0 {
		return nil
	}
	var salts [][]byte
	var before types.Seed
	if epoch > 0 {
		var err error
		if salts, err = k.salts(ctx, netuid, epoch-1); err != nil {
			return err
		}
		if before, err = k.seeds.Get(ctx, collections.Join(netuid, epoch-1)); err != nil && !errors.Is(err, collections.ErrNotFound) {
			return err
		}
	}
	drawer := ""
	if subnet.Mechanism.Id == subnettypes.TaskModule {
		drawer = subnet.Mechanism.Digest
	}
	seed := types.NextSeed(ctx.ChainID(), netuid, epoch, salts, before.Seed)
	if err := k.seeds.Set(ctx, collections.Join(netuid, epoch), types.Seed{
		Netuid: netuid, Epoch: epoch, Height: ctx.BlockHeight() + 1, Seed: seed[:], Reveals: uint32(len(salts)), Task: drawer,
	}); err != nil || epoch < types.KeptSeeds {
		return err
	}
	return k.seeds.Remove(ctx, collections.Join(netuid, epoch-types.KeptSeeds))
}

// salts lists those of the reveals of a tempo, in order of uid, then operator.
func (k *Keeper) salts(ctx sdk.Context, netuid uint32, epoch uint64) ([][]byte, error) {
	var rows []types.Row
	err := k.weights.Walk(ctx, collections.NewPrefixedPairRange[uint32, string](netuid), func(_ bySpeaker, row types.Row) (bool, error) {
		if row.Epoch == epoch && len(row.Salt) > 0 {
			rows = append(rows, row)
		}
		return false, nil
	})
	slices.SortStableFunc(rows, func(a, b types.Row) int { return cmp.Compare(a.Uid, b.Uid) })
	salts := make([][]byte, len(rows))
	for i, row := range rows {
		salts[i] = row.Salt
	}
	return salts, err
}
