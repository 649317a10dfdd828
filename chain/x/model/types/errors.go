package types

import "cosmossdk.io/errors"

// Errors of the module. Each is wrapped with the value that was refused and, where a person reads it, what to do next.
var (
	ErrInvalid      = errors.Register(ModuleName, 2, "invalid message")
	ErrNoModel      = errors.Register(ModuleName, 3, "no such model")
	ErrNoCommit     = errors.Register(ModuleName, 4, "no such commit")
	ErrTooSoon      = errors.Register(ModuleName, 5, "too soon")
	ErrTaken        = errors.Register(ModuleName, 6, "taken")
	ErrNotAllowed   = errors.Register(ModuleName, 7, "not allowed")
	ErrNoRoom       = errors.Register(ModuleName, 8, "no room")
	ErrTooExpensive = errors.Register(ModuleName, 9, "the fee is above the stated maximum")
	ErrTooLarge     = errors.Register(ModuleName, 10, "the model is too large for the subnet")
	ErrLicence      = errors.Register(ModuleName, 11, "the subnet does not take this licence")
	ErrInUse        = errors.Register(ModuleName, 12, "the model is in use")
	ErrNoCards      = errors.Register(ModuleName, 13, "no cards of that tempo")
)
