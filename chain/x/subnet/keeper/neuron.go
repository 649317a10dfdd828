package keeper

import (
	"bytes"
	"fmt"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/x/subnet/types"
)

// putNeuron writes a neuron, the index of its hot key and that key's account, which is created if there is none.
func (k *Keeper) putNeuron(ctx sdk.Context, neuron types.Neuron) error {
	address := types.HotAccount(neuron.HotKey)
	if k.account.GetAccount(ctx, address) == nil {
		k.account.SetAccount(ctx, k.account.NewAccountWithAddress(ctx, address))
	}
	if err := k.hotAccounts.Set(ctx, address, neuron.HotKey); err != nil {
		return err
	}
	if err := k.hotKeys.Set(ctx, collections.Join(neuron.HotKey, neuron.Netuid), neuron.Uid); err != nil {
		return err
	}
	if err := k.owners.Set(ctx, collections.Join3(neuron.Owner, neuron.Netuid, neuron.Uid)); err != nil {
		return err
	}
	return k.setNeuron(ctx, neuron)
}

// dropNeuron deletes a neuron, its voice and what was kept under its hot key.
func (k *Keeper) dropNeuron(ctx sdk.Context, neuron types.Neuron) error {
	if err := k.dropVoice(ctx, neuron.Netuid, neuron.Uid); err != nil {
		return err
	}
	if err := k.dropHotKey(ctx, neuron.Netuid, neuron.HotKey); err != nil {
		return err
	}
	if err := k.owners.Remove(ctx, collections.Join3(neuron.Owner, neuron.Netuid, neuron.Uid)); err != nil {
		return err
	}
	return k.neurons.Remove(ctx, collections.Join(neuron.Netuid, neuron.Uid))
}

// dropHotKey frees a hot key from a subnet; its account is an ordinary one again when no subnet has it.
func (k *Keeper) dropHotKey(ctx sdk.Context, netuid uint32, hotKey []byte) error {
	if err := k.hotKeys.Remove(ctx, collections.Join(hotKey, netuid)); err != nil {
		return err
	}
	if err := k.slots.Clear(ctx, collections.NewSuperPrefixedTripleRange[uint32, []byte, uint32](netuid, hotKey)); err != nil {
		return err
	}
	left, err := k.NeuronsOfHotKey(ctx, hotKey)
	if err != nil || len(left) > 0 {
		return err
	}
	return k.hotAccounts.Remove(ctx, types.HotAccount(hotKey))
}

// checkClaim holds an owner's claim to a hot key: the proof is good now, the key has no other owner and no place in the
// subnet yet, and owner and key are different accounts. Errors: ErrProof, ErrHotKeyTaken, ErrNotAllowed, ErrCannotPay.
func (k *Keeper) checkClaim(ctx sdk.Context, netuid uint32, owner string, claim types.Claim) error {
	if err := k.checkApart(ctx, owner, claim.HotKey); err != nil {
		return err
	}
	params, err := k.Params(ctx)
	if err != nil {
		return err
	}
	if left := claim.Expiry - ctx.BlockHeight(); left < 0 || left > int64(params.MaxProofBlocks) {
		return fmt.Errorf("%w: it expires at block %d, want %d to %d", types.ErrProof,
			claim.Expiry, ctx.BlockHeight(), ctx.BlockHeight()+int64(params.MaxProofBlocks))
	}
	if err := k.checkFree(ctx, netuid, owner, claim.HotKey); err != nil {
		return err
	}
	return types.VerifyProof(claim.HotKey, claim.Proof, ctx.ChainID(), netuid, owner, claim.Expiry)
}

// checkApart holds the two keys of a neuron apart: the owner's account can be paid and is no hot key's, and the hot key's
// owns nothing. Errors: ErrInvalid, ErrCannotPay, ErrNotAllowed.
func (k *Keeper) checkApart(ctx sdk.Context, owner string, hotKey []byte) error {
	address, err := k.payee(ctx, owner)
	if err != nil {
		return err
	}
	if bytes.Equal(address, types.HotAccount(hotKey)) {
		return fmt.Errorf("%w: the hot key's own account cannot be the owner; use a cold key", types.ErrNotAllowed)
	}
	return k.checkBare(ctx, types.HotAccount(hotKey))
}

// checkBare refuses as a hot key one whose account owns something: that key could sign for it no more. The error is
// ErrNotAllowed.
func (k *Keeper) checkBare(ctx sdk.Context, account sdk.AccAddress) error {
	if k.account.GetAccount(ctx, account) == nil {
		return nil // who owns has paid for it
	}
	if _, hot := k.HotAccountKey(ctx, account); hot {
		return nil // it has been looked at, and can own nothing since
	}
	free, owner := unmetered(ctx), account.String()
	neurons, err := k.NeuronsOfOwner(free, owner)
	if err != nil {
		return err
	}
	owns := len(neurons) > 0
	err = k.EachSubnet(free, func(s types.Subnet) (bool, error) {
		owns = owns || s.Owner == owner
		return owns, nil
	})
	if err == nil && owns {
		err = fmt.Errorf("%w: %s owns neurons or subnets, which a hot key cannot; use another key", types.ErrNotAllowed, owner)
	}
	return err
}

