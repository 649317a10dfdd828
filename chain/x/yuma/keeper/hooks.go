package keeper

import (
	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/types"
)

// Hooks hears of changes in the subnets.
type Hooks struct{ k *Keeper }

var _ subnettypes.SubnetHooks = Hooks{}

// Hooks returns what the subnet module must tell.
func (k *Keeper) Hooks() Hooks { return Hooks{k} }

// AfterNeuronReplaced forgets the weights, bonds and commits of the neuron that was at uid. Weights and bonds that others
// have on it end by themselves: they are older than the new registration.
func (h Hooks) AfterNeuronReplaced(ctx sdk.Context, netuid, uid uint32) error {
	key := collections.Join(netuid, uid)
	if err := h.k.weights.Remove(ctx, key); err != nil {
		return err
	}
	if err := h.k.bonds.Remove(ctx, key); err != nil {
		return err
	}
	var gone []byCommit
	prefix := collections.NewPrefixedTripleRange[uint32, uint64, uint32](netuid)
	err := h.k.commits.Walk(ctx, prefix, func(key byCommit, _ types.Commit) (bool, error) {
		if key.K3() == uid {
			gone = append(gone, key)
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	for _, key := range gone {
		if err := h.k.unseeded.Remove(ctx, key); err != nil {
			return err
		}
	}
	return removeAll(ctx, h.k.commits, gone)
}

// AfterTempoBegan fixes what the epoch at the end of the tempo will read.
func (h Hooks) AfterTempoBegan(ctx sdk.Context, netuid uint32) error {
	return h.k.takeSnapshot(ctx, netuid)
}

// AfterSubnetDissolved forgets everything about a subnet.
func (h Hooks) AfterSubnetDissolved(ctx sdk.Context, netuid uint32) error {
	rows := collections.NewPrefixedPairRange[uint32, uint32](netuid)
	if err := h.k.weights.Clear(ctx, rows); err != nil {
		return err
	}
	if err := h.k.bonds.Clear(ctx, rows); err != nil {
		return err
	}
	if err := h.k.records.Clear(ctx, collections.NewPrefixedPairRange[uint32, uint64](netuid)); err != nil {
		return err
	}
	commits := collections.NewPrefixedTripleRange[uint32, uint64, uint32](netuid)
	if err := h.k.commits.Clear(ctx, commits); err != nil {
		return err
	}
	if err := h.k.unseeded.Clear(ctx, commits); err != nil {
		return err
	}
	if err := h.k.snapshots.Remove(ctx, netuid); err != nil {
		return err
	}
	return h.k.carries.Remove(ctx, netuid)
}
