package keeper

import (
	"errors"
	"fmt"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/types"
)

// Invariant is a statement about the whole state: nil where it holds.
type Invariant struct {
	Name  string
	Check func(sdk.Context) error
}

// Invariants lists what holds after every block.
func (k *Keeper) Invariants() []Invariant {
	return []Invariant{
		{"a commit of an operator waits in its subnet's past", k.checkCommits},
		{"what waits for a seed is a commit with an evidence root", k.checkUnseeded},
		{"rows belong to neurons that exist and name such", k.checkRows},
		{"bonds are of voices that were permitted when they were made, not too long ago", k.checkBonds},
		{"the history is of epochs that ended", k.checkRecords},
		{"every started subnet has the snapshot of its running tempo", k.checkSnapshots},
		{"seeds are of tempos that began", k.checkSeeds},
		{"what is carried belongs to subnets that exist", k.checkCarries},
	}
}

func (k *Keeper) checkCommits(ctx sdk.Context) error {
	return k.commits.Walk(ctx, nil, func(key byCommit, c types.Commit) (bool, error) {
		if key.K1() != c.Netuid || key.K2() != c.Epoch || key.K3() != c.Operator {
			return true, fmt.Errorf("a commit of netuid %d, epoch %d, operator %s is stored at %v", c.Netuid, c.Epoch, c.Operator, key)
		}
		if err := c.Validate(); err != nil {
			return true, err
		}
		epoch, err := k.checkPlace(ctx, c.Netuid, c.Uid)
		if err == nil && (c.Epoch > epoch || c.Height > ctx.BlockHeight()) {
			err = fmt.Errorf("netuid %d, uid %d committed at height %d for epoch %d, but epoch %d runs",
				c.Netuid, c.Uid, c.Height, c.Epoch, epoch)
		}
		return err != nil, err
	})
}

// checkPlace returns the running epoch of a subnet in which uid is taken.
func (k *Keeper) checkPlace(ctx sdk.Context, netuid, uid uint32) (epoch uint64, err error) {
	subnet, err := k.subnets.Subnet(ctx, netuid)
	if err == nil && uid >= subnet.Size_ {
		err = fmt.Errorf("netuid %d has %d neurons, none has uid %d", netuid, subnet.Size_, uid)
	}
	return subnet.Epoch, err
}

func (k *Keeper) checkUnseeded(ctx sdk.Context) error {
	return k.unseeded.Walk(ctx, nil, func(key byCommit) (bool, error) {
		c, err := k.commits.Get(ctx, key)
		if err == nil && (len(c.EvidenceRoot) == 0 || len(c.Seed) > 0) {
			err = fmt.Errorf("the commit at %v has an evidence root of %d bytes and a seed of %d", key, len(c.EvidenceRoot), len(c.Seed))
		}
		return err != nil, err
	})
}

func (k *Keeper) checkRows(ctx sdk.Context) error {
	check := func(key bySpeaker, r types.Row) (bool, error) {
		if key.K1() != r.Netuid || key.K2() != r.Operator {
			return true, fmt.Errorf("a row of netuid %d, operator %s is stored at %v", r.Netuid, r.Operator, key)
		}
		if err := r.Validate(); err != nil {
			return true, err
		}
		epoch, err := k.checkPlace(ctx, r.Netuid, r.Uid)
		if err == nil && (r.Epoch > epoch || r.CommitHeight > ctx.BlockHeight()) {
			err = fmt.Errorf("netuid %d, uid %d: a row of epoch %d, committed at block %d, but epoch %d runs in block %d",
				r.Netuid, r.Uid, r.Epoch, r.CommitHeight, epoch, ctx.BlockHeight())
		}
		if last, some := r.LastUID(); err == nil && some {
			_, err = k.checkPlace(ctx, r.Netuid, last)
		}
		return err != nil, err
	}
	if err := k.weights.Walk(ctx, nil, check); err != nil {
		return fmt.Errorf("weights: %w", err)
	}
	if err := k.bonds.Walk(ctx, nil, check); err != nil {
		return fmt.Errorf("bonds: %w", err)
	}
	return nil
}

