package types

import (
	"bytes"
	"fmt"
	"math/bits"

	"agora/chain/network"
	"agora/mechanism/emission"
)

// DefaultGenesis is an empty book.
func DefaultGenesis() *GenesisState { return &GenesisState{Params: DefaultParams()} }

// Validate checks what can be checked without other modules: parameters, that the book balances, that entries ascend, and
// that votes are well formed, one of each operator. The error says what is wrong.
func (g GenesisState) Validate() error {
	if err := g.Params.Validate(); err != nil {
		return err
	}
	if err := g.Ledger.Validate(); err != nil {
		return err
	}
	if err := g.checkAccounts(); err != nil {
		return err
	}
	if err := g.checkDividends(); err != nil {
		return err
	}
	if err := ascend("who spoke in", g.Spoken, Spoken.place, Spoken.Validate); err != nil {
		return err
	}
	return g.checkVotes()
}

func (g GenesisState) checkAccounts() error {
	if err := ascend("account of", g.Accounts, func(a Account) uint32 { return a.Netuid }, Account.Validate); err != nil {
		return err
	}
	pending, directed := g.Ledger.Promised, g.Ledger.Undirected
	for _, a := range g.Accounts {
		var fits, whole bool
		pending, fits = sum(pending, a.Pending)
		if directed, whole = sum(directed, a.Root); !fits || !whole || directed > emission.Whole {
			return fmt.Errorf("%w: the accounts' pending emission or votes overflow at netuid %d", ErrBroken, a.Netuid)
		}
	}
	if pending != g.Ledger.Pending {
		return fmt.Errorf("%w: %d pending in accounts and promises, the ledger says %d", ErrBroken, pending, g.Ledger.Pending)
	}
	return nil
}

// checkDividends holds every promise to its flow, and all of them to the ledger.
func (g GenesisState) checkDividends() error {
	if err := ascend("dividends of", g.Dividends, func(d Dividends) uint32 { return d.Netuid }, Dividends.Validate); err != nil {
		return err
	}
	if err := ascend("flow of", g.Flows, func(f Flow) uint32 { return f.Netuid }, Flow.Validate); err != nil {
		return err
	}
	if len(g.Flows) != len(g.Dividends) {
		return fmt.Errorf("%w: %d flows of %d promises", ErrBroken, len(g.Flows), len(g.Dividends))
	}
	var left uint64
	for i, d := range g.Dividends {
		if g.Flows[i].Netuid != d.Netuid {
			return fmt.Errorf("%w: dividends of netuid %d without a flow", ErrBroken, d.Netuid)
		}
		left += d.Left(g.Flows[i])
	}
	if left != g.Ledger.Promised {
		return fmt.Errorf("%w: %d rao of dividends are still to be paid, the ledger says %d", ErrBroken, left, g.Ledger.Promised)
	}
	return nil
}

// ascend holds entries to their shape and to ascending netuids.
func ascend[T any](what string, entries []T, netuid func(T) uint32, validate func(T) error) error {
	for i, e := range entries {
		if netuid(e) == 0 || i > 0 && netuid(e) <= netuid(entries[i-1]) {
			return fmt.Errorf("%w: %s netuid %d: root, twice or out of order", ErrInvalid, what, netuid(e))
		}
		if err := validate(e); err != nil {
			return err
		}
	}
	return nil
}

// Validate checks that the flow has parts left to pay, each after the one before. The error is ErrInvalid.
func (f Flow) Validate() error {
	if f.Next < 1 || f.Step < 1 || f.Step > 1<<32 || f.Given >= f.Of || f.Of > emission.Parts {
		return fmt.Errorf("%w: flow of netuid %d: part %d of %d at height %d, then every %d",
			ErrInvalid, f.Netuid, f.Given, f.Of, f.Next, f.Step)
	}
	return nil
}

// Validate checks that operators ascend and that the amounts can be added up. The error is ErrInvalid.
func (d Dividends) Validate() error {
	var total uint64
	for i, e := range d.Entries {
		var ok bool
		if total, ok = sum(total, e.Amount); !ok || total > 1<<63 {
			return fmt.Errorf("%w: dividends of netuid %d overflow", ErrInvalid, d.Netuid)
		}
		if len(e.Operator) != 20 || i > 0 && bytes.Compare(d.Entries[i-1].Operator, e.Operator) >= 0 {
			return fmt.Errorf("%w: dividends of netuid %d: operator %x", ErrInvalid, d.Netuid, e.Operator)
		}
	}
	return nil
}

func (s Spoken) place() uint32 { return s.Netuid }

// Validate checks that operators ascend. The error is ErrInvalid.
func (s Spoken) Validate() error {
	for i, o := range s.Operators {
		if len(o) != 20 || i > 0 && bytes.Compare(s.Operators[i-1], o) >= 0 {
			return fmt.Errorf("%w: who spoke in netuid %d: operator %x", ErrInvalid, s.Netuid, o)
		}
	}
	return nil
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
	if l.LastBlockUnixNano < 0 || l.DividedHeight < 0 {
		return fmt.Errorf("%w: the last block was at %d, the division at height %d", ErrBroken, l.LastBlockUnixNano, l.DividedHeight)
	}
	if !(emission.Accrual{Remainder: l.Remainder, Halvings: uint(l.Halvings)}).Valid() {
		return fmt.Errorf("%w: a remainder of %d after %d halvings", ErrBroken, l.Remainder, l.Halvings)
	}
	return nil
}

// Validate checks the account by itself. The error is ErrBroken or ErrInvalid.
func (a Account) Validate() error {
	if a.Share > full {
		return fmt.Errorf("%w: an account of netuid %d with a share of %d", ErrInvalid, a.Netuid, a.Share)
	}
	if a.DemandGranted > a.DemandBurned/2 {
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
