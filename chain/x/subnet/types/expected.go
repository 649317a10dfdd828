package types

import (
	"context"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"
)

// AccountKeeper creates the account of a hot key.
type AccountKeeper interface {
	GetAccount(context.Context, sdk.AccAddress) sdk.AccountI
	NewAccountWithAddress(context.Context, sdk.AccAddress) sdk.AccountI
	SetAccount(context.Context, sdk.AccountI)
}

// BankKeeper moves locks and registration prices between accounts and the module.
type BankKeeper interface {
	BlockedAddr(sdk.AccAddress) bool
	GetBalance(ctx context.Context, address sdk.AccAddress, denom string) sdk.Coin
	SendCoins(ctx context.Context, from, to sdk.AccAddress, amount sdk.Coins) error
	SendCoinsFromAccountToModule(ctx context.Context, from sdk.AccAddress, module string, amount sdk.Coins) error
	SendCoinsFromModuleToAccount(ctx context.Context, module string, to sdk.AccAddress, amount sdk.Coins) error
}

// StakingKeeper tells who validates and with how much, and holds the delegations that an account's change of key moves.
type StakingKeeper interface {
	Delegations

	GetValidator(context.Context, sdk.ValAddress) (stakingtypes.Validator, error)
	TotalValidatorPower(context.Context) (math.Int, error) // rao bonded to all validators
}

// Delegations are x/staking's, as it keeps them itself.
type Delegations interface {
	GetRedelegations(ctx context.Context, delegator sdk.AccAddress, most uint16) ([]stakingtypes.Redelegation, error)
	GetDelegatorDelegations(ctx context.Context, delegator sdk.AccAddress, most uint16) ([]stakingtypes.Delegation, error)
	GetDelegation(context.Context, sdk.AccAddress, sdk.ValAddress) (stakingtypes.Delegation, error)
	SetDelegation(context.Context, stakingtypes.Delegation) error
	RemoveDelegation(context.Context, stakingtypes.Delegation) error
	Hooks() stakingtypes.StakingHooks
}

// Burner destroys amount rao that sit in the account of module and books them under reason.
type Burner interface {
	BurnFrom(ctx sdk.Context, module string, amount uint64, reason string) error
}

// Models knows what is published.
type Models interface {
	// CheckServable refuses a card that names no published model where models are open.
	CheckServable(ctx sdk.Context, netuid uint32, digest string) error
	// MoveAccount gives the models of one account to another.
	MoveAccount(ctx sdk.Context, from, to string) error
}

// SubnetHooks tell other modules what they must forget.
type SubnetHooks interface {
	// AfterHotKeyRotated runs when the voice of operator in netuid has given up a hot key, once per tempo.
	AfterHotKeyRotated(ctx sdk.Context, netuid uint32, operator string, old []byte) error
	// AfterTempoBegan runs when netuid has started or its epoch has ended: what its next epoch reads is fixed now.
	// voices are all of them, by uid.
	AfterTempoBegan(ctx sdk.Context, netuid uint32, voices []VoiceStake) error
	// AfterSubnetDissolved runs when netuid and all its neurons are gone.
	AfterSubnetDissolved(ctx sdk.Context, netuid uint32) error
}

// MultiHooks calls each of its members in order and stops at the first error.
type MultiHooks []SubnetHooks

var _ SubnetHooks = MultiHooks{}

// AfterHotKeyRotated implements SubnetHooks.
func (m MultiHooks) AfterHotKeyRotated(ctx sdk.Context, netuid uint32, operator string, old []byte) error {
	for _, hooks := range m {
		if err := hooks.AfterHotKeyRotated(ctx, netuid, operator, old); err != nil {
			return err
		}
	}
	return nil
}

// AfterTempoBegan implements SubnetHooks.
func (m MultiHooks) AfterTempoBegan(ctx sdk.Context, netuid uint32, voices []VoiceStake) error {
	for _, hooks := range m {
		if err := hooks.AfterTempoBegan(ctx, netuid, voices); err != nil {
			return err
		}
	}
	return nil
}

// AfterSubnetDissolved implements SubnetHooks.
func (m MultiHooks) AfterSubnetDissolved(ctx sdk.Context, netuid uint32) error {
	for _, hooks := range m {
		if err := hooks.AfterSubnetDissolved(ctx, netuid); err != nil {
			return err
		}
	}
	return nil
}