// checkBonds holds bonds to the epoch that left them: the last that decided or, of a voice that was absent since, one at
// most MaxAbsence before it. Where the history still has that epoch, it permitted the voice.
func (k *Keeper) checkBonds(ctx sdk.Context) error {
	return k.bonds.Walk(ctx, nil, func(_ bySpeaker, r types.Row) (bool, error) {
		carry, err := k.carryOf(ctx, r.Netuid)
		if err != nil {
			return true, err
		}
		if r.Epoch > carry.DecidedEpoch || r.Epoch+subnettypes.MaxAbsence < carry.DecidedEpoch {
			return true, fmt.Errorf("netuid %d decided epoch %d last, %s has bonds of epoch %d", r.Netuid, carry.DecidedEpoch, r.Operator, r.Epoch)
		}
		record, err := k.records.Get(ctx, collections.Join(r.Netuid, r.Epoch))
		if errors.Is(err, collections.ErrNotFound) {
			return false, nil
		}
		if err == nil && (int(r.Uid) >= record.Uids() || record.Permits[r.Uid] == 0) {
			err = fmt.Errorf("netuid %d: %s has bonds of epoch %d, in which uid %d was not permitted", r.Netuid, r.Operator, r.Epoch, r.Uid)
		}
		return err != nil, err
	})
}

// checkRecords leaves out the number of records: where governance shortens the history, the next epoch of each subnet
// cuts it.
func (k *Keeper) checkRecords(ctx sdk.Context) error {
	return k.records.Walk(ctx, nil, func(key byEpoch, r types.EpochRecord) (bool, error) {
		if key.K1() != r.Netuid || key.K2() != r.Epoch {
			return true, fmt.Errorf("a record of netuid %d, epoch %d is stored at %v", r.Netuid, r.Epoch, key)
		}
		if err := r.Validate(); err != nil {
			return true, err
		}
		subnet, err := k.subnets.Subnet(ctx, r.Netuid)
		if err == nil && (r.Epoch >= subnet.Epoch || r.Uids() > int(subnet.Size_)) {
			err = fmt.Errorf("netuid %d in epoch %d with %d neurons: a record of epoch %d with %d",
				r.Netuid, subnet.Epoch, subnet.Size_, r.Epoch, r.Uids())
		}
		return err != nil, err
	})
}

// HistoryPaid adds up what the epochs in the history paid, in rao.
func (k *Keeper) HistoryPaid(ctx sdk.Context) (paid uint64, err error) {
	err = k.records.Walk(ctx, nil, func(_ byEpoch, r types.EpochRecord) (bool, error) {
		paid += r.Paid
		return false, nil
	})
	return paid, err
}

func (k *Keeper) checkCarries(ctx sdk.Context) error {
	return k.carries.Walk(ctx, nil, func(netuid uint32, c types.Carry) (bool, error) {
		subnet, err := k.subnets.Subnet(ctx, netuid)
		if err == nil && (c.Netuid != netuid || c.DecidedEpoch > subnet.Epoch || c.DecidedHeight > ctx.BlockHeight()) {
			err = fmt.Errorf("netuid %d in epoch %d: %d epochs carried for netuid %d, decided last in epoch %d at height %d",
				netuid, subnet.Epoch, c.Epochs, c.Netuid, c.DecidedEpoch, c.DecidedHeight)
		}
		return err != nil, err
	})
}

func (k *Keeper) checkSeeds(ctx sdk.Context) error {
	return k.seeds.Walk(ctx, nil, func(key byEpoch, s types.Seed) (bool, error) {
		subnet, err := k.subnets.Subnet(ctx, s.Netuid)
		if err == nil {
			err = s.Validate()
		}
		if err == nil && (key.K1() != s.Netuid || key.K2() != s.Epoch || s.Epoch > subnet.Epoch || s.Height > ctx.BlockHeight()+1) {
			err = fmt.Errorf("a seed of epoch %d, height %d is stored at %v; epoch %d runs", s.Epoch, s.Height, key, subnet.Epoch)
		}
		return err != nil, err
	})
}
