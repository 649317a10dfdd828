package keeper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"cosmossdk.io/collections"
	sdkmath "cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/x/subnet/types"
)

// Stake is what speaks through an operator's voice: the rao bonded to his validator, 0 if it is jailed, unbonding or
// gone.
func (k *Keeper) Stake(ctx sdk.Context, operator string) (uint64, error) {
	_, stake, err := k.Staked(ctx, operator)
	return stake, err
}

// Staked is Stake with the validator, which is empty if it is gone.
func (k *Keeper) Staked(ctx context.Context, operator string) (validator stakingtypes.Validator, stake uint64, err error) {
	validator, err = k.validator(ctx, operator)
	if errors.Is(err, types.ErrNoValidator) {
		return stakingtypes.Validator{}, 0, nil
	}
	if err != nil || !validator.IsBonded() || validator.IsJailed() {
		return validator, 0, err
	}
	if !validator.Tokens.IsUint64() {
		return validator, math.MaxUint64, nil
	}
	return validator, validator.Tokens.Uint64(), nil
}

// Stakes returns every voice of netuid in order of uid with its stake and whether it is permitted: among the max_voices
// with most stake (ties to the lower uid) and holding at least voice_floor of the bonded total.
func (k *Keeper) Stakes(ctx sdk.Context, netuid uint32) ([]types.VoiceStake, error) {
	var all []types.Voice
	err := k.EachVoice(ctx, netuid, func(voice types.Voice) (bool, error) {
		all = append(all, voice)
		return false, nil
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	boxed := context.Context(ctx) // once: a copy of the context for every read costs more than the read
	voices := make([]types.VoiceStake, len(all))
	for i, voice := range all {
		voices[i].Voice = voice
		if voices[i].Validator, voices[i].Stake, err = k.Staked(boxed, voice.Operator); err != nil {
			return nil, err
		}
	}
	bonded, err := k.staking.TotalValidatorPower(ctx)
	if err != nil {
		return nil, err
	}
	value := k.Values(ctx)
	permit(voices, bonded, value(netuid, types.VoiceFloor), int(value(netuid, types.MaxVoices)))
	return voices, nil
}

// permit marks the top most voices by stake that hold floor / 10,000 of bonded.
func permit(voices []types.VoiceStake, bonded sdkmath.Int, floor int64, most int) {
	order := make([]int, len(voices))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(voices[b].Stake, voices[a].Stake) })
	for _, i := range order[:min(most, len(order))] {
		voices[i].Permitted = voices[i].Stake > 0 && holds(voices[i].Stake, bonded, floor)
	}
}

// holds tells whether stake is at least floor / 10,000 of bonded.
func holds(stake uint64, bonded sdkmath.Int, floor int64) bool {
	return sdkmath.NewIntFromUint64(stake).MulRaw(10_000).GTE(bonded.MulRaw(floor))
}

// CheckWeighs tells with a nil error that the neuron at uid speaks for at least voice_floor of the bonded stake, as a
// permitted voice must. The error is ErrNotVoice.
func (k *Keeper) CheckWeighs(ctx sdk.Context, netuid, uid uint32) error {
	operator, is := k.VoiceOf(ctx, netuid, uid)
	if !is {
		return fmt.Errorf("%w: uid %d of netuid %d; its operator can make it one", types.ErrNotVoice, uid, netuid)
	}
	stake, err := k.Stake(ctx, operator)
	if err != nil {
		return err
	}
	bonded, err := k.staking.TotalValidatorPower(ctx)
	if err != nil {
		return err
	}
	if floor := k.stored(ctx, netuid, types.VoiceFloor); stake == 0 || !holds(stake, bonded, floor) {
		return fmt.Errorf("%w: %s has %d rao bonded and not jailed, netuid %d wants %d/10,000 of the %s rao of all validators",
			types.ErrNotVoice, operator, stake, netuid, floor, bonded)
	}
	return nil
}

// IsPermitted tells whether operator has a permitted voice in some subnet. Every validator is read at most once.
func (k *Keeper) IsPermitted(ctx sdk.Context, operator string) (permitted bool, err error) {
	own, err := k.Stake(ctx, operator)
	if err != nil || own == 0 {
		return false, err
	}
	bonded, err := k.staking.TotalValidatorPower(ctx)
	if err != nil {
		return false, err
	}
	value, known := k.Values(ctx), map[string]uint64{operator: own}
	err = k.EachSubnet(ctx, func(s types.Subnet) (bool, error) {
		uid, err := k.operators.Get(ctx, collections.Join(s.Netuid, operator))
		if errors.Is(err, collections.ErrNotFound) {
			return false, nil
		}
		if err != nil || !holds(own, bonded, value(s.Netuid, types.VoiceFloor)) {
			return false, err
		}
		above, err := k.countAbove(ctx, s.Netuid, uid, own, known)
		permitted = above < value(s.Netuid, types.MaxVoices)
		return permitted || err != nil, err
	})
	return permitted && err == nil, err
}

// countAbove counts the voices of netuid that rank above the one at uid with stake own. known keeps the stakes read.
func (k *Keeper) countAbove(ctx sdk.Context, netuid, uid uint32, own uint64, known map[string]uint64) (above int64, err error) {
	err = k.EachVoice(ctx, netuid, func(v types.Voice) (_ bool, err error) {
		stake, read := known[v.Operator]
		if !read {
			if stake, err = k.Stake(ctx, v.Operator); err != nil {
				return true, err
			}
			known[v.Operator] = stake
		}
		if stake > own || stake == own && v.Uid < uid {
			above++
		}
		return false, nil
	})
	return above, err
}
