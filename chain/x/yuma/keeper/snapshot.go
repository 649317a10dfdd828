package keeper

import (
	"errors"
	"fmt"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/types"
)

// Snapshot returns what the epoch of netuid's running tempo reads: parameters, voices and seats as they were when it
// began. The error is ErrNoSnapshot for a subnet that is not there or has not started.
func (k *Keeper) Snapshot(ctx sdk.Context, netuid uint32) (types.Snapshot, error) {
	s, err := k.snapshots.Get(ctx, netuid)
	if errors.Is(err, collections.ErrNotFound) {
		return s, fmt.Errorf("%w: netuid %d", types.ErrNoSnapshot, netuid)
	}
	return s, err
}

// takeSnapshot fixes what is true now, voices among it, for the epoch of netuid's running tempo, and draws its seed.
func (k *Keeper) takeSnapshot(ctx sdk.Context, netuid uint32, voices []subnettypes.VoiceStake) error {
	subnet, err := k.subnets.Subnet(ctx, netuid)
	if err != nil {
		return err
	}
	params, err := k.params.Get(ctx)
	if err != nil {
		return err
	}
	share, err := k.emission.OwnerShare(ctx)
	if err != nil {
		return err
	}
	s := types.Snapshot{
		Netuid: netuid, Epoch: subnet.Epoch, Height: ctx.BlockHeight(), Seats: subnet.Size_, Params: params, OwnerShare: share,
		Speakers: make([]types.Speaker, len(voices)),
	}
	for _, v := range k.subnets.Settings(ctx, netuid) {
		s.Settings = append(s.Settings, types.Setting{Name: v.Name, Value: v.Value})
	}
	for i, v := range voices {
		s.Speakers[i] = types.Speaker{Uid: v.Voice.Uid, Operator: v.Voice.Operator, Stake: v.Stake, Permitted: v.Permitted}
	}
	if err := k.snapshots.Set(ctx, netuid, s); err != nil {
		return err
	}
	return k.drawSeed(ctx, subnet, s)
}

// takeMissing takes a snapshot of every started subnet that has none, as in a genesis written by hand.
func (k *Keeper) takeMissing(ctx sdk.Context) error {
	var missing []uint32
	err := k.subnets.EachSubnet(ctx, func(s subnettypes.Subnet) (bool, error) {
		has, err := k.snapshots.Has(ctx, s.Netuid)
		if s.Started && !has {
			missing = append(missing, s.Netuid)
		}
		return err != nil, err
	})
	if err != nil {
		return err
	}
	for _, netuid := range missing {
		voices, err := k.subnets.Stakes(ctx, netuid)
		if err != nil {
			return err
		}
		if err := k.takeSnapshot(ctx, netuid, voices); err != nil {
			return err
		}
	}
	return nil
}

// checkSnapshots holds the invariant that makes a snapshot of seats a number: whoever sat when the tempo began sits there
// still. A subnet whose gate is shut had no seat to give then. It looks for started subnets without a snapshot and for snapshots that are not of the running tempo.
func (k *Keeper) checkSnapshots(ctx sdk.Context) error {
	err := k.snapshots.Walk(ctx, nil, func(netuid uint32, s types.Snapshot) (bool, error) {
		subnet, err := k.subnets.Subnet(ctx, netuid)
		if err == nil {
			err = s.Validate()
		}
		if err == nil && (s.Netuid != netuid || !subnet.Started || s.Epoch != subnet.Epoch || s.Seats > subnet.Size_ || s.Height > ctx.BlockHeight()) {
			err = fmt.Errorf("netuid %d in epoch %d with %d neurons has a snapshot of netuid %d, epoch %d, height %d with %d",
				netuid, subnet.Epoch, subnet.Size_, s.Netuid, s.Epoch, s.Height, s.Seats)
		}
		if most := s.Value(subnettypes.MaxUids); err == nil && subnet.Shut && int64(s.Seats) < most {
			err = fmt.Errorf("netuid %d is shut, but of %d seats %d were taken when its tempo began", netuid, most, s.Seats)
		}
		if err == nil {
			err = k.checkSeated(ctx, s)
		}
		return err != nil, err
	})
	if err != nil {
		return err
	}
	return k.subnets.EachSubnet(ctx, func(subnet subnettypes.Subnet) (bool, error) {
		if !subnet.Started {
			return false, nil
		}
		_, err := k.Snapshot(ctx, subnet.Netuid)
		return err != nil, err
	})
}

func (k *Keeper) checkSeated(ctx sdk.Context, s types.Snapshot) error {
	return k.subnets.EachNeuron(ctx, s.Netuid, func(n subnettypes.Neuron) (bool, error) {
		if n.Uid < s.Seats && n.Registered > s.Height {
			return true, fmt.Errorf("uid %d of netuid %d changed hands at height %d, after the snapshot of height %d",
				n.Uid, s.Netuid, n.Registered, s.Height)
		}
		return false, nil
	})
}
