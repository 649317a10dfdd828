// Package keeper stops named message types for a bounded time, by governance or by two thirds of the bonded stake.
package keeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cosmossdk.io/collections"
	corestore "cosmossdk.io/core/store"
	"cosmossdk.io/math"
	"github.com/cosmos/gogoproto/proto"

	"github.com/cosmos/cosmos-sdk/codec"
	sdk "github.com/cosmos/cosmos-sdk/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/network"
	"agora/chain/x/pause/types"
)

// Keeper reads and writes the module's state.
type Keeper struct {
	authority string
	staking   types.StakingKeeper
	known     func(typeURL string) bool

	// Schema lists the collections below, for export and decoding.
	Schema collections.Schema

	params  collections.Item[types.Params]
	pauses  collections.Map[string, types.Pause] // by type URL
	motions collections.Map[uint64, types.Motion]
	next    collections.Sequence
}

// NewKeeper returns a keeper on store. authority is the address that proposals sign with; known tells whether the
// application has a message type.
func NewKeeper(cdc codec.Codec, store corestore.KVStoreService, authority string, staking types.StakingKeeper, known func(typeURL string) bool) *Keeper {
	sb := collections.NewSchemaBuilder(store)
	k := &Keeper{
		authority: authority, staking: staking, known: known,
		params:  collections.NewItem(sb, types.ParamsPrefix, "params", codec.CollValue[types.Params](cdc)),
		pauses:  collections.NewMap(sb, types.PausesPrefix, "pauses", collections.StringKey, codec.CollValue[types.Pause](cdc)),
		motions: collections.NewMap(sb, types.MotionsPrefix, "motions", collections.Uint64Key, codec.CollValue[types.Motion](cdc)),
		next:    collections.NewSequence(sb, types.NextMotionPrefix, "next_motion"),
	}
	schema, err := sb.Build()
	if err != nil {
		panic(fmt.Sprintf("pause: schema: %v", err)) // the prefixes above clash: a mistake in this file
	}
	k.Schema = schema
	return k
}

