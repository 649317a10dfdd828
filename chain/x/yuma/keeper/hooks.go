package keeper

import (
	"errors"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	subnettypes "agora/chain/x/subnet/types"
)

// Hooks hears of changes in the subnets.
type Hooks struct{ k *Keeper }

var _ subnettypes.SubnetHooks = Hooks{}

// Hooks returns what the subnet module must tell.
func (k *Keeper) Hooks() Hooks { return Hooks{k} }

// AfterHotKeyRotated voids the old key's commit of the running epoch.
func (h Hooks) AfterHotKeyRotated(ctx sdk.Context, netuid uint32, operator string, old []byte) error {
	return h.k.void(ctx, netuid, operator, old)
}

// AfterTempoBegan fixes what the epoch at the end of the tempo will read.
func (h Hooks) AfterTempoBegan(ctx sdk.Context, netuid uint32, voices []subnettypes.VoiceStake) error {
	return h.k.takeSnapshot(ctx, netuid, voices)
}

// AfterSubnetDissolved forgets everything about a subnet.
func (h Hooks) AfterSubnetDissolved(ctx sdk.Context, netuid uint32) error {
	rows := collections.NewPrefixedPairRange[uint32, string](netuid)
	if err := h.k.weights.Clear(ctx, rows); err != nil {
		return err
	}
	if err := h.k.bonds.Clear(ctx, rows); err != nil {
		return err
	}
	epochs := collections.NewPrefixedPairRange[uint32, uint64](netuid)
	if err := errors.Join(h.k.records.Clear(ctx, epochs), h.k.seeds.Clear(ctx, epochs)); err != nil {
		return err
	}
	commits := collections.NewPrefixedTripleRange[uint32, uint64, string](netuid)
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
