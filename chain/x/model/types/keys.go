// Package types holds what the model module and its clients share: messages, state, the hash of a commit, the fee, and the
// rules on texts. It imports no keeper.
package types

import (
	"cosmossdk.io/collections"

	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/msgservice"
)

const (
	// ModuleName names the module and the account through which fees are burned.
	ModuleName = "model"
	// StoreKey names the module's store.
	StoreKey = ModuleName
)

// Prefixes of the module's store, one per table of its state.
var (
	CommitsPrefix    = collections.NewPrefix(0)
	QueuePrefix      = collections.NewPrefix(1)
	IndexPrefix      = collections.NewPrefix(2)
	ModelsPrefix     = collections.NewPrefix(3)
	NamesPrefix      = collections.NewPrefix(4)
	AuthorsPrefix    = collections.NewPrefix(5)
	TombstonesPrefix = collections.NewPrefix(6)
	MarketsPrefix    = collections.NewPrefix(7)
	CommonsPrefix    = collections.NewPrefix(8)
	CardsPrefix      = collections.NewPrefix(9)
	CountsPrefix     = collections.NewPrefix(10)
)

// RegisterInterfaces makes the module's messages known to the codec.
func RegisterInterfaces(registry codectypes.InterfaceRegistry) {
	registry.RegisterImplementations((*sdk.Msg)(nil), &MsgCommitModel{}, &MsgPublishModel{}, &MsgRetireModel{},
		&MsgRemoveModel{}, &MsgListCommons{}, &MsgSetServed{})
	msgservice.RegisterMsgServiceDesc(registry, &_Msg_serviceDesc)
}
