package keeper

import (
	"fmt"
	"time"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/subnet/types"
)

// ProposeOwner starts the wait after which newOwner may accept the neuron at uid. Until then owner is paid and may
// cancel; another proposal starts the wait again. Errors: ErrNoNeuron, ErrNotAllowed, ErrCannotPay, ErrHotKeyTaken.
func (k *Keeper) ProposeOwner(ctx sdk.Context, owner string, netuid, uid uint32, newOwner string) error {
	neuron, err := k.owned(ctx, owner, netuid, uid)
	if err != nil {
		return err
	}
	if err := k.checkHeir(ctx, neuron, newOwner); err != nil {
		return err
	}
	params, err := k.Params(ctx)
	if err != nil {
		return err
	}
	neuron.NewOwner = newOwner
	neuron.NewOwnerFrom = ctx.BlockTime().Add(time.Duration(params.OwnerChangeSeconds) * time.Second)
	if err := k.setNeuron(ctx, neuron); err != nil {
		return err
	}
	return k.emit(ctx, &types.OwnerProposed{Netuid: netuid, Uid: uid, From: owner, To: newOwner})
}

// CancelOwner ends a proposed change on behalf of the present owner or governance.
// Errors: ErrNoNeuron, ErrNotAllowed, ErrNoChange.
func (k *Keeper) CancelOwner(ctx sdk.Context, sender string, netuid, uid uint32) error {
	neuron, err := k.Neuron(ctx, netuid, uid)
	if err != nil {
		return err
	}
	if sender != neuron.Owner && sender != k.authority {
		return fmt.Errorf("%w: %s neither owns uid %d of netuid %d nor is governance", types.ErrNotAllowed, sender, uid, netuid)
	}
	if neuron.NewOwner == "" {
		return fmt.Errorf("%w: uid %d of netuid %d", types.ErrNoChange, uid, netuid)
	}
	neuron.NewOwner, neuron.NewOwnerFrom = "", time.Time{}
	if err := k.setNeuron(ctx, neuron); err != nil {
		return err
	}
	return k.emit(ctx, &types.OwnerCancelled{Netuid: netuid, Uid: uid})
}

// AcceptOwner hands the neuron at uid to newOwner after the wait. A voice of the old owner ends with it.
// Errors: ErrNoNeuron, ErrNoChange, ErrTooSoon, ErrCannotPay, ErrHotKeyTaken.
func (k *Keeper) AcceptOwner(ctx sdk.Context, newOwner string, netuid, uid uint32) error {
	neuron, err := k.Neuron(ctx, netuid, uid)
	if err != nil {
		return err
	}
	if neuron.NewOwner != newOwner {
		return fmt.Errorf("%w: of uid %d of netuid %d to %s", types.ErrNoChange, uid, netuid, newOwner)
	}
	if ctx.BlockTime().Before(neuron.NewOwnerFrom) {
		return fmt.Errorf("%w: accept from %s on", types.ErrTooSoon, neuron.NewOwnerFrom.UTC().Format(time.RFC3339))
	}
	if err := k.checkHeir(ctx, neuron, newOwner); err != nil {
		return err
	}
	if err := k.dropVoice(ctx, netuid, uid); err != nil {
		return err
	}
	return k.give(ctx, neuron, newOwner)
}

// give hands a neuron over, with nothing proposed any more.
func (k *Keeper) give(ctx sdk.Context, neuron types.Neuron, owner string) error {
	from := neuron.Owner
	if err := k.owners.Remove(ctx, collections.Join3(from, neuron.Netuid, neuron.Uid)); err != nil {
		return err
	}
	neuron.Owner, neuron.NewOwner, neuron.NewOwnerFrom = owner, "", time.Time{}
	if err := k.owners.Set(ctx, collections.Join3(owner, neuron.Netuid, neuron.Uid)); err != nil {
		return err
	}
	if err := k.setNeuron(ctx, neuron); err != nil {
		return err
	}
	return k.emit(ctx, &types.OwnerChanged{Netuid: neuron.Netuid, Uid: neuron.Uid, From: from, To: owner})
}

// checkHeir refuses an heir who cannot own, and a hot key that other subnets have too: it would get two owners.
func (k *Keeper) checkHeir(ctx sdk.Context, neuron types.Neuron, heir string) error {
	if _, err := k.payee(ctx, heir); err != nil {
		return err
	}
	others, err := k.NeuronsOfHotKey(ctx, neuron.HotKey)
	if err != nil {
		return err
	}
	if len(others) > 1 {
		return fmt.Errorf("%w: %x has neurons in %d subnets; rotate this one to a key of its own first",
			types.ErrHotKeyTaken, neuron.HotKey, len(others))
	}
	return nil
}

// setNeuron writes a neuron whose place and hot key have not changed.
func (k *Keeper) setNeuron(ctx sdk.Context, neuron types.Neuron) error {
	return k.neurons.Set(ctx, collections.Join(neuron.Netuid, neuron.Uid), neuron)
}
