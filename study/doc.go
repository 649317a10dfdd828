// Package study measures the mechanism from outside: what share of stake a cabal
// needs, what a validator earns who copies others, what a stake gains by being
// split. Studies run package yuma as it is, on simulated subnets; they use floats
// and seeded randomness, give the same figures for the same seed on any number of
// processors, and know nothing of a chain.
package study
