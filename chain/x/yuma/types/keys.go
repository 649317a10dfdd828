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
	RecordsPrefix   = collections.NewPrefix(4)
	CarriesPrefix   = collections.NewPrefix(5)
	SnapshotsPrefix = collections.NewPrefix(7)
	CommitsPrefix   = collections.NewPrefix(11)
	WeightsPrefix   = collections.NewPrefix(12)
	BondsPrefix     = collections.NewPrefix(13)
	UnseededPrefix  = collections.NewPrefix(14)
	SeedsPrefix     = collections.NewPrefix(15)
)

// Prefixes of version 1 of the store, which kept these tables by uid. Nothing is there after the migration.
var (
	CommitsV1Prefix  = collections.NewPrefix(1)
	WeightsV1Prefix  = collections.NewPrefix(2)
	BondsV1Prefix    = collections.NewPrefix(3)
	UnseededV1Prefix = collections.NewPrefix(6)
)
