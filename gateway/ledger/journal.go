package ledger

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"agora/mechanism/voucher"
)

// The journal is folded into accounts and sums when it is this old, or this long.
const (
	foldEvery = time.Second
	foldAt    = 8 << 20 // bytes
)

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
	for _, text := range []string{l.account, l.model} {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	for _, n := range []uint64{uint64(l.at.UnixMilli()), uint64(l.netuid), l.in, l.out, l.cost, l.base, l.charged, l.answered, l.parts} {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

// readLine takes a line off b.
func readLine(b []byte) (l line, rest []byte, err error) {
	for _, text := range []*string{&l.account, &l.model} {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return l, nil, errJournal
		}
		*text, b = string(b[size:size+int(n)]), b[size+int(n):]
	}
	var at, netuid uint64
	for _, into := range []*uint64{&at, &netuid, &l.in, &l.out, &l.cost, &l.base, &l.charged, &l.answered, &l.parts} {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			return l, nil, errJournal
		}
		*into, b = n, b[size:]
	}
	if at > math.MaxInt64/2 || netuid > math.MaxUint32 {
		return l, nil, errJournal
	}
	l.at, l.netuid = time.UnixMilli(int64(at)), uint32(netuid)
	return l, b, nil
}

// count adds a charge to the sums that people look at.
func (b *book) count(l line) {
	at := sum{l.account, l.at.UnixMilli() / millisPerDay, l.netuid, l.model}
	s := b.sums[at]
	if s == nil {
		s = &Spent{}
		b.sums[at] = s
	}
	s.Requests++
	s.In, s.Out, s.Cost, s.Base = s.In+l.in, s.Out+l.out, s.Cost+l.cost, s.Base+l.base
}

// replay brings an account to what a line of the journal says, unless it is there already.
func (b *book) replay(l line) error {
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

func (l *Ledger) writeJournal(ctx context.Context, tx *sql.Tx, b *book) error {
	if len(b.journal) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO journal (seq, entries) VALUES ((SELECT COALESCE(MAX(seq), 0) + 1 FROM journal), $1)", b.journal)
	if err == nil {
		l.unfolded += len(b.journal)
	}
	return err
}

// due tells whether the journal is to be folded.
func (l *Ledger) due(now time.Time) bool {
	return l.unfolded > 0 && (now.Sub(l.folded) >= foldEvery || l.unfolded >= foldAt)
}

// fold writes accounts and sums, and ends the journal, in one transaction.
func (l *Ledger) fold(ctx context.Context) error {
	b := l.book
	if len(b.stale)+len(b.sums) == 0 && l.unfolded == 0 {
		return nil
	}
	tx, err := l.transaction(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after the commit it is nothing
	accounts := make([][]any, 0, len(b.stale))
	for id := range b.stale {
		accounts = append(accounts, b.accounts[id].values())
	}
	if err := l.insert(ctx, "accounts ("+accountColumns+")", upsertAccount, accounts); err != nil {
		return err
	}
	if err := l.writeSums(ctx, b); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM journal"); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	clear(b.stale)
	clear(b.sums)
	l.unfolded, l.folded = 0, time.Now()
	return nil
}

const addSums = ` ON CONFLICT (account, day, netuid, model) DO UPDATE SET requests = spending.requests + excluded.requests,
	tokens_in = spending.tokens_in + excluded.tokens_in, tokens_out = spending.tokens_out + excluded.tokens_out,
	cost = spending.cost + excluded.cost, base = spending.base + excluded.base`

func (l *Ledger) writeSums(ctx context.Context, b *book) error {
	values := make([][]any, 0, len(b.sums))
	for at, s := range b.sums {
		values = append(values, []any{at.account, at.day, at.netuid, at.model, s.Requests, s.In, s.Out, s.Cost, s.Base})
	}
	return l.insert(ctx, "spending (account, day, netuid, model, requests, tokens_in, tokens_out, cost, base)", addSums, values)
}

// recallJournal plays what was charged since the accounts were written.
func (l *Ledger) recallJournal(ctx context.Context) error {
	list, err := l.db.QueryContext(ctx, "SELECT entries FROM journal ORDER BY seq")
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	defer list.Close()
	for list.Next() {
		var raw []byte
		if err := list.Scan(&raw); err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
		l.unfolded += len(raw)
		for len(raw) > 0 {
			var one line
			if one, raw, err = readLine(raw); err == nil {
				err = l.book.replay(one)
			}
			if err != nil {
				return fmt.Errorf("ledger: %w", err)
			}
		}
	}
	return list.Err()
}
