// Package types holds the messages, state and rules of the fee module. It imports no keeper.
package types

import (
	"cosmossdk.io/collections"
	"cosmossdk.io/errors"

	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/msgservice"
)

const (
	// ModuleName names the module.
	ModuleName = "fee"
	// StoreKey names the module's store. The SDK's feegrant is not under it: no store's name may begin another's.
	StoreKey = "gasprice"
)

// Prefixes of the module's store, one per table of its state.
var (
	ParamsPrefix   = collections.NewPrefix(0)
	PricePrefix    = collections.NewPrefix(1)
	FullnessPrefix = collections.NewPrefix(2)
	TurnsPrefix    = collections.NewPrefix(3)
)

// Errors of the module. Each is wrapped with the value that was refused.
var (
	ErrInvalid     = errors.Register(ModuleName, 2, "invalid")
	ErrNotAllowed  = errors.Register(ModuleName, 3, "not allowed")
	ErrOutOfBounds = errors.Register(ModuleName, 4, "value out of bounds")
)

// RegisterInterfaces makes the module's messages known to the codec.
func RegisterInterfaces(registry codectypes.InterfaceRegistry) {
	registry.RegisterImplementations((*sdk.Msg)(nil), &MsgUpdateParams{})
	msgservice.RegisterMsgServiceDesc(registry, &_Msg_serviceDesc)
}
