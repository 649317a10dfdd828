package types

import "fmt"

// full is 1 where shares are u16.
const full = 65_535

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
			"owner_share", "1/65,535", uint64(p.OwnerShare), 0, full / 2,
			"What a subnet's owner gets of its emission (18 %), for keeping the market's rules worth following.",
		},
		{
			"miner_share", "1/65,535", uint64(p.MinerShare), full / 4, full / 2,
			"What the miners get (41 %); always equal to validator_share, since an epoch halves what the owner leaves.",
		},
		{
			"validator_share", "1/65,535", uint64(p.ValidatorShare), full / 4, full / 2,
			"What validators and their nominators get (41 %).",
		},
		{
			"demand_share", "1/65,535", uint64(p.DemandShare), 0, full,
			"Lambda: the most that consumers' burned fees may decide of the division among subnets; the rest is voted.",
		},
		{
			"root_validity_seconds", "seconds", p.RootValiditySeconds, 60, 10 * 365 * 86_400,
			"A root vote lapses at this age, so that nobody directs money who has stopped looking.",
		},
		{
			"gate_epochs", "epochs", uint64(p.GateEpochs), 1, 100,
			"A subnet in which no miner earned in this many epochs gets nothing.",
		},
		{
			"grace_tempos", "tempos", uint64(p.GraceTempos), 0, 100,
			"Tempos after its start in which a subnet need not have paid a miner yet.",
		},
		{
			"block_reward", "rao per 12 seconds", p.BlockReward, 0, 1_000_000_000_000,
			"Reward before any halving; by header time, so that the length of blocks does not matter.",
		},
		{
			"block_millis", "milliseconds", p.BlockMillis, 100, 60_000,
			"Expected time between blocks; one mints for at most twice that, so that neither clocks that run ahead nor a halt mint.",
		},
		{
			"cap", "rao", p.Cap, 1, 21_000_000_000_000_000,
			"Rao that can ever exist; every halving is at one half of what was left to it.",
		},
	}
}

// DefaultParams are the module's parameters at genesis.
func DefaultParams() Params {
	return Params{
		OwnerShare:          11_797,
		MinerShare:          26_869,
		ValidatorShare:      26_869,
		DemandShare:         32_768,
		RootValiditySeconds: 90 * 86_400,
		GateEpochs:          3,
		GraceTempos:         3,
		BlockReward:         1_000_000_000,
		BlockMillis:         2_000,
		Cap:                 21_000_000_000_000_000,
	}
}

// Validate checks every bound and that the shares add up. The error is ErrParams.
func (p Params) Validate() error {
	for _, row := range p.Table() {
		if row.Value < row.Least || row.Value > row.Most {
			return fmt.Errorf("%w: %s = %d, want %d to %d %s", ErrParams, row.Name, row.Value, row.Least, row.Most, row.Unit)
		}
	}
	if p.MinerShare != p.ValidatorShare {
		return fmt.Errorf("%w: miner_share %d and validator_share %d differ", ErrParams, p.MinerShare, p.ValidatorShare)
	}
	if sum := p.OwnerShare + p.MinerShare + p.ValidatorShare; sum != full {
		return fmt.Errorf("%w: the three shares add up to %d, want %d", ErrParams, sum, full)
	}
	return nil
}
