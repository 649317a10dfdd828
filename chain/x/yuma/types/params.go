package types

import "fmt"

// Parameter describes one parameter of the module: code, docs and queries read this table.
type Parameter struct {
	Name, Unit         string
	Value, Least, Most uint64
	Reason             string
}

// Table lists the parameters with their bounds (both ends included) and the values that p gives them.
func (p Params) Table() []Parameter {
	return []Parameter{
		{
			"max_epochs_per_block", "epochs", uint64(p.MaxEpochsPerBlock), 1, 64,
			"Bounds the work at the end of a block; epochs beyond it wait for the next one.",
		},
		{
			"quorum_lookback", "epochs", uint64(p.QuorumLookback), 2, 1_000,
			"A voice that revealed this lately counts for the quorum, so that falling silent does not hand the subnet to whoever speaks.",
		},
		{
			"max_carry", "epochs", uint64(p.MaxCarry), 0, 1_000,
			"Emission waits for a decision this many epochs, then it is burned; below quorum_lookback - 1, so that when whoever fell silent is no longer waited for, nothing carried is left for the others.",
		},
		{
			"history", "epochs", uint64(p.History), 1, 10_000,
			"Epochs whose columns stay on the chain, per subnet.",
		},
	}
}

// DefaultParams are the module's parameters at genesis.
func DefaultParams() Params {
	return Params{MaxEpochsPerBlock: 2, QuorumLookback: 10, MaxCarry: 8, History: 100}
}

// MostCarry is the greatest max_carry beside a quorum_lookback. A voice that revealed in epoch e last is waited for until
// epoch e + lookback − 1; the lookback − 1 epochs that it can leave undecided must end in a burn.
func MostCarry(lookback uint32) uint32 { return max(lookback, 2) - 2 }

// Validate checks every bound. The error is ErrParams.
func (p Params) Validate() error {
	for _, row := range p.Table() {
		if row.Value < row.Least || row.Value > row.Most {
			return fmt.Errorf("%w: %s = %d, want %d to %d %s", ErrParams, row.Name, row.Value, row.Least, row.Most, row.Unit)
		}
	}
	if most := MostCarry(p.QuorumLookback); p.MaxCarry > most {
		return fmt.Errorf("%w: max_carry = %d, want at most %d beside a quorum_lookback of %d, so that a minority never gets what was carried",
			ErrParams, p.MaxCarry, most, p.QuorumLookback)
	}
	return nil
}
