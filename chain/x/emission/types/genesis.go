package types

import (
	"fmt"
	"math/bits"

	"agora/chain/network"
	"agora/mechanism/emission"
)

// DefaultGenesis is an empty book.
func DefaultGenesis() *GenesisState { return &GenesisState{Params: DefaultParams()} }

// Validate checks what can be checked without other modules: parameters, that the book balances, that accounts ascend, and
// that votes are well formed, one of each operator. The error says what is wrong.
func (g GenesisState) Validate() error {
	if err := g.Params.Validate(); err != nil {
		return err
	}
	if err := g.Ledger.Validate(); err != nil {
		return err
	}
	var pending uint64
	for i, a := range g.Accounts {
		if i > 0 && a.Netuid <= g.Accounts[i-1].Netuid {
			return fmt.Errorf("%w: accounts out of order at netuid %d", ErrInvalid, a.Netuid)
		}
		if err := a.Validate(); err != nil {
			return err
		}
		var ok bool
		if pending, ok = sum(pending, a.Pending); !ok {
			return fmt.Errorf("%w: the accounts' pending emission overflows at netuid %d", ErrBroken, a.Netuid)
		}
	}
	if pending != g.Ledger.Pending {
		return fmt.Errorf("%w: accounts hold %d, the ledger says %d", ErrBroken, pending, g.Ledger.Pending)
	}
	return g.checkVotes()
}

func (g GenesisState) checkVotes() error {
	voted := map[string]bool{}
	for _, v := range g.Votes {
		if voted[v.Operator] {
			return fmt.Errorf("%w: two votes of operator %s", ErrInvalid, v.Operator)
		}
		voted[v.Operator] = true
		if _, err := network.Account(v.Operator); err != nil {
			return fmt.Errorf("%w: vote of %q: %w", ErrInvalid, v.Operator, err)
		}
		if err := CheckVote(v.Netuids, v.Weights); err != nil {
			return err
		}
	}
	return nil
}

// sum adds up; false if the total does not fit.
func sum(amounts ...uint64) (total uint64, ok bool) {
	var carry uint64
	for _, a := range amounts {
		if total, carry = bits.Add64(total, a, 0); carry != 0 {
			return 0, false
		}
	}
	return total, true
}

// Validate checks that the book balances, and that what is left of a rao is less than one. The error is ErrBroken.
func (l Ledger) Validate() error {
	if spent, ok := sum(l.Paid, l.Pending, l.Burned); !ok || l.Minted != spent {
		return fmt.Errorf("%w: minted %d, paid %d, pending %d, burned %d", ErrBroken, l.Minted, l.Paid, l.Pending, l.Burned)
	}
	if l.LastBlockUnixNano < 0 {
		return fmt.Errorf("%w: the last block was at %d", ErrBroken, l.LastBlockUnixNano)
	}
	if !(emission.Accrual{Remainder: l.Remainder, Halvings: uint(l.Halvings)}).Valid() {
		return fmt.Errorf("%w: a remainder of %d after %d halvings", ErrBroken, l.Remainder, l.Halvings)
	}
	return nil
}

// Validate checks the account by itself. The error is ErrBroken or ErrInvalid.
func (a Account) Validate() error {
	if a.Netuid == 0 || a.Share > full {
		return fmt.Errorf("%w: an account of netuid %d with a share of %d", ErrInvalid, a.Netuid, a.Share)
	}
	if a.DemandGranted > a.DemandBurned {
		return fmt.Errorf("%w: netuid %d: demand brought %d for %d burned", ErrBroken, a.Netuid, a.DemandGranted, a.DemandBurned)
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
