package app

import (
	"context"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"
	stakingkeeper "github.com/cosmos/cosmos-sdk/x/staking/keeper"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"
)

// The most a validator may ever take from its nominators' rewards, and the most it may raise that in a day.
var (
	maxTake       = math.LegacyNewDecWithPrec(18, 2)
	maxTakeChange = math.LegacyNewDecWithPrec(1, 2)
)

// takeLimit refuses new validators whose commission could exceed the limits; x/staking holds them to what they declared.
type takeLimit struct {
	stakingtypes.MultiStakingHooks // no-op for every other event
	staking                        *stakingkeeper.Keeper
}

// AfterValidatorCreated implements stakingtypes.StakingHooks.
func (h takeLimit) AfterValidatorCreated(ctx context.Context, operator sdk.ValAddress) error {
	v, err := h.staking.GetValidator(ctx, operator)
	if err != nil {
		return err
	}
	if r := v.Commission.MaxRate; r.GT(maxTake) {
		return sdkerrors.ErrInvalidRequest.Wrapf("commission max rate %s is above %s", r, maxTake)
	}
	if r := v.Commission.MaxChangeRate; r.GT(maxTakeChange) {
		return sdkerrors.ErrInvalidRequest.Wrapf("commission max change rate %s is above %s a day", r, maxTakeChange)
	}
	return nil
}
