// Package types holds what the emission module and its clients share: messages, state, parameters, and the shape of a
// payout. It imports no keeper.
package types

import "cosmossdk.io/collections"

const (
	// ModuleName names the module and the one account that may mint.
	ModuleName = "emission"
	// StoreKey names the module's store.
	StoreKey = ModuleName
)

// Prefixes of the module's store, one per table of its state.
var (
	ParamsPrefix    = collections.NewPrefix(0)
	LedgerPrefix    = collections.NewPrefix(1)
	BookPrefix      = collections.NewPrefix(2)
	VotesPrefix     = collections.NewPrefix(3)
	DividendsPrefix = collections.NewPrefix(4)
	SpokenPrefix    = collections.NewPrefix(5)
)
