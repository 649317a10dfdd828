package ledger

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"agora/mechanism/voucher"
)

const (
	maxBatch   = 512             // entries in one transaction
	maxWaiting = 4096            // entries that wait for the clerk; more wait for their turn to wait
	writeLimit = 5 * time.Second // for one transaction
	tries      = 3               // of a transaction before its entries fail
)

// Ledger is open until Close. It may be used concurrently, and a PostgreSQL by several of them.
type Ledger struct {
	db          *sql.DB
	dialect     dialect
	gateway     string        // this process, for its reservations
	lease       time.Duration // after which an open request of a gateway that is gone ends
	desk        *desk         // of a file, where nobody else writes; nil for PostgreSQL, which has a clerk
	entries     chan *entry
	conn        *sql.Conn               // of who writes; nil until it is needed
	statements  map[statement]*sql.Stmt // prepared on it
	said, asked time.Time               // the shared store's clock, and this machine's when it was read; the clerk's

	own func() time.Time // this machine's clock

	stop context.CancelFunc
	wg   sync.WaitGroup
}

// entry is what the clerk does for somebody who waits.
type entry struct {
	account string
	apply   func(*work) error
	done    chan error
	err     error
}

// work is what an entry may read and change.
type work struct {
	*Ledger
	*book
	ctx     context.Context // of the clerk
	tx      *sql.Tx         // of the clerk; nil while nothing has been read or written
	account *Account
}

// Open opens the ledger at where: a file, or postgres://user:password@host/database. It brings an older one to this
// program's version. lease is the longest that a request is open; 20 minutes if 0.
func Open(ctx context.Context, where string, lease time.Duration) (*Ledger, error) {
	db, d, err := connect(ctx, where)
	if err != nil {
		return nil, err
	}
	if lease <= 0 {
		lease = 20 * time.Minute
	}
	l := &Ledger{
		db: db, dialect: d, gateway: rand.Text(), lease: lease, own: time.Now, entries: make(chan *entry, maxWaiting),
		statements: map[statement]*sql.Stmt{},
	}
	if err := migrate(ctx, db, d); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	run := l.clerk
	if !d.shared {
		l.desk = newDesk(l, where)
		run = func(ctx context.Context) { l.desk.keep(ctx, l) }
		if err := l.desk.open(ctx, l); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	ctx, l.stop = context.WithCancel(context.Background())
	l.wg.Go(func() { run(ctx) })
	return l, nil
}

// Close waits for the entries that were begun, and closes the store.
func (l *Ledger) Close() error {
	l.stop()
	l.wg.Wait()
	var err error
	if l.desk != nil {
		err = l.desk.close(l)
	}
	l.hangUp()
	return errors.Join(err, l.db.Close())
}

// do makes an entry and waits until it is written: at the desk, or by the clerk.
func (l *Ledger) do(ctx context.Context, account string, apply func(*work) error) error {
	if l.desk != nil {
		return l.desk.do(account, apply)
	}
	e := &entry{account: account, apply: apply, done: make(chan error, 1)}
	select {
	case l.entries <- e:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-e.done:
		return err
	case <-ctx.Done(): // it may be written all the same
		return ctx.Err()
	}
}

// Fold writes what the journal has into the tables that Spending reads.
func (l *Ledger) Fold(ctx context.Context) error {
	if l.desk == nil {
		return nil
	}
	return l.desk.fold(ctx, l)
}

// Keep writes down an account as the chain, or its operator, has it: what was charged and signed stays.
func (l *Ledger) Keep(ctx context.Context, a Account) error {
	return l.do(ctx, a.ID, func(w *work) error {
		have := w.account
		if have == nil {
			have = &Account{ID: a.ID}
			w.accounts[a.ID] = have
		}
		have.Channel, have.Payer, have.Key, have.Settled, have.Closing = a.Channel, a.Payer, a.Key, a.Settled, a.Closing
		have.Line.Limit, have.Line.Closing = a.Line.Limit, a.Closing > 0
		if a.Channel == 0 { // the operator vouches for it
			have.Line.Sign(a.Line.Limit)
		}
		w.dirty[a.ID] = true
		return nil
	})
}

// Account is a copy of an account. The error is ErrUnknown.
func (l *Ledger) Account(ctx context.Context, id string) (a Account, err error) {
	if l.desk != nil {
		return l.desk.account(id)
	}
	read := new(Account)
	err = l.do(ctx, id, func(w *work) error {
		have, err := w.known(id)
		if err == nil {
			*read = *have
		}
		return err
	})
	return *read, err
}

// Request is what a consumer asks for.
type Request struct {
	Account, ID string
	Named       bool // the consumer chose the id, and may send it again
	Ceiling     uint64
	Terms       voucher.Terms
	Held        *Held     // a checked voucher that comes with it
	Good        time.Time // until when the voucher that is held must be good
	Budget      Budget
}

// Reserve opens a request that may cost up to its ceiling. Errors: ErrUnknown, ErrDuplicate, ErrStore, those of
// voucher.Line.Reserve and of Account.Sign, ErrBudget, voucher.ErrExpired.
func (l *Ledger) Reserve(ctx context.Context, r Request) (a Account, err error) {
	err = l.do(ctx, r.Account, func(w *work) error {
		have, err := w.known(r.Account)
		if err != nil {
			return err
		}
		if r.Held != nil && have.renews(r.Held) {
			if err := have.Sign(*r.Held); err != nil {
				return err
			}
			w.dirty[have.ID] = true
		}
		a = *have
		if err := w.checkNew(r); err != nil {
			return err
		}
		if err := w.within(r, have); err != nil {
			return err
		}
		if have.Ends(r.Good) {
			return fmt.Errorf("%w, or will before it is claimed: sign for what was answered again", voucher.ErrExpired)
		}
		if err := have.Line.Reserve(r.Ceiling, r.Terms); err != nil {
			return err
		}
		a = *have
		return w.opens(r)
	})
	return a, err
}

// checkNew refuses a request that is open or was charged.
func (w *work) checkNew(r Request) error {
	if !w.dialect.shared {
		if _, is := w.open[place{r.Account, r.ID}]; is {
			return fmt.Errorf("%w: %.80q is open", ErrDuplicate, r.ID)
		}
		if r.Named && w.has(r.Account, r.ID) {
			return fmt.Errorf("%w: %.80q was charged", ErrDuplicate, r.ID)
		}
		return nil
	}
	if !r.Named {
		return nil
	}
	if err := w.begin(); err != nil {
		return err
	}
	was, err := w.charged(w.ctx, w.tx, r.Account, r.ID)
	if err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	if was {
		return fmt.Errorf("%w: %.80q was charged", ErrDuplicate, r.ID)
	}
	_, is, err := w.reserved(r.Account, r.ID)
	if err == nil && is {
		err = fmt.Errorf("%w: %.80q is open", ErrDuplicate, r.ID)
	}
	return err
}

func (w *work) opens(r Request) error {
	if !w.dialect.shared {
		w.open[place{r.Account, r.ID}] = r.Ceiling
		return nil
	}
	w.dirty[r.Account] = true
	w.opened = append(w.opened, reservation{r.Account, r.ID, r.Ceiling})
	return nil
}

// reserved finds what an open request holds.
func (w *work) reserved(account, request string) (ceiling uint64, is bool, err error) {
	if !w.dialect.shared {
		ceiling, is = w.open[place{account, request}]
		return ceiling, is, nil
	}
	for _, r := range w.opened {
		if r.account == account && r.request == request {
			return r.ceiling, true, nil
		}
	}
	if err := w.begin(); err != nil {
		return 0, false, err
	}
	err = w.tx.QueryRowContext(w.ctx, "SELECT ceiling FROM reservations WHERE account = $1 AND request = $2", account, request).Scan(&ceiling)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("%w: %w", errBroken, err)
	}
	return ceiling, true, nil
}

