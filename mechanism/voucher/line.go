package voucher

import (
	"errors"
	"fmt"
)

// Why a request is not served on a line.
var (
	ErrClosing = errors.New("the payer takes the deposit back")
	ErrFunds   = errors.New("the channel's deposit does not cover the request")
	ErrCredit  = errors.New("sign for what was answered first")
)

// Terms are how far a payee works before a voucher covers it.
type Terms struct {
	First  uint64 // requests open at once of a payer who has paid none
	Most   uint64 // of any payer; each request that was paid adds one to First, up to this
	Amount uint64 // rao not covered at once
}

// Line is one channel as its payee keeps it between claims, in rao:
//
//	Charged + Reserved ≤ Limit.
//
// What is charged or reserved beyond Signed is the payee's risk, and Terms bound it. A request is reserved with the most
// that it can cost, then settled with what it did.
type Line struct {
	Limit    uint64 // what the chain would pay in all
	Signed   uint64 // the highest voucher held
	Charged  uint64 // for what was delivered
	Reserved uint64 // ceilings of the requests that are open
	Open     uint64 // their number
	Answered uint64 // requests charged, whose number is
	Paid     uint64 // when a voucher last covered all of them
	Closing  bool   // the payer has asked for what is left
}

// Reserve opens a request that costs at most ceiling. Errors: ErrClosing, ErrFunds, ErrCredit.
func (l *Line) Reserve(ceiling uint64, t Terms) error {
	after := add(add(l.Charged, l.Reserved), ceiling)
	if l.Closing {
		return ErrClosing
	}
	if after > l.Limit {
		return fmt.Errorf("%w: it may cost %d rao, %d of %d are left", ErrFunds, ceiling, l.Limit-min(l.Limit, l.Charged+l.Reserved), l.Limit)
	}
	if after > l.Signed && (l.Credit() >= l.allowed(t) || after-l.Signed > t.Amount) {
		return fmt.Errorf("%w: %d requests of %d are not paid, %d rao of %d signed", ErrCredit, l.Credit(), l.allowed(t), l.Signed, l.Charged)
	}
	l.Reserved += ceiling
	l.Open++
	return nil
}

// Credit is the number of requests that are open, or answered and not yet paid.
func (l *Line) Credit() uint64 { return l.Open + l.Answered - l.Paid }

func (l *Line) allowed(t Terms) uint64 { return min(add(t.First, l.Paid), t.Most) }

// Settle ends an open request that had reserved ceiling and cost this much; more than its ceiling it never does.
func (l *Line) Settle(ceiling, cost uint64) (charged uint64) {
	charged = min(cost, ceiling)
	l.Reserved -= min(ceiling, l.Reserved)
	l.Open -= min(1, l.Open)
	if charged == 0 {
		return 0
	}
	l.Charged += charged
	l.Answered++
	l.cover()
	return charged
}

// Sign takes a voucher for total rao into account; lower ones change nothing.
func (l *Line) Sign(total uint64) {
	l.Signed = max(l.Signed, total)
	l.cover()
}

func (l *Line) cover() {
	if l.Signed >= l.Charged {
		l.Paid = l.Answered
	}
}

// Owed is what was charged and no voucher covers: what the payee loses if the payer is never seen again.
func (l *Line) Owed() uint64 { return l.Charged - min(l.Signed, l.Charged) }

// Due is what a claim may ask for in all: what was charged, of what was signed and is there.
func (l *Line) Due() uint64 { return min(l.Charged, l.Signed, l.Limit) }
