package keeper

import (
	"errors"
	"fmt"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/subnet/types"
)

// HasSlot tells with a nil error whether hotKey may still send a free message of kind to netuid in the running tempo.
// The error is ErrNoSubnet, ErrNoNeuron or ErrNoSlot.
func (k *Keeper) HasSlot(ctx sdk.Context, netuid uint32, hotKey []byte, kind uint32) error {
	_, err := k.nextSlot(ctx, netuid, hotKey, kind)
	return err
}

// TakeSlot books one free message of kind from hotKey to netuid in the running tempo. The ante handler calls it after
// the signature check and marks the context with types.WithSlotsTaken. Errors as of HasSlot.
func (k *Keeper) TakeSlot(ctx sdk.Context, netuid uint32, hotKey []byte, kind uint32) error {
	slot, err := k.nextSlot(ctx, netuid, hotKey, kind)
	if err != nil {
		return err
	}
	return k.slots.Set(ctx, collections.Join3(netuid, hotKey, kind), slot)
}

// RequireSlot is the repeated rate check of a message handler: it takes a slot unless the ante handler has done so.
// A message inside authz or a proposal comes here without the ante handler. Errors as of HasSlot.
func (k *Keeper) RequireSlot(ctx sdk.Context, netuid uint32, hotKey []byte, kind uint32) error {
	if types.SlotsTaken(ctx) {
		return nil
	}
	return k.TakeSlot(ctx, netuid, hotKey, kind)
}

// moveSlots books on a new hot key what the old one has taken.
func (k *Keeper) moveSlots(ctx sdk.Context, netuid uint32, from, to []byte) error {
	for _, kind := range types.SlotKinds {
		slot, err := k.slots.Get(ctx, collections.Join3(netuid, from, kind))
		if errors.Is(err, collections.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		slot.HotKey = to
		if err := k.slots.Set(ctx, collections.Join3(netuid, to, kind), slot); err != nil {
			return err
		}
	}
	return nil
}

// nextSlot returns the slot record with one more taken.
func (k *Keeper) nextSlot(ctx sdk.Context, netuid uint32, hotKey []byte, kind uint32) (types.Slot, error) {
	subnet, err := k.Subnet(ctx, netuid)
	if err != nil {
		return types.Slot{}, err
	}
	if _, err := k.NeuronOfHotKey(ctx, netuid, hotKey); err != nil {
		return types.Slot{}, err
	}
	slot, err := k.slots.Get(ctx, collections.Join3(netuid, hotKey, kind))
	if err != nil && !errors.Is(err, collections.ErrNotFound) {
		return types.Slot{}, err
	}
	if err != nil || slot.Epoch != subnet.Epoch {
		slot = types.Slot{Netuid: netuid, HotKey: hotKey, Kind: kind, Epoch: subnet.Epoch}
	}
	if slot.Taken >= types.SlotsPerTempo {
		return types.Slot{}, fmt.Errorf("%w: hot key %x sent %d of kind %d to netuid %d; epoch %d begins after block %d",
			types.ErrNoSlot, hotKey, slot.Taken, kind, netuid, subnet.Epoch+1, EpochAt(subnet))
	}
	slot.Taken++
	return slot, nil
}
