package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"agora/mechanism/voucher"
)

// errJournal is a journal that does not read.
var errJournal = errors.New("the journal is damaged")

// line is one charge in the journal. What it says of the account is what holds after it, so that an account that was written
// later is not charged twice.
type line struct {
	account, model           string
	at                       time.Time
	netuid                   uint32
	in, out, cost, base      uint64
	charged, answered, parts uint64 // after it; parts of its subnet
}

// append writes the line behind b: two texts with their lengths, then numbers.
func (l line) append(b []byte) []byte {
	b = appendText(appendText(b, l.account), l.model)
	for _, n := range [...]uint64{uint64(l.at.UnixMilli()), uint64(l.netuid), l.in, l.out, l.cost, l.base, l.charged, l.answered, l.parts} {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

// readLine takes a line off b.
func readLine(b []byte) (l line, rest []byte, err error) {
	r := reading{b, nil}
	l = r.line()
	return l, r.b, r.err
}

func appendText[T string | []byte](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// reading takes numbers and texts off bytes, until something is not there.
type reading struct {
	b   []byte
	err error
}

func (r *reading) number() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reading) text() []byte {
	n := r.number()
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	text := r.b[:n:n]
	r.b = r.b[n:]
	return text
}

func (r *reading) fail() { r.b, r.err = nil, errJournal }

func (r *reading) line() (l line) {
	l.account, l.model = string(r.text()), string(r.text())
	at, netuid := r.number(), r.number()
	for _, into := range [...]*uint64{&l.in, &l.out, &l.cost, &l.base, &l.charged, &l.answered, &l.parts} {
		*into = r.number()
	}
	if at > math.MaxInt64/2 || netuid > math.MaxUint32 {
		r.fail()
	}
	l.at, l.netuid = time.UnixMilli(int64(at)), uint32(netuid)
	return l
}

// The kinds of records in the journal.
const (
	aCharge  = 'c' // a line, and the request's id where the consumer chose it
	anEntry  = 'a' // an account as it is then
	aPayment = 'd' // a debt as it is then
)

// appendAccount writes an account as it is: what requests hold that are open is not worth keeping.
func appendAccount(b []byte, a *Account) []byte {
	b = appendText(appendText(appendText(append(b, anEntry), a.ID), a.Payer), a.Key)
	l := a.Line
	for _, n := range [...]uint64{a.Channel, l.Limit, l.Signed, l.Charged, l.Answered, l.Paid, uint64(a.Closing), a.Settled} {
		b = binary.AppendUvarint(b, n)
	}
	return appendText(appendText(appendText(b, packParts(a.Parts)), packVoucher(a.Held.Voucher)), a.Held.Signature)
}

func (r *reading) account() (*Account, error) {
	a := &Account{ID: string(r.text()), Payer: string(r.text()), Key: copied(r.text())}
	l, closing := &a.Line, uint64(0)
	for _, into := range [...]*uint64{&a.Channel, &l.Limit, &l.Signed, &l.Charged, &l.Answered, &l.Paid, &closing, &a.Settled} {
		*into = r.number()
	}
	a.Closing, l.Closing = int64(closing), closing > 0
	parts, promise := r.text(), r.text()
	a.Held.Signature = copied(r.text())
	if r.err != nil {
		return nil, r.err
	}
	return a, unpackBoth(parts, promise, &a.Parts, &a.Held.Voucher)
}

func appendDebt(b []byte, d *Debt) []byte {
	b = binary.AppendUvarint(appendText(append(b, aPayment), d.Payee), d.Channel)
	return appendText(appendText(appendText(b, packParts(d.Owed)), packVoucher(d.Held.Voucher)), d.Held.Signature)
}

func (r *reading) debt() (*Debt, error) {
	d := &Debt{Payee: string(r.text()), Channel: r.number()}
	owed, promise := r.text(), r.text()
	d.Held.Signature = copied(r.text())
	if r.err != nil {
		return nil, r.err
	}
	return d, unpackBoth(owed, promise, &d.Owed, &d.Held.Voucher)
}

func unpackBoth(parts, promise []byte, into *voucher.Parts, v *voucher.Voucher) (err error) {
	if *into, err = unpackParts(parts); err == nil {
		*v, err = unpackVoucher(promise)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errJournal, err)
	}
	return nil
}

// copied is text of its own; none of length 0.
func copied(text []byte) []byte { return append([]byte(nil), text...) }

// replay plays the records of one frame.
func (b *book) replay(raw []byte) error {
	r := &reading{b: raw}
	for len(r.b) > 0 && r.err == nil {
		kind := r.b[0]
		r.b = r.b[1:]
		if err := b.replayOne(r, kind); err != nil {
			return err
		}
	}
	return r.err
}

func (b *book) replayOne(r *reading, kind byte) error {
	switch kind {
	case aCharge:
		l, request := r.line(), string(r.text())
		if r.err != nil {
			return r.err
		}
		if request != "" {
			b.name(named{l.account, request, l.at})
		}
		return b.recharge(l)
	case anEntry:
		a, err := r.account()
		if err == nil {
			b.accounts[a.ID], b.stale[a.ID] = a, true
		}
		return err
	case aPayment:
		d, err := r.debt()
		if err == nil {
			b.debts[d.Payee], b.owing[d.Payee] = d, true
		}
		return err
	}
	return fmt.Errorf("%w: a record of kind %q", errJournal, kind)
}

// recharge brings an account to what a line of the journal says, unless it is there already.
func (b *book) recharge(l line) error {
	a := b.accounts[l.account]
	if a == nil {
		return fmt.Errorf("%w: there is no account %.80q", errJournal, l.account)
	}
	if l.answered > a.Line.Answered {
		a.Line.Answered, a.Line.Charged = l.answered, l.charged
		a.Line.Sign(0) // nothing more is signed; it looks whether all is paid
	}
	if have := a.Parts.Of(l.netuid); l.parts > have {
		a.Parts = a.Parts.Plus(voucher.Parts{{Netuid: l.netuid, Amount: l.parts - have}})
	}
	b.stale[l.account] = true
	b.count(l)
	return nil
}

// count adds a charge to the sums that people look at.
func (b *book) count(l line) {
	at := sum{l.account, l.at.UnixMilli() / millisPerDay, l.netuid, l.model}
	s := b.sums[at]
	if s == nil {
		s = &Spent{}
		b.sums[at] = s
	}
	b.spend(l.account, l.at, l.cost)
	s.Requests++
	s.In, s.Out, s.Cost, s.Base = s.In+l.in, s.Out+l.out, s.Cost+l.cost, s.Base+l.base
}
