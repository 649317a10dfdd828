package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// The journal is folded into the store when it is this old, or this long, and synced to the disk this often.
const (
	foldEvery = 5 * time.Minute
	foldAt    = 8 << 20 // bytes
	syncEvery = 100 * time.Millisecond
)

// desk keeps the accounts of a file in memory, where nobody else writes. Whoever makes an entry changes them under the lock
// and waits until the journal has it: who gets the pen first writes for all of them.
type desk struct {
	folding sync.Mutex // one fold at a time; before the pen

	pen     sync.Mutex // guards the journal; before mu
	journal journal

	mu       sync.Mutex // guards the book and what follows
	book     *book
	work     work   // of the entry that is made
	pending  []byte // records that no frame has yet
	spare    []byte
	next     *frame // of pending
	stuck    bool   // pending could not be written: no entry is taken before it is
	closed   bool
	unfolded int // bytes of records
	unsynced bool
	folded   time.Time
}

// frame is one write to the journal that somebody waits for. The pen guards it.
type frame struct {
	done bool // it is written, or cannot be
	err  error
}

func newDesk(l *Ledger, where string) *desk {
	b := newBook()
	return &desk{book: b, work: work{Ledger: l, book: b}, next: new(frame), journal: journal{where: where}, folded: time.Now()}
}

// do makes an entry and waits until it is written. What an entry that is refused has changed all the same is written too.
func (d *desk) do(account string, apply func(*work) error) error {
	d.mu.Lock()
	if d.closed || d.stuck {
		d.mu.Unlock()
		return errDesk
	}
	d.work.account = d.book.accounts[account]
	err := apply(&d.work)
	before := len(d.pending)
	d.pending = d.book.record(d.pending)
	written := len(d.pending) - before
	d.unfolded += written
	mine := d.next
	d.mu.Unlock()
	if written == 0 {
		return err
	}
	d.pen.Lock()
	defer d.pen.Unlock()
	if !mine.done {
		d.write()
	}
	if mine.err != nil {
		return mine.err
	}
	return err
}

// errDesk is an entry that is not taken.
var errDesk = fmt.Errorf("%w: it is closing, or its disk is full", ErrStore)

// account is a copy of an account.
func (d *desk) account(id string) (Account, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.stuck {
		return Account{}, errDesk
	}
	a := d.book.accounts[id]
	if a == nil {
		return Account{}, fmt.Errorf("%w: %s", ErrUnknown, id)
	}
	return *a, nil
}

// write puts what is pending into a frame and tells who waits. Its caller has the pen.
func (d *desk) write() {
	d.mu.Lock()
	records, f := d.pending, d.next
	if len(records) == 0 {
		d.mu.Unlock()
		return
	}
	d.pending, d.next = d.spare[:0], new(frame)
	d.mu.Unlock()
	err := d.journal.write(records)
	d.mu.Lock()
	if d.stuck = err != nil; d.stuck {
		f.err = fmt.Errorf("%w: %w", ErrStore, err)
		d.pending = append(records, d.pending...)
	} else {
		d.spare, d.unsynced = records, true
	}
	d.mu.Unlock()
	f.done = true
}

// record writes what an entry changed behind b, and forgets that it changed.
func (b *book) record(records []byte) []byte {
	records = append(records, b.journal...)
	b.journal = b.journal[:0]
	if len(b.dirty)+len(b.changed) == 0 {
		return records
	}
	for id := range b.dirty {
		records = appendAccount(records, b.accounts[id])
		b.stale[id] = true
	}
	clear(b.dirty)
	for payee := range b.changed {
		records = appendDebt(records, b.debts[payee])
		b.owing[payee] = true
	}
	clear(b.changed)
	return records
}

// open reads the store and plays the journal. Requests that were open when the program ended are not charged.
func (d *desk) open(ctx context.Context, l *Ledger) error {
	if err := l.readBook(ctx, d.book); err != nil {
		return err
	}
	if err := l.readSpending(ctx, d.book); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	after, err := l.foldedUntil(ctx)
	if err != nil {
		return err
	}
	if err := d.journal.recall(after, d.book.replay); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if err := d.journal.turn(); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if err := d.fold(ctx, l); err != nil {
		return err
	}
	return d.journal.drop(d.journal.journalName(d.journal.frame + 1))
}

// keep syncs and folds until ctx ends.
func (d *desk) keep(ctx context.Context, l *Ledger) {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		d.mu.Lock()
		stuck, sync, due := d.stuck, d.unsynced, d.unfolded >= foldAt || d.unfolded > 0 && time.Since(d.folded) >= foldEvery
		d.unsynced = false
		d.mu.Unlock()
		if stuck {
			d.pen.Lock()
			d.write()
			d.pen.Unlock()
		}
		if due {
			fctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), foldLimit)
			_ = d.fold(fctx, l) // what fails stays in the journal, and is folded later
			cancel()
		} else if sync {
			d.sync()
		}
	}
}

// foldLimit is for one fold: a day's accounts take seconds on a slow disk.
const foldLimit = time.Minute

