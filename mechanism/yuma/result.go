package yuma

import "agora/mechanism/fixed"

// Result is what one epoch decides, indexed by uid. Shares are u16 (65535 = 1),
// rounded down; amounts are rao. It belongs to the Runner: it may be the input of
// the next Run, and the Run after that overwrites it.
type Result struct {
	// StakeWeight is each uid's share of the stake that counts.
	StakeWeight []uint16
	// Consensus is the weight on which more than kappa of the active stake agrees.
	Consensus []uint16
	// Incentive is each miner's share of the miners' pay, Dividends each
	// validator's share of the validators'.
	Incentive, Dividends []uint16
	// ValidatorTrust is how much of a validator's weight consensus let pass.
	ValidatorTrust []uint16
	// Active tells whose stake could count by age or by the caller's word.
	Active []bool
	// Permit holds the permits for the next epoch.
	Permit []bool
	// ServerEmission is a uid's pay as a miner, ValidatorEmission as a validator,
	// Emission both together.
	ServerEmission, ValidatorEmission, Emission []uint64
	// Bonds holds the rows to keep for the next epoch, empty without a permit.
	Bonds []Row
	// Exact holds the same quantities before they were rounded for storage.
	Exact Exact
}

// Exact holds the unrounded vectors behind a Result.
type Exact struct {
	Stake, ActiveStake, Consensus, Incentive, Dividends, ValidatorTrust []fixed.I32F32
}
