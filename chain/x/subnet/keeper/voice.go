package keeper

import (
	"context"
	"errors"
	"fmt"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/network"
	"agora/chain/x/subnet/types"
)

// SetProfile publishes an operator's entry in the directory. Errors: ErrNoValidator, ErrInvalid.
func (k *Keeper) SetProfile(ctx sdk.Context, profile types.Profile) error {
	if err := profile.Validate(); err != nil {
		return err
	}
	if _, err := k.validator(ctx, profile.Operator); err != nil {
		return err
	}
	if err := k.profiles.Set(ctx, profile.Operator, profile); err != nil {
		return err
	}
	return k.emit(ctx, &types.ProfileSet{Operator: profile.Operator})
}

// Profile returns an operator's entry in the directory, an empty one if there is none.
func (k *Keeper) Profile(ctx sdk.Context, operator string) (types.Profile, error) {
	profile, err := k.profiles.Get(ctx, operator)
	if errors.Is(err, collections.ErrNotFound) {
		return types.Profile{Operator: operator}, nil
	}
	return profile, err
}

// SetVoice makes the neuron at uid speak for the operator's stake in netuid; at most once per tempo.
// Errors: ErrNoSubnet, ErrNoNeuron, ErrNotAllowed, ErrNoValidator, ErrTooSoon.
func (k *Keeper) SetVoice(ctx sdk.Context, operator string, netuid, uid uint32) error {
	subnet, err := k.Subnet(ctx, netuid)
	if err != nil {
		return err
	}
	if _, err := k.owned(ctx, operator, netuid, uid); err != nil {
		return err
	}
	if _, err := k.validator(ctx, operator); err != nil {
		return err
	}
	if err := k.endVoice(ctx, subnet, operator); err != nil {
		return err
	}
	voice := types.Voice{Netuid: netuid, Operator: operator, Uid: uid, ChangedHeight: ctx.BlockHeight()}
	if err := k.putVoice(ctx, voice); err != nil {
		return err
	}
	return k.emit(ctx, &types.VoiceSet{Netuid: netuid, Operator: operator, Uid: uid})
}

// endVoice removes the operator's present voice, which may have been set in an earlier tempo only (ErrTooSoon).
func (k *Keeper) endVoice(ctx sdk.Context, subnet types.Subnet, operator string) error {
	uid, err := k.operators.Get(ctx, collections.Join(subnet.Netuid, operator))
	if errors.Is(err, collections.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	voice, err := k.voices.Get(ctx, collections.Join(subnet.Netuid, uid))
	if err != nil {
		return err
	}
	if voice.ChangedHeight >= subnet.TempoStart {
		return fmt.Errorf("%w: the voice was set at block %d; it can change after block %d",
			types.ErrTooSoon, voice.ChangedHeight, EpochAt(subnet))
	}
	return k.dropVoice(ctx, subnet.Netuid, uid)
}

func (k *Keeper) putVoice(ctx sdk.Context, voice types.Voice) error {
	if err := k.operators.Set(ctx, collections.Join(voice.Netuid, voice.Operator), voice.Uid); err != nil {
		return err
	}
	return k.voices.Set(ctx, collections.Join(voice.Netuid, voice.Uid), voice)
}

// dropVoice ends the voice at uid, if there is one.
func (k *Keeper) dropVoice(ctx sdk.Context, netuid, uid uint32) error {
	operator, is := k.VoiceOf(ctx, netuid, uid)
	if !is {
		return nil
	}
	if err := k.operators.Remove(ctx, collections.Join(netuid, operator)); err != nil {
		return err
	}
	if err := k.voices.Remove(ctx, collections.Join(netuid, uid)); err != nil {
		return err
	}
	return k.emit(ctx, &types.VoiceLost{Netuid: netuid, Operator: operator, Uid: uid})
}

// VoiceOf returns the operator (account address) for whose stake the neuron at uid speaks, if it is a voice.
func (k *Keeper) VoiceOf(ctx sdk.Context, netuid, uid uint32) (operator string, is bool) {
	voice, err := k.voices.Get(ctx, collections.Join(netuid, uid))
	return voice.Operator, err == nil
}

// EachVoice calls fn for every voice of netuid in order of uid until it stops or fails. fn must not write voices.
func (k *Keeper) EachVoice(ctx sdk.Context, netuid uint32, fn func(types.Voice) (stop bool, err error)) error {
	return k.voices.Walk(ctx, collections.NewPrefixedPairRange[uint32, uint32](netuid),
		func(_ pair, voice types.Voice) (bool, error) { return fn(voice) })
}

// Voices returns every voice of netuid in order of uid with its stake, whether it is permitted, and where to dial it.
func (k *Keeper) Voices(ctx sdk.Context, netuid uint32) ([]types.VoiceEntry, error) {
	stakes, err := k.Stakes(ctx, netuid)
	if err != nil {
		return nil, err
	}
	voices := make([]types.VoiceEntry, len(stakes))
	for i, s := range stakes {
		if voices[i], err = k.voiceEntry(ctx, s); err != nil {
			return nil, err
		}
	}
	return voices, nil
}

func (k *Keeper) voiceEntry(ctx sdk.Context, s types.VoiceStake) (types.VoiceEntry, error) {
	neuron, err := k.Neuron(ctx, s.Voice.Netuid, s.Voice.Uid)
	if err != nil {
		return types.VoiceEntry{}, err
	}
	profile, err := k.Profile(ctx, s.Voice.Operator)
	return types.VoiceEntry{
		Voice: s.Voice, HotKey: neuron.HotKey, Stake: s.Stake, Permitted: s.Permitted,
		Addresses: profile.Addresses, GatewayUrl: profile.GatewayUrl,
	}, err
}

// validator returns the validator that operator (account address) runs. The error is ErrNoValidator.
func (k *Keeper) validator(ctx context.Context, operator string) (stakingtypes.Validator, error) {
	address, err := network.Account(operator)
	if err != nil {
		return stakingtypes.Validator{}, fmt.Errorf("%w: %w", types.ErrInvalid, err)
	}
	validator, err := k.staking.GetValidator(ctx, sdk.ValAddress(address))
	if errors.Is(err, stakingtypes.ErrNoValidatorFound) {
		return validator, fmt.Errorf("%w: %s", types.ErrNoValidator, operator)
	}
	return validator, err
}
