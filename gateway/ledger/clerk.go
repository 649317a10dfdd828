package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// clerk takes what has come for PostgreSQL and writes it, until ctx ends.
func (l *Ledger) clerk(ctx context.Context) {
	batch := make([]*entry, 0, maxBatch)
	for {
		batch = batch[:0]
		select {
		case e := <-l.entries:
			batch = append(batch, e)
		case <-ctx.Done():
			l.refuseRest()
			return
		}
		for more := true; more && len(batch) < maxBatch; {
			select {
			case e := <-l.entries:
				batch = append(batch, e)
			default:
				more = false
			}
		}
		l.settle(batch)
	}
}

// refuseRest answers who waits when the ledger closes.
func (l *Ledger) refuseRest() {
	for {
		select {
		case e := <-l.entries:
			e.done <- fmt.Errorf("%w: it is closing", ErrStore)
		default:
			return
		}
	}
}

// settle writes a batch and answers its entries. A transaction that fails is tried again.
func (l *Ledger) settle(batch []*entry) {
	var err error
	for range tries {
		ctx, cancel := context.WithTimeout(context.Background(), writeLimit)
		err = l.commit(ctx, batch)
		cancel()
		if err == nil {
			break
		}
		l.hangUp()
	}
	for _, e := range batch {
		if err != nil {
			e.err = fmt.Errorf("%w: %w", ErrStore, err)
		}
		e.done <- e.err
	}
}

// commit applies a batch in one transaction.
func (l *Ledger) commit(ctx context.Context, batch []*entry) error {
	w := &work{Ledger: l, book: newBook(), ctx: ctx}
	defer func() {
		if w.tx != nil {
			_ = w.tx.Rollback() // after the commit it is nothing
		}
	}()
	if err := w.read(batch); err != nil {
		return err
	}
	for _, e := range batch {
		w.account = w.accounts[e.account]
		e.err = e.apply(w)
		if errors.Is(e.err, errBroken) {
			return e.err
		}
	}
	return w.finish()
}

// errBroken marks an error of the store inside an entry: the transaction is no good any more.
var errBroken = errors.New("store")

// begin opens the transaction if it is not.
func (w *work) begin() error {
	if w.tx != nil {
		return nil
	}
	tx, err := w.transaction(w.ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	w.tx = tx
	return nil
}

// transaction begins one on the connection of who writes, where its statements are prepared.
func (l *Ledger) transaction(ctx context.Context) (*sql.Tx, error) {
	if l.conn == nil {
		conn, err := l.db.Conn(ctx)
		if err != nil {
			return nil, err
		}
		l.conn = conn
	}
	return l.conn.BeginTx(ctx, nil)
}

// hangUp gives the connection up: the next transaction has another.
func (l *Ledger) hangUp() {
	for _, s := range l.statements {
		_ = s.Close() // the connection may be gone
	}
	clear(l.statements)
	if l.conn != nil {
		_ = l.conn.Close() // as above
	}
	l.conn = nil
}

// read loads and locks a batch's accounts.
func (w *work) read(batch []*entry) error {
	ids := make([]string, 0, len(batch))
	for _, e := range batch {
		if e.account != "" {
			ids = append(ids, e.account)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if err := w.begin(); err != nil {
		return err
	}
	err := w.readClock()
	if err != nil || len(ids) == 0 {
		return err
	}
	w.accounts, err = w.load(w.ctx, w.tx, ids)
	return err
}

// clockEvery is how often the store's clock is read: between it goes on as this machine's does, which no setting moves.
const clockEvery = 10 * time.Second

// readClock reads the clock of a store that gateways share, so that a day is the same for all of them.
func (w *work) readClock() error {
	if time.Since(w.asked) < clockEvery && !w.said.IsZero() {
		return nil
	}
	asked := time.Now()
	if err := w.tx.QueryRowContext(w.ctx, "SELECT clock_timestamp()").Scan(&w.said); err != nil {
		return err
	}
	w.asked = asked
	return nil
}

// when is what the clock that counts says at a moment of this machine's: the store's, where gateways share one.
func (w *work) when(at time.Time) time.Time {
	if !w.dialect.shared {
		return at
	}
	return at.Add(w.said.Add(time.Since(w.asked)).Sub(w.own()))
}

// finish writes what changed and commits.
func (w *work) finish() error {
	if !w.isChanged() {
		return nil
	}
	if err := w.begin(); err != nil {
		return err
	}
	if err := w.write(w.ctx, w.tx, w.book); err != nil {
		return err
	}
	return w.tx.Commit()
}

// known is the entry's account, or an error.
func (w *work) known(id string) (*Account, error) {
	if w.account == nil {
		return nil, fmt.Errorf("%w: %s", ErrUnknown, id)
	}
	return w.account, nil
}
