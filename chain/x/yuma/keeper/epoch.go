package keeper

import (
	"cmp"
	"fmt"
	"slices"

	sdk "github.com/cosmos/cosmos-sdk/types"

	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/types"
	"agora/mechanism/yuma"
)

// EndBlock runs the epochs that are due, the longest overdue first, at most max_epochs_per_block of them. What is left
// waits for the next block; each says so once.
func (k *Keeper) EndBlock(ctx sdk.Context) error {
	params, err := k.params.Get(ctx)
	if err != nil {
		return err
	}
	due, err := k.due(ctx)
	if err != nil {
		return err
	}
	for i, d := range due {
		if i < int(params.MaxEpochsPerBlock) {
			err = k.finish(ctx, d.subnet)
		} else if d.at == ctx.BlockHeight() {
			err = ctx.EventManager().EmitTypedEvent(&types.EpochDeferred{Netuid: d.subnet.Netuid, Epoch: d.subnet.Epoch})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dueEpoch is a subnet whose epoch should have run at the end of block at.
type dueEpoch struct {
	subnet subnettypes.Subnet
	at     int64
}

// due lists the subnets whose epoch is due, by the block at which it was, then by netuid.
func (k *Keeper) due(ctx sdk.Context) (due []dueEpoch, err error) {
	err = k.subnets.EachSubnet(ctx, func(s subnettypes.Subnet) (bool, error) {
		if at := types.NewSchedule(s).EpochAt; s.Started && at <= ctx.BlockHeight() {
			due = append(due, dueEpoch{s, at})
		}
		return false, nil
	})
	slices.SortStableFunc(due, func(a, b dueEpoch) int { return cmp.Compare(a.at, b.at) })
	return due, err
}

// finish ends a subnet's tempo. Its epoch runs in a context of its own: if it fails, nothing of it remains but an event,
// the emission waits for the next epoch, and the chain goes on.
func (k *Keeper) finish(ctx sdk.Context, subnet subnettypes.Subnet) error {
	snapshot, err := k.Snapshot(ctx, subnet.Netuid)
	if err != nil {
		return err
	}
	attempt, write := ctx.CacheContext()
	if reason := k.try(attempt, subnet, snapshot); reason == nil {
		write()
	} else if err := ctx.EventManager().EmitTypedEvent(&types.EpochFailed{
		Netuid: subnet.Netuid, Epoch: subnet.Epoch, Reason: fmt.Sprintf("%.256v", reason),
	}); err != nil {
		return err
	}
	return k.subnets.AdvanceEpoch(ctx, subnet.Netuid, snapshot.Value)
}

// try runs an epoch and turns a panic into an error.
func (k *Keeper) try(ctx sdk.Context, subnet subnettypes.Subnet, snapshot types.Snapshot) (err error) {
	defer func() {
		if r := recover(); r != nil {
			k.runner = &yuma.Runner{} // its scratch may be half written
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	e, err := k.load(ctx, subnet, snapshot)
	if err != nil {
		return err
	}
	if !e.quorate() {
		return k.carryOver(ctx, e)
	}
	return k.decide(ctx, e, k.runner.Run(&e.input))
}
