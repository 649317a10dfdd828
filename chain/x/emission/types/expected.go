package types

import (
	"context"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	subnettypes "agora/chain/x/subnet/types"
)

// AccountKeeper knows the module accounts, and opens others'.
type AccountKeeper interface {
	GetModuleAddress(module string) sdk.AccAddress
	HasAccount(context.Context, sdk.AccAddress) bool
	NewAccountWithAddress(context.Context, sdk.AccAddress) sdk.AccountI
	SetAccount(context.Context, sdk.AccountI)
}

// Mint makes and destroys money and moves it between modules.
type Mint interface {
	MintCoins(ctx context.Context, module string, amount sdk.Coins) error
	BurnCoins(ctx context.Context, module string, amount sdk.Coins) error
	SendCoinsFromModuleToModule(ctx context.Context, from, to string, amount sdk.Coins) error
}

// Purse says who can be paid, and writes what an account has.
type Purse interface {
	BlockedAddr(sdk.AccAddress) bool
	UncheckedSetBalance(ctx context.Context, account sdk.AccAddress, balance sdk.Coin) error
}

// Counter tells what there is.
type Counter interface {
	GetSupply(ctx context.Context, denom string) sdk.Coin
	GetBalance(ctx context.Context, address sdk.AccAddress, denom string) sdk.Coin
}

// BankKeeper is the one ledger of money.
type BankKeeper interface {
	Mint
	Purse
	Counter
}

// StakingKeeper tells who validates and with how much.
type StakingKeeper interface {
	GetValidator(context.Context, sdk.ValAddress) (stakingtypes.Validator, error)
	TotalValidatorPower(context.Context) (math.Int, error)
}

// DistributionKeeper books rewards of a validator and its nominators; the coins must already be in its account.
type DistributionKeeper interface {
	AllocateTokensToValidator(ctx context.Context, validator stakingtypes.ValidatorI, tokens sdk.DecCoins) error
}

// Markets tells which subnets there are and whether they may be paid.
type Markets interface {
	Subnet(ctx sdk.Context, netuid uint32) (subnettypes.Subnet, error)
	EachSubnet(ctx sdk.Context, visit func(subnettypes.Subnet) (stop bool, err error)) error
	Values(ctx sdk.Context) func(netuid uint32, name string) int64
}

// Voices tells who may speak in some subnet.
type Voices interface {
	Stakes(ctx sdk.Context, netuid uint32) ([]subnettypes.VoiceStake, error)
	IsPermitted(ctx sdk.Context, operator string) (bool, error)
}

// SubnetKeeper is the book of markets.
type SubnetKeeper interface {
	Markets
	Voices
}