// sync makes what was written outlast a power cut, and notes up to where. Writers do not wait for it.
func (d *desk) sync() {
	d.folding.Lock() // the file stays
	defer d.folding.Unlock()
	_ = d.syncFile() // a disk that fails says so at the fold
}

// syncFile is sync for who folds.
func (d *desk) syncFile() error {
	d.pen.Lock()
	length := d.journal.good
	d.pen.Unlock()
	if err := d.journal.file.Sync(); err != nil {
		return err
	}
	d.pen.Lock()
	defer d.pen.Unlock()
	return d.journal.vouch(length)
}

// fold writes into the store what the journal has, and ends the journal's files.
func (d *desk) fold(ctx context.Context, l *Ledger) error {
	d.folding.Lock()
	defer d.folding.Unlock()
	if err := d.syncFile(); err != nil { // so that turn, for which everybody waits, has little to sync
		return fmt.Errorf("ledger: %w", err)
	}
	part, name, err := d.turn()
	if err != nil || part == nil {
		return err
	}
	if err := l.writeFold(ctx, part); err != nil {
		d.putBack(part)
		return err
	}
	return d.journal.drop(name)
}

// fold is what the store does not have yet, up to a frame.
type fold struct {
	accounts, debts, named [][]any
	sums                   map[sum]*Spent
	ids, payees            []string
	names                  []named
	frame                  uint64
	bytes                  int
}

// turn takes what is to be folded, and turns to a new file. It returns nothing where there is nothing.
func (d *desk) turn() (*fold, string, error) {
	d.pen.Lock()
	defer d.pen.Unlock()
	d.write()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.folded = time.Now()
	b := d.book
	if len(b.stale)+len(b.sums)+len(b.owing)+len(b.named) == 0 {
		return nil, "", nil
	}
	if err := d.writeRest(); err != nil {
		return nil, "", fmt.Errorf("ledger: %w", err)
	}
	if err := d.journal.turn(); err != nil {
		return nil, "", fmt.Errorf("ledger: %w", err)
	}
	part := &fold{
		sums: b.sums, names: b.named, frame: d.journal.frame, bytes: d.unfolded,
		ids: slices.Collect(maps.Keys(b.stale)), payees: slices.Collect(maps.Keys(b.owing)),
	}
	for _, id := range part.ids {
		part.accounts = append(part.accounts, b.accounts[id].values())
	}
	for _, payee := range part.payees {
		part.debts = append(part.debts, b.debts[payee].values())
	}
	for _, n := range part.names {
		part.named = append(part.named, []any{n.account, n.request, n.at.UnixMilli()})
	}
	b.sums, b.named, d.unfolded = map[sum]*Spent{}, nil, 0
	clear(b.stale)
	clear(b.owing)
	return part, d.journal.journalName(d.journal.frame + 1), nil
}

// writeRest writes what came since: what is folded now must not be played after it. The lock is held, and the caller has
// the pen.
func (d *desk) writeRest() error {
	if len(d.pending) == 0 {
		return nil
	}
	err := d.journal.write(d.pending)
	if d.stuck = err != nil; d.stuck {
		return err
	}
	d.pending, d.next.done = d.pending[:0], true
	d.next = new(frame)
	return nil
}

// putBack makes what could not be folded stale again.
func (d *desk) putBack(part *fold) {
	d.mu.Lock()
	defer d.mu.Unlock()
	b := d.book
	for at, s := range part.sums {
		if have := b.sums[at]; have != nil {
			s.Requests, s.In, s.Out, s.Cost, s.Base = s.Requests+have.Requests, s.In+have.In, s.Out+have.Out, s.Cost+have.Cost, s.Base+have.Base
		}
		b.sums[at] = s
	}
	for _, id := range part.ids {
		b.stale[id] = true
	}
	for _, payee := range part.payees {
		b.owing[payee] = true
	}
	b.named = append(part.names, b.named...)
	d.unfolded += part.bytes
}

// close ends the desk: no entry is taken any more, and the journal is folded.
func (d *desk) close(l *Ledger) error {
	ctx, cancel := context.WithTimeout(context.Background(), foldLimit)
	defer cancel()
	d.mu.Lock()
	before := d.closed
	d.closed = true
	d.mu.Unlock()
	if before {
		return nil
	}
	err := d.fold(ctx, l)
	d.pen.Lock()
	defer d.pen.Unlock()
	return errors.Join(err, d.journal.file.End(d.journal.good))
}

// accounts are copies of all accounts, by name.
func (d *desk) accounts() (all []Account) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(d.book.accounts)) {
		all = append(all, *d.book.accounts[id])
	}
	return all
}

// debts are copies of all debts, by payee.
func (d *desk) debts() (all []Debt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, payee := range slices.Sorted(maps.Keys(d.book.debts)) {
		all = append(all, *d.book.debts[payee])
	}
	return all
}

// forget drops the ids of requests charged before a day.
func (d *desk) forget(day int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.book.names, func(_ uint64, at int64) bool { return at < day })
}
