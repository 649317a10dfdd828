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
	// OwnerShare is the part of the emission, in 1/65,535, that is the subnet's owner's.
	OwnerShare uint32
	// Miners lists every miner that earned incentive, even if that comes to nothing: the emission of a subnet in which
	// none works for pay is withheld after a while.
	Miners     []MinerPay
	Validators []ValidatorPay
}

// MinerPay is the emission of one uid as a miner, and what of it goes to whoever made what it serves.
type MinerPay struct {
	Uid        uint32
	Registered int64          // block in which the neuron took its seat
	Owner      sdk.AccAddress // cold account that is paid Amount − ToAuthor
	Amount     uint64

	Model    string // digest that it is paid for serving; empty for a black box
	Author   sdk.AccAddress
	ToAuthor uint64 // at most Amount
}

// ValidatorPay is the emission of one uid as a validator.
type ValidatorPay struct {
	Uid       uint32
	Operator  string                  // account address
	Validator *stakingtypes.Validator // as it stands now; empty if there is none
	Amount    uint64
}

// Paid is what became of a subnet's pending emission, in rao: Total = Owner + Miners + Validators + Burned. Validators is
// what they and their nominators get in parts over the next tempo. Authors is the part of Miners that went to the authors
// of the models served. ByUID is what each uid earned as miner or validator, ByAuthor what of it an author got, nil where
// none did.
type Paid struct {
	Total, Owner, Miners, Validators, Burned, Authors uint64
	ByUID, ByAuthor                                   []uint64
}

// ToAuthor is what of a uid's pay went to the author of what it serves.
func (p Paid) ToAuthor(uid uint32) uint64 {
	if int(uid) < len(p.ByAuthor) {
		return p.ByAuthor[uid]
	}
	return 0
}

// CreditAuthor counts amount rao of a miner's pay as its author's.
func (p *Paid) CreditAuthor(uid uint32, amount uint64) {
	p.Credit(uid, amount, &p.Miners)
	p.Authors += amount
	if p.ByAuthor == nil {
		p.ByAuthor = make([]uint64, len(p.ByUID))
	}
	if int(uid) < len(p.ByAuthor) {
		p.ByAuthor[uid] += amount
	}
}

// Credit counts amount rao for uid and in sum, which is one of p's.
func (p *Paid) Credit(uid uint32, amount uint64, sum *uint64) {
	*sum += amount
	if int(uid) < len(p.ByUID) {
		p.ByUID[uid] += amount
	}
}