// IsAllowed tells whether messages of a type may run now. It is the circuit breaker of the message router, which asks
// for every message, those inside authz and proposals too.
func (k *Keeper) IsAllowed(ctx context.Context, typeURL string) (bool, error) {
	pause, err := k.pauses.Get(ctx, typeURL)
	if errors.Is(err, collections.ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return !pause.Until.After(sdk.UnwrapSDKContext(ctx).BlockTime()), nil
}

// Pause stops message types for seconds: at once for governance; an operator opens a motion with his vote, which may
// carry it. It returns the motion's id, 0 where governance paused. Errors: ErrUnknown, ErrOutOfBounds, ErrNotAllowed,
// ErrTooSoon.
func (k *Keeper) Pause(ctx sdk.Context, sender string, typeURLs []string, seconds uint64, reason string) (uint64, error) {
	params, err := k.params.Get(ctx)
	if err != nil {
		return 0, err
	}
	if seconds == 0 || seconds > params.MaxSeconds {
		return 0, fmt.Errorf("%w: a pause of %d seconds, want 1 to %d", types.ErrOutOfBounds, seconds, params.MaxSeconds)
	}
	motion := types.Motion{Mover: sender, TypeUrls: typeURLs, Seconds: seconds, Reason: reason}
	if err := k.checkTypes(ctx, motion, params); err != nil {
		return 0, err
	}
	return k.move(ctx, motion, params)
}

// Resume ends pauses before their time, as Pause begins them. The error is ErrNotPaused or ErrNotAllowed.
func (k *Keeper) Resume(ctx sdk.Context, sender string, typeURLs []string, reason string) (uint64, error) {
	params, err := k.params.Get(ctx)
	if err != nil {
		return 0, err
	}
	for _, url := range typeURLs {
		allowed, err := k.IsAllowed(ctx, url)
		if err != nil {
			return 0, err
		}
		if allowed {
			return 0, fmt.Errorf("%w: %s", types.ErrNotPaused, url)
		}
	}
	return k.move(ctx, types.Motion{Mover: sender, TypeUrls: typeURLs, Reason: reason}, params)
}

// checkTypes refuses types that are never paused or unknown, and lets operators pause a type again only after a rest.
func (k *Keeper) checkTypes(ctx sdk.Context, motion types.Motion, params types.Params) error {
	for _, url := range motion.TypeUrls {
		if err := types.CheckPausable(url); err != nil {
			return err
		}
		if !k.known(url) {
			return fmt.Errorf("%w: %s", types.ErrUnknown, url)
		}
		last, err := k.pauses.Get(ctx, url)
		if errors.Is(err, collections.ErrNotFound) || motion.Mover == k.authority {
			continue
		}
		if err != nil {
			return err
		}
		if rested := last.Until.Add(seconds(params.RestSeconds)); ctx.BlockTime().Before(rested) {
			return fmt.Errorf("%w: %s was paused until %s and rests until %s", types.ErrTooSoon, url,
				last.Until.UTC().Format(time.RFC3339), rested.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// move carries governance's motion at once, and opens an operator's with his vote.
func (k *Keeper) move(ctx sdk.Context, motion types.Motion, params types.Params) (uint64, error) {
	if motion.Mover == k.authority {
		return 0, k.enact(ctx, motion)
	}
	if stake, err := k.Stake(ctx, motion.Mover); err != nil || stake.IsZero() {
		return 0, errors.Join(err, fmt.Errorf("%w: %s is neither governance nor the operator of a bonded validator", types.ErrNotAllowed, motion.Mover))
	}
	if err := k.clean(ctx, motion.Mover); err != nil {
		return 0, err
	}
	id, err := k.next.Next(ctx)
	if err != nil {
		return 0, err
	}
	motion.Id, motion.Ends = id, ctx.BlockTime().Add(seconds(params.MotionSeconds))
	if err := k.emit(ctx, &types.MotionOpened{Motion: motion}); err != nil {
		return 0, err
	}
	if err := k.motions.Set(ctx, id, motion); err != nil {
		return 0, err
	}
	_, err = k.Vote(ctx, motion.Mover, id)
	return id, err
}

// clean deletes motions that have ended, and the mover's last one: an operator has one motion at a time.
func (k *Keeper) clean(ctx sdk.Context, mover string) error {
	motions, err := k.all(ctx)
	if err != nil {
		return err
	}
	for _, motion := range motions {
		if motion.Mover != mover && motion.Ends.After(ctx.BlockTime()) {
			continue
		}
		if err := k.motions.Remove(ctx, motion.Id); err != nil {
			return err
		}
	}
	return nil
}

// Vote adds an operator to a motion and carries it at two thirds of the bonded stake, counted now.
// Errors: ErrNoMotion, ErrVoted, ErrNotAllowed.
func (k *Keeper) Vote(ctx sdk.Context, operator string, id uint64) (carried bool, err error) {
	motion, err := k.motions.Get(ctx, id)
	if errors.Is(err, collections.ErrNotFound) || (err == nil && !motion.Ends.After(ctx.BlockTime())) {
		return false, fmt.Errorf("%w: %d", types.ErrNoMotion, id)
	}
	if err != nil {
		return false, err
	}
	if slices.Contains(motion.Voters, operator) {
		return false, fmt.Errorf("%w: %s for motion %d", types.ErrVoted, operator, id)
	}
	if stake, err := k.Stake(ctx, operator); err != nil || stake.IsZero() {
		return false, errors.Join(err, fmt.Errorf("%w: %s is not the operator of a bonded validator", types.ErrNotAllowed, operator))
	}
	motion.Voters = append(motion.Voters, operator)
	if err := k.emit(ctx, &types.MotionVoted{Id: id, Operator: operator}); err != nil {
		return false, err
	}
	if carried, err = k.hasMajority(ctx, motion); err != nil {
		return false, err
	}
	if !carried {
		return false, k.motions.Set(ctx, id, motion)
	}
	return true, k.carry(ctx, motion)
}

// carry deletes a motion and does what it asks for, by the rules of now.
func (k *Keeper) carry(ctx sdk.Context, motion types.Motion) error {
	params, err := k.params.Get(ctx)
	if err != nil {
		return err
	}
	if motion.Seconds > 0 {
		if err := k.checkTypes(ctx, motion, params); err != nil {
			return err
		}
		motion.Seconds = min(motion.Seconds, params.MaxSeconds)
	}
	if err := k.motions.Remove(ctx, motion.Id); err != nil {
		return err
	}
	if err := k.emit(ctx, &types.MotionCarried{Id: motion.Id}); err != nil {
		return err
	}
	return k.enact(ctx, motion)
}

// hasMajority tells whether the voters hold two thirds of the bonded stake.
func (k *Keeper) hasMajority(ctx sdk.Context, motion types.Motion) (bool, error) {
	total, err := k.staking.TotalValidatorPower(ctx)
	if err != nil {
		return false, err
	}
	sum := math.ZeroInt()
	for _, voter := range motion.Voters {
		stake, err := k.Stake(ctx, voter)
		if err != nil {
			return false, err
		}
		sum = sum.Add(stake)
	}
	return total.IsPositive() && sum.MulRaw(3).GTE(total.MulRaw(2)), nil
}

// Stake is what is bonded to an operator's validator, 0 if it is jailed, unbonding or gone.
func (k *Keeper) Stake(ctx sdk.Context, operator string) (math.Int, error) {
	address, err := network.Account(operator)
	if err != nil {
		return math.ZeroInt(), fmt.Errorf("%w: %w", types.ErrInvalid, err)
	}
	validator, err := k.staking.GetValidator(ctx, sdk.ValAddress(address))
	if errors.Is(err, stakingtypes.ErrNoValidatorFound) {
		return math.ZeroInt(), nil
	}
	if err != nil || !validator.IsBonded() || validator.IsJailed() {
		return math.ZeroInt(), err
	}
	return validator.Tokens, nil
}

// enact pauses or resumes. A pause keeps its record after its end, for the rest that follows.
func (k *Keeper) enact(ctx sdk.Context, motion types.Motion) error {
	for _, url := range motion.TypeUrls {
		pause := types.Pause{
			TypeUrl: url, Reason: motion.Reason, ByGovernance: motion.Mover == k.authority,
			Until: ctx.BlockTime().Add(seconds(motion.Seconds)),
		}
		if err := k.pauses.Set(ctx, url, pause); err != nil {
			return err
		}
		var event proto.Message = &types.Paused{Pause: pause}
		if motion.Seconds == 0 {
			event = &types.Resumed{TypeUrl: url}
		}
		if err := k.emit(ctx, event); err != nil {
			return err
		}
	}
	return nil
}

// UpdateParams replaces the module's parameters on behalf of sender, who must be governance.
func (k *Keeper) UpdateParams(ctx sdk.Context, sender string, params types.Params) error {
	if sender != k.authority {
		return fmt.Errorf("%w: %s is not governance", types.ErrNotAllowed, sender)
	}
	if err := params.Validate(); err != nil {
		return err
	}
	if err := k.params.Set(ctx, params); err != nil {
		return err
	}
	return k.emit(ctx, &types.ParamsUpdated{Params: params})
}

func (k *Keeper) emit(ctx sdk.Context, event proto.Message) error {
	return ctx.EventManager().EmitTypedEvent(event)
}

// seconds is a duration; the module's bounds keep it far from overflow.
func seconds(n uint64) time.Duration { return time.Duration(n) * time.Second }