// Settle ends an open request and charges what it cost, at most its ceiling; a cost of 0 is nothing delivered, and is not
// written down. It returns the account as it is then. A request that is not open any more is an error: ErrUnknown.
func (l *Ledger) Settle(ctx context.Context, c Charge) (a Account, charged uint64, err error) {
	err = l.do(ctx, c.Account, func(w *work) error {
		have, err := w.known(c.Account)
		if err != nil {
			return err
		}
		ceiling, is, err := w.reserved(c.Account, c.Request)
		if err != nil {
			return err
		}
		if !is {
			return fmt.Errorf("%w: request %.80q is not open", ErrUnknown, c.Request)
		}
		w.closes(c.Account, c.Request)
		charged = have.Line.Settle(ceiling, c.Cost)
		if charged > 0 {
			w.charge(have, c, charged)
		}
		a = *have
		return nil
	})
	return a, charged, err
}

func (w *work) closes(account, request string) {
	if !w.dialect.shared {
		delete(w.open, place{account, request})
		return
	}
	w.dirty[account] = true
	w.closed = append(w.closed, reservation{account: account, request: request})
}

// charge writes an answer down, for the consumer and for the miner. What is cut of the cost the miner bears.
func (w *work) charge(a *Account, c Charge, charged uint64) {
	if charged < c.Cost {
		c.Base = min(c.Base, charged)
	}
	a.Parts = a.Parts.Plus(voucher.Parts{{Netuid: c.Netuid, Amount: charged}})
	l := line{
		account: a.ID, model: c.Model, at: w.when(c.At), netuid: c.Netuid, in: c.In, out: c.Out, cost: charged, base: c.Base,
		charged: a.Line.Charged, answered: a.Line.Answered, parts: a.Parts.Of(c.Netuid),
	}
	w.count(l)
	request := ""
	if c.Named {
		request = c.Request
		w.name(named{a.ID, c.Request, l.at})
	}
	if w.dialect.shared {
		w.dirty[a.ID] = true
		return
	}
	w.journal = appendText(l.append(append(w.journal, aCharge)), request)
	w.stale[a.ID] = true
}

// Sign writes a checked voucher down. Errors: ErrUnknown, ErrStore, those of Account.Sign.
func (l *Ledger) Sign(ctx context.Context, account string, h Held) (a Account, err error) {
	err = l.do(ctx, account, func(w *work) error {
		have, err := w.known(account)
		if err != nil {
			return err
		}
		if err := have.Sign(h); err != nil {
			return err
		}
		w.dirty[account] = true
		a = *have
		return nil
	})
	return a, err
}
