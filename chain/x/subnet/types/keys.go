// Package types holds what the subnet module and its clients share: messages, state, the table of hyperparameters,
// and the proof that a hot key agreed to be registered. It imports no keeper.
package types

import (
	"cosmossdk.io/collections"

	"github.com/cosmos/cosmos-sdk/crypto/keys/ed25519"
	sdk "github.com/cosmos/cosmos-sdk/types"
)

const (
	// ModuleName names the module and the account that holds the locks.
	ModuleName = "subnet"
	// StoreKey names the module's store.
	StoreKey = ModuleName
)

// Prefixes of the module's store, one per table of its state.
var (
	ParamsPrefix      = collections.NewPrefix(0)
	BookPrefix        = collections.NewPrefix(1)
	SubnetsPrefix     = collections.NewPrefix(2)
	NamesPrefix       = collections.NewPrefix(3)
	ValuesPrefix      = collections.NewPrefix(4)
	NeuronsPrefix     = collections.NewPrefix(5)
	HotKeysPrefix     = collections.NewPrefix(6)
	HotAccountsPrefix = collections.NewPrefix(7)
	ProfilesPrefix    = collections.NewPrefix(8)
	VoicesPrefix      = collections.NewPrefix(9)
	OperatorsPrefix   = collections.NewPrefix(10)
	StandingsPrefix   = collections.NewPrefix(11)
	SlotsPrefix       = collections.NewPrefix(12)
	HeldLocksPrefix   = collections.NewPrefix(41)
	KeyChangesPrefix  = collections.NewPrefix(42)
	OwnersPrefix      = collections.NewPrefix(43)
	BidsPrefix        = collections.NewPrefix(30)
	BidNumberPrefix   = collections.NewPrefix(31)
)

// HotAccount is the address of the account that an ed25519 hot key of 32 bytes signs for.
func HotAccount(hotKey []byte) sdk.AccAddress {
	key := ed25519.PubKey{Key: hotKey}
	return sdk.AccAddress(key.Address())
}
