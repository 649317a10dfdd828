package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"hash/maphash"
	"time"
)

// book is the state that entries work on, and what they changed: of one batch for the clerk, of everything at a desk.
type book struct {
	accounts map[string]*Account
	debts    map[string]*Debt
	dirty    map[string]bool   // accounts that an entry changed
	changed  map[string]bool   // debts that an entry changed
	named    []named           // that the store does not have
	spent    map[string]*spent // of accounts, for their budgets; for the clerk only what a batch charged
	sums     map[sum]*Spent    // likewise

	// For the clerk.
	opened, closed []reservation

	// At the desk.
	open    map[place]uint64 // ceilings of the requests that are open
	journal []byte           // lines that an entry charged
	stale   map[string]bool  // accounts that the store has otherwise
	owing   map[string]bool  // debts that it has otherwise
	names   map[uint64]int64 // hashes of charged requests whose consumers chose the id, with their days since 1970
	seed    maphash.Seed     // of those hashes: nobody can choose two ids of one hash
}

// place is a request of an account.
type place struct{ account, request string }

// name remembers a request whose consumer chose the id.
func (b *book) name(n named) {
	b.named = append(b.named, n)
	b.remember(n)
}

func (b *book) remember(n named) {
	b.names[maphash.Comparable(b.seed, place{n.account, n.request})] = n.at.UnixMilli() / millisPerDay
}

// has tells whether a request was charged.
func (b *book) has(account, request string) bool {
	_, is := b.names[maphash.Comparable(b.seed, place{account, request})]
	return is
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
	account, request string
	ceiling          uint64
}

func newBook() *book {
	return &book{
		accounts: map[string]*Account{}, debts: map[string]*Debt{}, dirty: map[string]bool{}, changed: map[string]bool{},
		sums: map[sum]*Spent{}, open: map[place]uint64{}, stale: map[string]bool{}, owing: map[string]bool{},
		names: map[uint64]int64{}, spent: map[string]*spent{}, seed: maphash.MakeSeed(),
	}
}

