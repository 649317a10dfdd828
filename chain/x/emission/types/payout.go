package types

import (
	sdk "github.com/cosmos/cosmos-sdk/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"
)

// Payout is what an epoch of a subnet decided to pay, in rao. The amounts of miners and of validators add up to at most
// half of the budget's shared part each.
type Payout struct {
	Epoch uint64
	// Earned tells whether a miner earned incentive, even if there was nothing to pay: the emission of a subnet in which
	// none does for a while is withheld.
	Earned     bool
	Miners     []MinerPay
	Validators []ValidatorPay
}

// MinerPay is the emission of one uid as a miner.
type MinerPay struct {
	Uid    uint32
	Owner  sdk.AccAddress // cold account that is paid
	Amount uint64
}

// ValidatorPay is the emission of one uid as a validator.
type ValidatorPay struct {
	Uid       uint32
	Operator  string                  // account address
	Validator *stakingtypes.Validator // as it stands now; empty if there is none
	Amount    uint64
}

// Paid is what became of a subnet's pending emission, in rao: Total = Owner + Miners + Validators + Burned.
type Paid struct {
	Total, Owner, Miners, Validators, Burned uint64
}
