package keeper

import (
	"errors"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	"agora/chain/x/subnet/types"
)

// IsOperator tells whether account runs a validator with a permitted voice, or a jailed one with a voice.
func (k *Keeper) IsOperator(ctx sdk.Context, account sdk.AccAddress) (bool, error) {
	operator, err := network.Accounts.BytesToString(account)
	if err != nil {
		return false, err
	}
	validator, err := k.validator(ctx, operator)
	if errors.Is(err, types.ErrNoValidator) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if validator.IsJailed() {
		return k.hasVoice(ctx, operator)
	}
	return k.IsPermitted(ctx, operator)
}

// hasVoice tells whether operator has a voice in some subnet.
func (k *Keeper) hasVoice(ctx sdk.Context, operator string) (has bool, err error) {
	err = k.EachSubnet(ctx, func(s types.Subnet) (bool, error) {
		var err error
		has, err = k.operators.Has(ctx, collections.Join(s.Netuid, operator))
		return has, err
	})
	return has, err
}
