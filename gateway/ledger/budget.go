package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrBudget refuses a request that may cost more than is left of an account's budget.
var ErrBudget = errors.New("the budget has no room")

// Budget bounds what an account may spend in a day and in a month, by UTC, in rao; 0 is no bound.
type Budget struct{ Day, Month uint64 }

// spent is what an account was charged in the last day and the last month in which it was charged.
type spent struct {
	day, month   int64 // since 1970
	today, since uint64
}

// period is a day and its month, each counted since 1970.
type period struct{ day, month int64 }

// periods are those of a moment.
func periods(at time.Time) period {
	at = at.UTC()
	return period{at.UnixMilli() / millisPerDay, int64(at.Year()-1970)*12 + int64(at.Month()-time.January)}
}

// charge counts what is charged now.
func (s *spent) charge(at time.Time, rao uint64) {
	s.count(rao, s.now(at))
}

// now are the day and the month that count at a moment: a clock that was set back over midnight begins no budget anew, and ends none.
func (s *spent) now(at time.Time) period {
	p := periods(at)
	if p.day == s.day-1 {
		return period{s.day, s.month}
	}
	return p
}

// add counts a charge; one of an earlier day or month counts no more.
func (s *spent) add(at time.Time, rao uint64) { s.count(rao, periods(at)) }

func (s *spent) count(rao uint64, p period) {
	day, month := p.day, p.month
	if day > s.day {
		s.day, s.today = day, 0
	}
	if month > s.month {
		s.month, s.since = month, 0
	}
	if day == s.day {
		s.today += rao
	}
	if month == s.month {
		s.since += rao
	}
}

// of is what counts at a moment.
func (s *spent) of(at time.Time) (today, since uint64) {
	p := s.now(at)
	if p.day == s.day {
		today = s.today
	}
	if p.month == s.month {
		since = s.since
	}
	return today, since
}

// check refuses a request at a moment: spent + reserved + ceiling ≤ budget must hold for the day and for the month.
func (b Budget) check(s spent, reserved, ceiling uint64, at time.Time) error {
	today, since := s.of(at)
	at = at.UTC()
	for _, one := range []struct {
		name         string
		budget, used uint64
		until        time.Time
	}{
		{"day", b.Day, today, time.Date(at.Year(), at.Month(), at.Day()+1, 0, 0, 0, 0, time.UTC)},
		{"month", b.Month, since, time.Date(at.Year(), at.Month()+1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if one.budget > 0 && one.used+reserved+ceiling > one.budget {
			return fmt.Errorf("%w: the request may cost %d rao; of %d for this %s %d are spent and %d are held by open requests; it begins anew at %s",
				ErrBudget, ceiling, one.budget, one.name, one.used, reserved, one.until.Format(time.RFC3339))
		}
	}
	return nil
}

// within refuses what an account's budget has no room for.
func (w *work) within(r Request, a *Account) error {
	if r.Budget == (Budget{}) {
		return nil
	}
	now := w.when(w.own())
	s := w.spent[r.Account]
	if w.dialect.shared {
		var err error
		if s, err = w.readSpent(r.Account, now); err != nil {
			return fmt.Errorf("%w: %w", errBroken, err)
		}
	}
	if s == nil {
		s = &spent{}
	}
	return r.Budget.check(*s, a.Line.Reserved, r.Ceiling, now)
}

// spend counts a charge against the account's budgets.
func (b *book) spend(account string, at time.Time, rao uint64) {
	s := b.spent[account]
	if s == nil {
		s = &spent{}
		b.spent[account] = s
	}
	s.charge(at, rao)
}

const spentByDay = "SELECT account, day, SUM(cost) FROM spending WHERE day >= $1 AND ($2 = '' OR account = $2) GROUP BY account, day"

// monthBegan is the first day of a moment's month, since 1970.
func monthBegan(at time.Time) int64 {
	at = at.UTC()
	return time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC).UnixMilli() / millisPerDay
}

func scanSpent(row scanner) (account string, at time.Time, rao uint64, err error) {
	var day int64
	err = row.Scan(&account, &day, &rao)
	return account, time.UnixMilli(day * millisPerDay), rao, err
}

// readSpent sums up what a shared store has, and what this batch has charged: the account is locked, so nobody else writes.
func (w *work) readSpent(account string, now time.Time) (*spent, error) {
	if err := w.begin(); err != nil {
		return nil, err
	}
	list, err := w.tx.QueryContext(w.ctx, spentByDay, monthBegan(now), account)
	if err != nil {
		return nil, err
	}
	defer list.Close()
	s := spent{}
	if of := w.spent[account]; of != nil {
		s = *of
	}
	for list.Next() {
		_, at, rao, err := scanSpent(list)
		if err != nil {
			return nil, err
		}
		s.add(at, rao)
	}
	return &s, list.Err()
}

// readSpending reads what accounts spent this month.
func (l *Ledger) readSpending(ctx context.Context, b *book) error {
	list, err := l.db.QueryContext(ctx, spentByDay, monthBegan(time.Now()), "")
	if err != nil {
		return err
	}
	defer list.Close()
	for list.Next() {
		account, at, rao, err := scanSpent(list)
		if err != nil {
			return err
		}
		b.spend(account, at, rao)
	}
	return list.Err()
}
