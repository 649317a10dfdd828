package ledger

import (
	"errors"
	"fmt"
	"time"

	"agora/mechanism/voucher"
)

// Why an entry is not made.
var (
	ErrUnknown   = errors.New("no such account")
	ErrDuplicate = errors.New("a request of this id is open or was charged")
	ErrStore     = errors.New("the ledger cannot be written")
)

// Account is who pays: a channel ("channel/7"), or a key without one ("key/ab12cd34"), whose credit its operator gave.
type Account struct {
	ID      string
	Channel uint64 // 0 for a key
	Payer   string // account on the chain, or the key's name
	Key     []byte // ed25519, signs vouchers; none for a key
	Line    voucher.Line
	Parts   voucher.Parts // of Line.Charged, by subnet
	Held    Held
	Settled uint64 // of the channel, on the chain
	Closing int64  // Unix seconds from which the payer may take the rest; 0 if he has not asked
}

// Held is the highest voucher that is held, signed and checked.
type Held struct {
	Voucher   voucher.Voucher
	Signature []byte
}

// Charge is an answer that was paid for.
type Charge struct {
	Account, Request string
	Named            bool // the consumer chose the id
	At               time.Time
	Netuid           uint32
	Model            string
	In, Out          uint64 // tokens
	Cost, Base       uint64 // rao: the consumer's, and the miner's part of it
}

// Sign takes a checked voucher into account. Errors: voucher.ErrShrinks where it takes back what an earlier one promised.
func (a *Account) Sign(h Held) error {
	if !h.Voucher.Parts.Covers(a.Held.Voucher.Parts) {
		return fmt.Errorf("%w: it promises %v, the last one %v", voucher.ErrShrinks, h.Voucher.Parts, a.Held.Voucher.Parts)
	}
	a.Held = h
	a.Line.Sign(h.Voucher.Total())
	return nil
}

// renews says whether a checked voucher is to be kept in place of the one that is held: it promises more, or the same for longer. Another
// one is older and came late.
func (a *Account) renews(h *Held) bool {
	have := a.Held.Voucher
	if !have.Parts.Covers(h.Voucher.Parts) {
		return true
	}
	longer := have.Expiry != 0 && (h.Voucher.Expiry == 0 || h.Voucher.Expiry > have.Expiry)
	return longer && h.Voucher.Parts.Covers(have.Parts)
}

// Ends says whether the voucher that is held is worth nothing any more at a moment.
func (a *Account) Ends(at time.Time) bool { return a.Held.Voucher.Expired(at.Unix()) }

// Claimable is what a claim would bring now, in rao.
func (a *Account) Claimable() uint64 {
	due := a.Line.Due()
	return due - min(due, a.Settled)
}