// checkFree refuses a hot key of another owner, or one that is in the subnet already. The error is ErrHotKeyTaken.
func (k *Keeper) checkFree(ctx sdk.Context, netuid uint32, owner string, hotKey []byte) error {
	neurons, err := k.NeuronsOfHotKey(ctx, hotKey)
	if err != nil {
		return err
	}
	for _, neuron := range neurons {
		if neuron.Owner != owner {
			return fmt.Errorf("%w: %x belongs to %s", types.ErrHotKeyTaken, hotKey, neuron.Owner)
		}
		if neuron.Netuid == netuid {
			return fmt.Errorf("%w: %x is uid %d of netuid %d already", types.ErrHotKeyTaken, hotKey, neuron.Uid, netuid)
		}
	}
	return nil
}

// Rotate gives the neuron at uid another hot key on behalf of its owner. Uid, registration, voice and standing stay. The
// first rotation of a tempo takes back what the old key did in it: its free messages may be sent again, and a commit of it
// is void, so that a thief of the key cannot silence the voice. A later one changes the key only: nobody gets more free
// messages than twice a tempo's. Errors: ErrNoNeuron, ErrNotAllowed and those of a claim.
func (k *Keeper) Rotate(ctx sdk.Context, owner string, netuid, uid uint32, claim types.Claim) error {
	neuron, err := k.owned(ctx, owner, netuid, uid)
	if err != nil {
		return err
	}
	if err := k.checkClaim(ctx, netuid, owner, claim); err != nil {
		return err
	}
	from := neuron.HotKey
	if err := k.takeBack(ctx, neuron, claim.HotKey); err != nil {
		return err
	}
	if err := k.dropHotKey(ctx, netuid, from); err != nil {
		return err
	}
	neuron.HotKey, neuron.Rotated = claim.HotKey, ctx.BlockHeight()
	if err := k.putNeuron(ctx, neuron); err != nil {
		return err
	}
	return k.emit(ctx, &types.HotKeyRotated{Netuid: netuid, Uid: uid, From: from, To: claim.HotKey})
}

// takeBack undoes what the neuron's hot key did in the running tempo, if it was not rotated in it before; else the new key
// has sent what the old one did.
func (k *Keeper) takeBack(ctx sdk.Context, neuron types.Neuron, fresh []byte) error {
	subnet, err := k.Subnet(ctx, neuron.Netuid)
	if err != nil {
		return err
	}
	if neuron.Rotated > 0 && neuron.Rotated >= subnet.TempoStart {
		return k.moveSlots(ctx, neuron.Netuid, neuron.HotKey, fresh)
	}
	operator, is := k.VoiceOf(ctx, neuron.Netuid, neuron.Uid)
	if !is {
		return nil
	}
	return k.hooks.AfterHotKeyRotated(ctx, neuron.Netuid, operator, neuron.HotKey)
}

// SetModel publishes a model card for the neuron of netuid whose hot key signs for account; it takes a slot. Where models are
// open it names a published one. Errors: ErrNoNeuron, ErrNoSlot, ErrInvalid, the model module's ErrNoModel.
func (k *Keeper) SetModel(ctx sdk.Context, account string, netuid uint32, card types.ModelCard) error {
	if err := card.Validate(); err != nil {
		return err
	}
	neuron, err := k.neuronOfAccount(ctx, netuid, account)
	if err != nil {
		return err
	}
	if err := k.RequireSlot(ctx, netuid, neuron.HotKey, types.SlotModel); err != nil {
		return err
	}
	if k.models != nil {
		if err := k.models.CheckServable(ctx, netuid, card.Digest); err != nil {
			return err
		}
	}
	neuron.Card = &card
	if err := k.setNeuron(ctx, neuron); err != nil {
		return err
	}
	return k.emit(ctx, &types.ModelSet{Netuid: netuid, Uid: neuron.Uid, Card: card})
}

// owned returns the neuron at uid if owner owns it. Errors: ErrNoNeuron, ErrNotAllowed.
func (k *Keeper) owned(ctx sdk.Context, owner string, netuid, uid uint32) (types.Neuron, error) {
	neuron, err := k.Neuron(ctx, netuid, uid)
	if err != nil {
		return neuron, err
	}
	if neuron.Owner != owner {
		return neuron, fmt.Errorf("%w: uid %d of netuid %d belongs to %s", types.ErrNotAllowed, uid, netuid, neuron.Owner)
	}
	return neuron, nil
}
