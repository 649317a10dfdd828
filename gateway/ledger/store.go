package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// book is the state that one batch of entries works on, and what it changed.
type book struct {
	accounts map[string]*Account
	debts    map[string]*Debt
	dirty    map[string]bool // accounts to write
	owing    map[string]bool // debts to write
	named    []named
	opened   []reservation // shared stores only
	closed   []reservation

	// What was charged is a line of the journal first where nobody else writes; the accounts that it changed and the sums
	// that people look at are written once in a while, all together.
	journal []byte
	stale   map[string]bool // accounts to write then
	sums    map[sum]*Spent
}

// named is a charged request whose consumer chose the id.
type named struct {
	account, request string
	at               time.Time
}

// sum is what spending is summed up by.
type sum struct {
	account string
	day     int64 // since 1970
	netuid  uint32
	model   string
}

// reservation is a request that is open.
type reservation struct {
	account, request, gateway string
	ceiling                   uint64
	until                     time.Time
}

func newBook() *book {
	return &book{
		accounts: map[string]*Account{}, debts: map[string]*Debt{}, dirty: map[string]bool{}, owing: map[string]bool{},
		stale: map[string]bool{}, sums: map[sum]*Spent{},
	}
}

// clear forgets what was written.
func (b *book) clear() {
	clear(b.dirty)
	clear(b.owing)
	b.named, b.opened, b.closed, b.journal = b.named[:0], b.opened[:0], b.closed[:0], b.journal[:0]
}

func (b *book) changed() bool {
	return len(b.dirty)+len(b.owing)+len(b.named)+len(b.opened)+len(b.closed)+len(b.journal) > 0
}

const accountColumns = `id, channel, payer, key, most, signed, charged, reserved, open, answered, paid, closing, settled, parts, promise, signature`

// scanner is a row.
type scanner interface{ Scan(into ...any) error }

func scanAccount(row scanner) (*Account, error) {
	a := &Account{}
	l := &a.Line
	var parts, promise []byte
	err := row.Scan(&a.ID, &a.Channel, &a.Payer, &a.Key, &l.Limit, &l.Signed, &l.Charged, &l.Reserved, &l.Open, &l.Answered, &l.Paid,
		&a.Closing, &a.Settled, &parts, &promise, &a.Held.Signature)
	if err != nil {
		return nil, err
	}
	l.Closing = a.Closing > 0
	if a.Parts, err = unpackParts(parts); err != nil {
		return nil, fmt.Errorf("account %s: %w", a.ID, err)
	}
	if a.Held.Voucher, err = unpackVoucher(promise); err != nil {
		return nil, fmt.Errorf("account %s: %w", a.ID, err)
	}
	return a, nil
}

func (a *Account) values() []any {
	l := a.Line
	return []any{
		a.ID, a.Channel, a.Payer, a.Key, l.Limit, l.Signed, l.Charged, l.Reserved, l.Open, l.Answered, l.Paid,
		a.Closing, a.Settled, packParts(a.Parts), packVoucher(a.Held.Voucher), a.Held.Signature,
	}
}

// load reads the named accounts, and locks them where others write too.
func (l *Ledger) load(ctx context.Context, tx *sql.Tx, ids []string) (map[string]*Account, error) {
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	list, err := tx.QueryContext(ctx, "SELECT "+accountColumns+" FROM accounts WHERE id IN ("+arguments(0, len(ids))+")"+l.dialect.lock, args...)
	if err != nil {
		return nil, err
	}
	defer list.Close()
	found := map[string]*Account{}
	for list.Next() {
		a, err := scanAccount(list)
		if err != nil {
			return nil, err
		}
		found[a.ID] = a
	}
	return found, list.Err()
}

// chunks are the numbers of rows that one statement writes, so that few texts are prepared.
var chunks = [...]int{64, 8, 1}

// statement is one of them.
type statement struct {
	into string
	rows int
}

// upsertAccount replaces a row.
const upsertAccount = ` ON CONFLICT (id) DO UPDATE SET channel = excluded.channel, payer = excluded.payer, key = excluded.key,
	most = excluded.most, signed = excluded.signed, charged = excluded.charged, reserved = excluded.reserved, open = excluded.open,
	answered = excluded.answered, paid = excluded.paid, closing = excluded.closing, settled = excluded.settled, parts = excluded.parts,
	promise = excluded.promise, signature = excluded.signature`

// write puts what a batch changed into the transaction.
func (l *Ledger) write(ctx context.Context, tx *sql.Tx, b *book) error {
	accounts := make([][]any, 0, len(b.dirty))
	for id := range b.dirty {
		accounts = append(accounts, b.accounts[id].values())
	}
	if err := l.insert(ctx, "accounts ("+accountColumns+")", upsertAccount, accounts); err != nil {
		return err
	}
	if err := l.writeNamed(ctx, b); err != nil {
		return err
	}
	if err := l.writeJournal(ctx, tx, b); err != nil {
		return err
	}
	if err := l.writeDebts(ctx, b); err != nil {
		return err
	}
	return l.writeReservations(ctx, tx, b)
}

func (l *Ledger) writeNamed(ctx context.Context, b *book) error {
	values := make([][]any, 0, len(b.named))
	for _, n := range b.named {
		values = append(values, []any{n.account, n.request, n.at.UnixMilli()})
	}
	return l.insert(ctx, "named (account, request, at)", "", values)
}

func (l *Ledger) writeReservations(ctx context.Context, tx *sql.Tx, b *book) error {
	var opened [][]any
	for _, r := range b.opened {
		opened = append(opened, []any{r.account, r.request, r.gateway, r.ceiling, r.until.Unix()})
	}
	if err := l.insert(ctx, "reservations (account, request, gateway, ceiling, until)", "", opened); err != nil {
		return err
	}
	for _, r := range b.closed {
		if _, err := tx.ExecContext(ctx, "DELETE FROM reservations WHERE account = $1 AND request = $2", r.account, r.request); err != nil {
			return err
		}
	}
	return nil
}

// insert writes rows into the transaction that is open on the clerk's connection, so many in one statement; its statements
// are prepared on that connection, once.
func (l *Ledger) insert(ctx context.Context, into, conflict string, values [][]any) error {
	for len(values) > 0 {
		n := 1
		for _, size := range chunks {
			if len(values) >= size {
				n = size
				break
			}
		}
		args := make([]any, 0, n*len(values[0]))
		for _, row := range values[:n] {
			args = append(args, row...)
		}
		insert, err := l.prepared(ctx, statement{into, n}, len(values[0]), conflict)
		if err != nil {
			return err
		}
		if _, err := insert.ExecContext(ctx, args...); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

// prepared is the statement that writes so many rows of so many values.
func (l *Ledger) prepared(ctx context.Context, which statement, width int, conflict string) (*sql.Stmt, error) {
	if s := l.statements[which]; s != nil {
		return s, nil
	}
	s, err := l.conn.PrepareContext(ctx, fmt.Sprintf("INSERT INTO %s VALUES %s%s", which.into, rows(which.rows, width), conflict))
	if err == nil {
		l.statements[which] = s
	}
	return s, err
}

// charged tells whether a request was charged.
func (l *Ledger) charged(ctx context.Context, tx *sql.Tx, account, request string) (is bool, err error) {
	err = tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM named WHERE account = $1 AND request = $2)", account, request).Scan(&is)
	return is, err
}
