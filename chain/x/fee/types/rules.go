package types

import (
	"fmt"

	"agora/chain/network"
	"agora/mechanism/price"
)

const (
	// MostGas is the most that a transaction may ask for: a quarter of a block.
	MostGas = 25_000_000
	// TurnBlocks is how many blocks lie between two transactions of an operator that go first.
	TurnBlocks = 10
	// TurnGas is the most gas of a transaction that goes first: with 100 operators they fill a quarter of the blocks.
	TurnGas = MostGas / 10

	leastPrice = 1_000         // rao per million gas
	mostPrice  = 1_000_000_000 // likewise
)

// DefaultParams are the module's parameters at genesis: 100 gas for one rao.
func DefaultParams() Params { return Params{MinGasPrice: 10_000} }

// Validate checks every bound. The error is ErrOutOfBounds.
func (p Params) Validate() error {
	if p.MinGasPrice < leastPrice || p.MinGasPrice > mostPrice {
		return fmt.Errorf("%w: min_gas_price = %d, want %d to %d rao per million gas", ErrOutOfBounds, p.MinGasPrice, leastPrice, mostPrice)
	}
	return nil
}

// ValidateBasic checks the message without state.
func (m *MsgUpdateParams) ValidateBasic() error {
	if _, err := network.Account(m.Authority); err != nil {
		return fmt.Errorf("%w: address %.80q: %w", ErrInvalid, m.Authority, err)
	}
	return m.Params.Validate()
}

// DefaultGenesis starts at the least price.
func DefaultGenesis() *GenesisState {
	params := DefaultParams()
	return &GenesisState{Params: params, GasPrice: params.MinGasPrice}
}

// Validate checks every bound, and that each operator has one turn.
func (g GenesisState) Validate() error {
	if err := g.Params.Validate(); err != nil {
		return err
	}
	if g.GasPrice < g.Params.MinGasPrice || g.GasPrice > price.MostGas || g.Fullness > price.Full {
		return fmt.Errorf("%w: gas price %d rao per million gas, fullness %d", ErrOutOfBounds, g.GasPrice, g.Fullness)
	}
	seen := map[string]bool{}
	for _, turn := range g.Turns {
		if _, err := network.Account(turn.Operator); err != nil || seen[turn.Operator] || turn.Height < 1 {
			return fmt.Errorf("%w: turn of %.80q at block %d", ErrInvalid, turn.Operator, turn.Height)
		}
		seen[turn.Operator] = true
	}
	return nil
}
