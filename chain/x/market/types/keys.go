// Package types holds what the market module and its clients share: messages, state, parameters and rules. It imports no
// keeper.
package types

import (
	"context"

	"cosmossdk.io/collections"
	"cosmossdk.io/errors"

	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/msgservice"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	subnettypes "agora/chain/x/subnet/types"
)

const (
	// ModuleName names the module and the account that holds deposits.
	ModuleName = "market"
	// StoreKey names the module's store.
	StoreKey = ModuleName
)

// Prefixes of the module's store, one per table of its state.
var (
	ParamsPrefix      = collections.NewPrefix(0)
	ChannelsPrefix    = collections.NewPrefix(1)
	PairsPrefix       = collections.NewPrefix(2)
	PayeesPrefix      = collections.NewPrefix(3)
	PayersPrefix      = collections.NewPrefix(4)
	NextChannelPrefix = collections.NewPrefix(5)
	TotalsPrefix      = collections.NewPrefix(6)
	TurnoversPrefix   = collections.NewPrefix(7)
	PaidPrefix        = collections.NewPrefix(8)
)

// Errors of the module. Each is wrapped with the value that was refused and, where a person reads it, what to do next.
var (
	ErrInvalid     = errors.Register(ModuleName, 2, "invalid message")
	ErrNoChannel   = errors.Register(ModuleName, 3, "no such channel")
	ErrNotAllowed  = errors.Register(ModuleName, 4, "not allowed")
	ErrOpen        = errors.Register(ModuleName, 5, "the channel is open already")
	ErrTooSmall    = errors.Register(ModuleName, 6, "the deposit is too small")
	ErrTooMany     = errors.Register(ModuleName, 7, "too many open channels")
	ErrCannotPay   = errors.Register(ModuleName, 8, "the account cannot receive coins")
	ErrTooSoon     = errors.Register(ModuleName, 9, "too soon")
	ErrOutOfBounds = errors.Register(ModuleName, 10, "value out of bounds")
	ErrBroken      = errors.Register(ModuleName, 11, "the book does not add up")
)

// BankKeeper is the one ledger of money.
type BankKeeper interface {
	GetBalance(ctx context.Context, address sdk.AccAddress, denom string) sdk.Coin
	BlockedAddr(sdk.AccAddress) bool
	InputOutputCoins(ctx context.Context, input banktypes.Input, outputs []banktypes.Output) error
	SendCoinsFromAccountToModule(ctx context.Context, from sdk.AccAddress, module string, amount sdk.Coins) error
}

// StakingKeeper tells who operates a validator.
type StakingKeeper interface {
	GetValidator(context.Context, sdk.ValAddress) (stakingtypes.Validator, error)
}

// SubnetKeeper knows the subnets, the directory of validators, and which accounts are hot keys'.
type SubnetKeeper interface {
	Subnet(ctx sdk.Context, netuid uint32) (subnettypes.Subnet, error)
	Profile(ctx sdk.Context, operator string) (subnettypes.Profile, error)
	HotAccountKey(ctx sdk.Context, account sdk.AccAddress) ([]byte, bool)
}

// Furnace destroys money that the module holds; BurnFee counts it as a subnet's demand.
type Furnace interface {
	BurnFrom(ctx sdk.Context, module string, amount uint64, reason string) error
	BurnFee(ctx sdk.Context, module string, netuid uint32, amount uint64) error
}

// RegisterInterfaces makes the module's messages known to the codec.
func RegisterInterfaces(registry codectypes.InterfaceRegistry) {
	registry.RegisterImplementations((*sdk.Msg)(nil), &MsgOpenChannel{}, &MsgTopUp{}, &MsgClaim{}, &MsgRequestWithdraw{},
		&MsgWithdraw{}, &MsgClose{}, &MsgUpdateParams{})
	msgservice.RegisterMsgServiceDesc(registry, &_Msg_serviceDesc)
}
