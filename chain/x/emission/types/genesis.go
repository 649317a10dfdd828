package types

import (
	"fmt"

	"agora/chain/network"
)

// DefaultGenesis is an empty book.
func DefaultGenesis() *GenesisState { return &GenesisState{Params: DefaultParams()} }

// Validate checks what can be checked without other modules: parameters, that the book balances, that accounts ascend
// and votes are well formed. The error says what is wrong.
func (g GenesisState) Validate() error {
	if err := g.Params.Validate(); err != nil {
		return err
	}
	if l := g.Ledger; l.Minted != l.Paid+l.Pending+l.Burned {
		return fmt.Errorf("%w: minted %d, paid %d, pending %d, burned %d", ErrBroken, l.Minted, l.Paid, l.Pending, l.Burned)
	}
	var pending uint64
	for i, a := range g.Accounts {
		if i > 0 && a.Netuid <= g.Accounts[i-1].Netuid {
			return fmt.Errorf("%w: accounts out of order at netuid %d", ErrInvalid, a.Netuid)
		}
		pending += a.Pending
	}
	if pending != g.Ledger.Pending {
		return fmt.Errorf("%w: accounts hold %d, the ledger says %d", ErrBroken, pending, g.Ledger.Pending)
	}
	for i, v := range g.Votes {
		if i > 0 && v.Operator <= g.Votes[i-1].Operator {
			return fmt.Errorf("%w: votes out of order at operator %s", ErrInvalid, v.Operator)
		}
		if _, err := network.Account(v.Operator); err != nil {
			return fmt.Errorf("%w: vote of %q: %w", ErrInvalid, v.Operator, err)
		}
		if err := CheckVote(v.Netuids, v.Weights); err != nil {
			return err
		}
	}
	return nil
}

// MaxVoteEntries is the most subnets that one root vote may name.
const MaxVoteEntries = 1_024

// CheckVote checks the shape of a root vote: as many weights as netuids, netuids ascending without root, weights u16
// with at least one above zero. The error is ErrInvalid.
func CheckVote(netuids, weights []uint32) error {
	if len(netuids) != len(weights) || len(netuids) == 0 || len(netuids) > MaxVoteEntries {
		return fmt.Errorf("%w: %d netuids and %d weights, want the same number, 1 to %d",
			ErrInvalid, len(netuids), len(weights), MaxVoteEntries)
	}
	var sum uint64
	for i, netuid := range netuids {
		if netuid == 0 || i > 0 && netuid <= netuids[i-1] {
			return fmt.Errorf("%w: netuid %d: give netuids above 0 in ascending order, each once", ErrInvalid, netuid)
		}
		if weights[i] > full {
			return fmt.Errorf("%w: weight %d of netuid %d exceeds %d", ErrInvalid, weights[i], netuid, full)
		}
		sum += uint64(weights[i])
	}
	if sum == 0 {
		return fmt.Errorf("%w: every weight is 0", ErrInvalid)
	}
	return nil
}
