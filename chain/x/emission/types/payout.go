package types

import (
	sdk "github.com/cosmos/cosmos-sdk/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"
)

// Payout is what an epoch of a subnet decided to pay, in rao. The amounts of miners and of validators add up to at most
// half of the budget's shared part each.
type Payout struct {
	Epoch uint64
	Uids  int // neurons there are
	// Miners lists every miner that earned incentive, even if that comes to nothing: the emission of a subnet in which
	// none works for pay is withheld after a while.
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

// Paid is what became of a subnet's pending emission, in rao: Total = Owner + Miners + Validators + Burned. Validators is
// what they and their nominators get in parts over the next tempo. ByUID is what each uid got as miner or validator.
type Paid struct {
	Total, Owner, Miners, Validators, Burned uint64
	ByUID                                    []uint64
}

// Credit counts amount rao for uid and in sum, which is one of p's.
func (p *Paid) Credit(uid uint32, amount uint64, sum *uint64) {
	*sum += amount
	if int(uid) < len(p.ByUID) {
		p.ByUID[uid] += amount
	}
}
