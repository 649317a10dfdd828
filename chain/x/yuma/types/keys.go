// Package types holds what the yuma module and its clients share: messages, state, the calendar of a tempo, the hash of
// a commit and the proofs of a score sheet. It imports no keeper.
package types

import "cosmossdk.io/collections"

const (
	// ModuleName names the module.
	ModuleName = "yuma"
	// StoreKey names the module's store.
	StoreKey = ModuleName
)

// Prefixes of the module's store, one per table of its state.
var (
	ParamsPrefix    = collections.NewPrefix(0)
	CommitsPrefix   = collections.NewPrefix(1)
	WeightsPrefix   = collections.NewPrefix(2)
	BondsPrefix     = collections.NewPrefix(3)
	RecordsPrefix   = collections.NewPrefix(4)
	CarriesPrefix   = collections.NewPrefix(5)
	UnseededPrefix  = collections.NewPrefix(6)
	SnapshotsPrefix = collections.NewPrefix(7)
)