// isChanged tells whether there is something for the clerk to write.
func (b *book) isChanged() bool {
	return len(b.dirty)+len(b.changed)+len(b.named)+len(b.opened)+len(b.closed) > 0
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

// write puts what a batch changed into the clerk's transaction.
func (l *Ledger) write(ctx context.Context, tx *sql.Tx, b *book) error {
	accounts := make([][]any, 0, len(b.dirty))
	for id := range b.dirty {
		accounts = append(accounts, b.accounts[id].values())
	}
	debts := make([][]any, 0, len(b.changed))
	for payee := range b.changed {
		debts = append(debts, b.debts[payee].values())
	}
	names := make([][]any, 0, len(b.named))
	for _, n := range b.named {
		names = append(names, []any{n.account, n.request, n.at.UnixMilli()})
	}
	if err := l.writeRows(ctx, accounts, debts, names, b.sums); err != nil {
		return err
	}
	return l.writeReservations(ctx, tx, b)
}

// writeRows puts rows into the transaction that is open on the connection.
func (l *Ledger) writeRows(ctx context.Context, accounts, debts, names [][]any, sums map[sum]*Spent) error {
	spent := make([][]any, 0, len(sums))
	for at, s := range sums {
		spent = append(spent, []any{at.account, at.day, at.netuid, at.model, s.Requests, s.In, s.Out, s.Cost, s.Base})
	}
	for _, t := range []struct {
		into, conflict string
		values         [][]any
	}{
		{"accounts (" + accountColumns + ")", upsertAccount, accounts},
		{"debts (" + debtColumns + ")", upsertDebt, debts},
		{"named (account, request, at)", "", names},
		{"spending (account, day, netuid, model, requests, tokens_in, tokens_out, cost, base)", addSums, spent},
	} {
		if err := l.insert(ctx, t.into, t.conflict, t.values); err != nil {
			return err
		}
	}
	return nil
}

// upsertDebt replaces a row.
const upsertDebt = ` ON CONFLICT (payee) DO UPDATE SET channel = excluded.channel,
	owed = excluded.owed, promise = excluded.promise, signature = excluded.signature`

// addSums adds to a row.
const addSums = ` ON CONFLICT (account, day, netuid, model) DO UPDATE SET requests = spending.requests + excluded.requests,
	tokens_in = spending.tokens_in + excluded.tokens_in, tokens_out = spending.tokens_out + excluded.tokens_out,
	cost = spending.cost + excluded.cost, base = spending.base + excluded.base`

// writeFold writes a part of the journal in one transaction, which says up to which frame.
func (l *Ledger) writeFold(ctx context.Context, part *fold) error {
	tx, err := l.transaction(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	defer func() { _ = tx.Rollback() }() // after the commit it is nothing
	err = l.writeRows(ctx, part.accounts, part.debts, part.named, part.sums)
	if err == nil {
		_, err = tx.ExecContext(ctx, "UPDATE folded SET frame = $1", part.frame)
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, "DELETE FROM journal")
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	return nil
}

// foldedUntil is the number of the last frame that the store has.
func (l *Ledger) foldedUntil(ctx context.Context) (frame uint64, err error) {
	if err := l.db.QueryRowContext(ctx, "SELECT frame FROM folded").Scan(&frame); err != nil {
		return 0, fmt.Errorf("ledger: %w", err)
	}
	return frame, nil
}

// readBook reads the accounts, the debts, and the requests that consumers named.
func (l *Ledger) readBook(ctx context.Context, b *book) error {
	for _, table := range []struct {
		query string
		take  func(scanner) error
	}{
		{"SELECT " + accountColumns + " FROM accounts", func(row scanner) error {
			a, err := scanAccount(row)
			if err == nil {
				a.Line.Reserved, a.Line.Open = 0, 0
				b.accounts[a.ID] = a
			}
			return err
		}},
		{"SELECT " + debtColumns + " FROM debts", func(row scanner) error {
			d, err := scanDebt(row)
			if err == nil {
				b.debts[d.Payee] = d
			}
			return err
		}},
		{"SELECT account, request, at FROM named", func(row scanner) error {
			var n named
			var at int64
			err := row.Scan(&n.account, &n.request, &at)
			n.at = time.UnixMilli(at)
			b.remember(n)
			return err
		}},
		{"SELECT entries FROM journal ORDER BY seq", func(row scanner) error { // of version 1
			var raw []byte
			err := row.Scan(&raw)
			for err == nil && len(raw) > 0 {
				var one line
				if one, raw, err = readLine(raw); err == nil {
					err = b.recharge(one)
				}
			}
			return err
		}},
	} {
		if err := l.each(ctx, table.query, table.take); err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
	}
	return nil
}

// each reads the rows of a query.
func (l *Ledger) each(ctx context.Context, query string, take func(scanner) error) error {
	list, err := l.db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer list.Close()
	for list.Next() {
		if err := take(list); err != nil {
			return err
		}
	}
	return list.Err()
}

// writeReservations writes what has been opened and closed. Leases are by the database's clock, so that no gateway's own, which may be
// wrong, ends another's requests.
func (l *Ledger) writeReservations(ctx context.Context, tx *sql.Tx, b *book) error {
	var accounts, requests []string
	var ceilings []int64
	for _, r := range b.opened {
		accounts, requests, ceilings = append(accounts, r.account), append(requests, r.request), append(ceilings, int64(r.ceiling))
	}
	if len(accounts) > 0 {
		if _, err := tx.ExecContext(ctx, `INSERT INTO reservations (account, request, gateway, ceiling, until)
			SELECT account, request, $1, ceiling, `+databaseTime+` + $2
			FROM unnest($3::TEXT[], $4::TEXT[], $5::BIGINT[]) AS opened (account, request, ceiling)`,
			l.gateway, int64(l.lease/time.Second), accounts, requests, ceilings); err != nil {
			return err
		}
	}
	for _, r := range b.closed {
		if _, err := tx.ExecContext(ctx, "DELETE FROM reservations WHERE account = $1 AND request = $2", r.account, r.request); err != nil {
			return err
		}
	}
	return nil
}

// insert writes rows into the transaction that is open on the connection, so many in one statement; its statements
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
