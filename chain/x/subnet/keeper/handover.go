package keeper

import (
	"fmt"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/subnet/types"
)

// ProposeSubnetOwner starts the wait after which newOwner may accept netuid, on behalf of its owner or governance. What
// governance proposed stands against the owner, whose key may be lost or stolen.
// Errors: ErrNoSubnet, ErrNotAllowed, ErrCannotPay, ErrInvalid.
func (k *Keeper) ProposeSubnetOwner(ctx sdk.Context, sender string, netuid uint32, newOwner string) error {
	subnet, err := k.governed(ctx, sender, netuid)
	if err != nil {
		return err
	}
	if err := k.checkChangeable(subnet, sender); err != nil {
		return err
	}
	if newOwner == subnet.Owner {
		return fmt.Errorf("%w: %s is the owner already", types.ErrInvalid, newOwner)
	}
	if _, err := k.payee(ctx, newOwner); err != nil {
		return err
	}
	if subnet.NewOwnerFrom, err = k.afterWait(ctx); err != nil {
		return err
	}
	subnet.NewOwner, subnet.NewOwnerByGovernance = newOwner, sender == k.authority
	if err := k.subnets.Set(ctx, netuid, subnet); err != nil {
		return err
	}
	return k.emit(ctx, &types.SubnetOwnerProposed{
		Netuid: netuid, From: subnet.Owner, To: newOwner, ByGovernance: subnet.NewOwnerByGovernance,
	})
}

// CancelSubnetOwner ends a proposed change on behalf of the present owner or governance.
// Errors: ErrNoSubnet, ErrNotAllowed, ErrNoChange.
func (k *Keeper) CancelSubnetOwner(ctx sdk.Context, sender string, netuid uint32) error {
	subnet, err := k.governed(ctx, sender, netuid)
	if err != nil {
		return err
	}
	if subnet.NewOwner == "" {
		return fmt.Errorf("%w: of netuid %d", types.ErrNoChange, netuid)
	}
	if err := k.checkChangeable(subnet, sender); err != nil {
		return err
	}
	clearProposal(&subnet)
	if err := k.subnets.Set(ctx, netuid, subnet); err != nil {
		return err
	}
	return k.emit(ctx, &types.SubnetOwnerCancelled{Netuid: netuid})
}

// AcceptSubnetOwner hands netuid to newOwner after the wait: its lock, its part of the emission and its levers.
// Errors: ErrNoSubnet, ErrNoChange, ErrTooSoon, ErrCannotPay.
func (k *Keeper) AcceptSubnetOwner(ctx sdk.Context, newOwner string, netuid uint32) error {
	subnet, err := k.Subnet(ctx, netuid)
	if err != nil {
		return err
	}
	if subnet.NewOwner == "" || subnet.NewOwner != newOwner {
		return fmt.Errorf("%w: of netuid %d to %s", types.ErrNoChange, netuid, newOwner)
	}
	if ctx.BlockTime().Before(subnet.NewOwnerFrom) {
		return fmt.Errorf("%w: accept from %s on", types.ErrTooSoon, subnet.NewOwnerFrom.UTC().Format(time.RFC3339))
	}
	if _, err := k.payee(ctx, newOwner); err != nil {
		return err
	}
	return k.giveSubnet(ctx, subnet, newOwner)
}

// giveSubnet hands a subnet over, with nothing proposed any more.
func (k *Keeper) giveSubnet(ctx sdk.Context, subnet types.Subnet, owner string) error {
	from := subnet.Owner
	subnet.Owner = owner
	clearProposal(&subnet)
	if err := k.subnets.Set(ctx, subnet.Netuid, subnet); err != nil {
		return err
	}
	return k.emit(ctx, &types.SubnetOwnerChanged{Netuid: subnet.Netuid, From: from, To: owner})
}

func clearProposal(subnet *types.Subnet) {
	subnet.NewOwner, subnet.NewOwnerFrom, subnet.NewOwnerByGovernance = "", time.Time{}, false
}

// Describe announces another identity and another digest and source of the mechanism of netuid on behalf of its owner or
// governance. They come into force when a tempo begins after the wait, at once if the subnet has not started: who mines or
// judges has time to read what will judge him. Errors: ErrNoSubnet, ErrNotAllowed, ErrInvalid.
func (k *Keeper) Describe(ctx sdk.Context, sender string, netuid uint32, mechanism types.Mechanism, identity types.Identity) error {
	subnet, err := k.governed(ctx, sender, netuid)
	if err != nil {
		return err
	}
	if mechanism.Id != subnet.Mechanism.Id {
		return fmt.Errorf("%w: the mechanism of netuid %d is %s, which stays", types.ErrInvalid, netuid, subnet.Mechanism.Id)
	}
	next := types.Description{Mechanism: mechanism, Identity: identity, From: ctx.BlockTime()}
	if subnet.Started {
		if next.From, err = k.describedFrom(ctx, sender, subnet, mechanism); err != nil {
			return err
		}
	}
	subnet.Next = &next
	if !subnet.Started {
		k.describe(ctx, &subnet)
	}
	if err := k.subnets.Set(ctx, netuid, subnet); err != nil {
		return err
	}
	return k.emit(ctx, &types.SubnetDescriptionAnnounced{Netuid: netuid, Next: next})
}

// describedFrom is when an announced description may come into force. Another module waits longer than words, unless a vote
// of governance, which took its own time, asks for it.
func (k *Keeper) describedFrom(ctx sdk.Context, sender string, subnet types.Subnet, next types.Mechanism) (time.Time, error) {
	if next.Id != types.TaskModule || next.Digest == subnet.Mechanism.Digest || sender == k.authority {
		return k.afterWait(ctx)
	}
	params, err := k.Params(ctx)
	return ctx.BlockTime().Add(time.Duration(params.TaskWait()) * time.Second), err
}

// describe puts an announced description in force if its wait is over.
func (k *Keeper) describe(ctx sdk.Context, subnet *types.Subnet) {
	if subnet.Next == nil || ctx.BlockTime().Before(subnet.Next.From) {
		return
	}
	subnet.Mechanism, subnet.Identity, subnet.Next = subnet.Next.Mechanism, subnet.Next.Identity, nil
}

// governed returns netuid if sender is its owner or governance. Errors: ErrNoSubnet, ErrNotAllowed.
func (k *Keeper) governed(ctx sdk.Context, sender string, netuid uint32) (types.Subnet, error) {
	subnet, err := k.Subnet(ctx, netuid)
	if err == nil && sender != subnet.Owner && sender != k.authority {
		err = fmt.Errorf("%w: %s neither owns netuid %d nor is governance", types.ErrNotAllowed, sender, netuid)
	}
	return subnet, err
}

// checkChangeable refuses the owner what governance has proposed against him.
func (k *Keeper) checkChangeable(subnet types.Subnet, sender string) error {
	if subnet.NewOwner != "" && subnet.NewOwnerByGovernance && sender != k.authority {
		return fmt.Errorf("%w: governance hands netuid %d to %s", types.ErrNotAllowed, subnet.Netuid, subnet.NewOwner)
	}
	return nil
}

// afterWait is the time at which what is announced now may come into force.
func (k *Keeper) afterWait(ctx sdk.Context) (time.Time, error) {
	params, err := k.Params(ctx)
	return ctx.BlockTime().Add(time.Duration(params.OwnerChangeSeconds) * time.Second), err
}
