package types

import "cosmossdk.io/errors"

// Errors of the module. Each is wrapped with the value that was refused and, where a person reads it, what to do next.
var (
	ErrInvalid    = errors.Register(ModuleName, 2, "invalid message")
	ErrNotAllowed = errors.Register(ModuleName, 3, "not allowed")
	ErrParams     = errors.Register(ModuleName, 4, "invalid parameters")
	ErrNotVoice   = errors.Register(ModuleName, 5, "the hot key is not a validator's voice in this subnet")
	ErrCalendar   = errors.Register(ModuleName, 6, "not in this part of the tempo")
	ErrWrongEpoch = errors.Register(ModuleName, 7, "wrong epoch")
	ErrNoCommit   = errors.Register(ModuleName, 8, "no commit to reveal")
	ErrMismatch   = errors.Register(ModuleName, 9, "the reveal does not match its commit")
	ErrRevealed   = errors.Register(ModuleName, 10, "already revealed")
	ErrMode       = errors.Register(ModuleName, 11, "the subnet takes weights the other way")
	ErrWeights    = errors.Register(ModuleName, 12, "the weights are refused")
	ErrCommitted  = errors.Register(ModuleName, 14, "a commit of this epoch stands")
	ErrNoSnapshot = errors.Register(ModuleName, 15, "the subnet has no running tempo")
	ErrNoSeed     = errors.Register(ModuleName, 16, "no seed of that tempo")
	ErrEvidence   = errors.Register(ModuleName, 13, "the evidence is refused")
)
