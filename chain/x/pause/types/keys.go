// Package types holds the messages, state and rules of the pause module. It imports no keeper.
package types

import (
	"context"

	"cosmossdk.io/collections"
	"cosmossdk.io/errors"
	"cosmossdk.io/math"

	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/msgservice"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"
)

const (
	// ModuleName names the module.
	ModuleName = "pause"
	// StoreKey names the module's store.
	StoreKey = ModuleName
)

// Prefixes of the module's store, one per table of its state.
var (
	ParamsPrefix     = collections.NewPrefix(0)
	PausesPrefix     = collections.NewPrefix(1)
	MotionsPrefix    = collections.NewPrefix(2)
	NextMotionPrefix = collections.NewPrefix(3)
)

// Errors of the module. Each is wrapped with the value that was refused.
var (
	ErrInvalid     = errors.Register(ModuleName, 2, "invalid message")
	ErrNever       = errors.Register(ModuleName, 3, "this message is never paused")
	ErrUnknown     = errors.Register(ModuleName, 4, "no such message type")
	ErrNotAllowed  = errors.Register(ModuleName, 5, "not allowed")
	ErrNoMotion    = errors.Register(ModuleName, 6, "no such motion")
	ErrVoted       = errors.Register(ModuleName, 7, "voted already")
	ErrTooSoon     = errors.Register(ModuleName, 8, "too soon")
	ErrOutOfBounds = errors.Register(ModuleName, 9, "value out of bounds")
	ErrNotPaused   = errors.Register(ModuleName, 10, "not paused")
)

// StakingKeeper tells who validates and with how much.
type StakingKeeper interface {
	GetValidator(context.Context, sdk.ValAddress) (stakingtypes.Validator, error)
	TotalValidatorPower(context.Context) (math.Int, error) // rao bonded to all validators
}

// RegisterInterfaces makes the module's messages known to the codec.
func RegisterInterfaces(registry codectypes.InterfaceRegistry) {
	registry.RegisterImplementations((*sdk.Msg)(nil), &MsgPause{}, &MsgResume{}, &MsgVote{}, &MsgUpdateParams{})
	msgservice.RegisterMsgServiceDesc(registry, &_Msg_serviceDesc)
}
