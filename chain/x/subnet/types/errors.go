package types

import "cosmossdk.io/errors"

// Errors of the module. Each is wrapped with the value that was refused and, where a person reads it, what to do next.
var (
	ErrInvalid      = errors.Register(ModuleName, 2, "invalid message")
	ErrNoSubnet     = errors.Register(ModuleName, 3, "no such subnet")
	ErrNoNeuron     = errors.Register(ModuleName, 4, "no such neuron")
	ErrNotAllowed   = errors.Register(ModuleName, 5, "not allowed")
	ErrNameTaken    = errors.Register(ModuleName, 6, "a subnet of that name exists")
	ErrTooExpensive = errors.Register(ModuleName, 7, "the price is above the stated maximum")
	ErrTooSoon      = errors.Register(ModuleName, 8, "too soon")
	ErrNoRoom       = errors.Register(ModuleName, 9, "no room")
	ErrProof        = errors.Register(ModuleName, 10, "the hot key did not sign for this")
	ErrHotKeyTaken  = errors.Register(ModuleName, 11, "the hot key is taken")
	ErrClosed       = errors.Register(ModuleName, 12, "registration is closed")
	ErrNoParameter  = errors.Register(ModuleName, 13, "no such parameter")
	ErrOutOfBounds  = errors.Register(ModuleName, 14, "value out of bounds")
	ErrNoSlot       = errors.Register(ModuleName, 16, "no free message left in this tempo")
	ErrNoValidator  = errors.Register(ModuleName, 17, "not the operator of a validator")
	ErrCannotPay    = errors.Register(ModuleName, 18, "the account cannot receive coins")
	ErrStarted      = errors.Register(ModuleName, 19, "the subnet has started")
	ErrNotVoice     = errors.Register(ModuleName, 21, "not the voice of enough stake")
	ErrOutbid       = errors.Register(ModuleName, 22, "the bid is too low")
	ErrNoChange     = errors.Register(ModuleName, 20, "no change of owner is waiting")
)
