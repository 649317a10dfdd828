package types

import "fmt"

const (
	// DefaultDelay is what a channel's withdrawal waits unless its payer names a time, in seconds.
	DefaultDelay = 86_400
	// LongestDelay is the longest that a payer may bind himself for, in seconds.
	LongestDelay = 30 * 86_400
	// MaxVouchers is the most vouchers in one claim.
	MaxVouchers = 100
)

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
			"burn_bps", "1/10,000", p.BurnBps, 0, 2_000,
			"What is burned of consumers' payments to validators: demand that decides about emission must cost something.",
		},
		{
			"min_deposit", "rao", p.MinDeposit, 1, 1_000_000_000_000,
			"A channel is state that every node keeps: it must be worth it.",
		},
		{
			"min_withdraw_delay", "seconds", p.MinWithdrawDelay, 10, 7 * 86_400,
			"A payee must have the time to claim before the payer takes the rest back, also if it was down; localnets are faster.",
		},
		{
			"max_channels", "channels", p.MaxChannels, 1, 65_536,
			"Open channels of one payer: a validator has one to each miner's owner.",
		},
	}
}

// DefaultParams are the module's parameters at genesis.
func DefaultParams() Params {
	return Params{BurnBps: 200, MinDeposit: 10_000_000, MinWithdrawDelay: 3_600, MaxChannels: 8_192}
}

// Validate checks every bound. The error is ErrOutOfBounds.
func (p Params) Validate() error {
	for _, row := range p.Table() {
		if row.Value < row.Least || row.Value > row.Most {
			return fmt.Errorf("%w: %s = %d, want %d to %d %s", ErrOutOfBounds, row.Name, row.Value, row.Least, row.Most, row.Unit)
		}
	}
	return nil
}
