package types

import "cosmossdk.io/errors"

// Errors of the module. Each is wrapped with the value that was refused and, where a person reads it, what to do next.
var (
	ErrInvalid    = errors.Register(ModuleName, 2, "invalid message")
	ErrNotAllowed = errors.Register(ModuleName, 3, "not allowed")
	ErrParams     = errors.Register(ModuleName, 4, "invalid parameters")
	ErrNoVoice    = errors.Register(ModuleName, 5, "not the operator of a permitted voice")
	ErrOverdrawn  = errors.Register(ModuleName, 6, "more than there is")
	ErrBroken     = errors.Register(ModuleName, 7, "an invariant is broken")
)
