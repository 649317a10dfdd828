package ledger

import (
	"context"
	"fmt"
	"time"
)

// Spent is what one account paid for one model on one day.
type Spent struct {
	Day      string `json:"day"` // UTC, 2026-11-29
	Model    string `json:"model"`
	Netuid   uint32 `json:"netuid"`
	Requests uint64 `json:"requests"`
	In       uint64 `json:"tokens_in"`
	Out      uint64 `json:"tokens_out"`
	Cost     uint64 `json:"rao"`
	Base     uint64 `json:"miners_rao"`
}

const millisPerDay = 86_400_000

// Spending lists what was charged since a time, the latest day first; of one account, or of all where it is "". At most
// 1,000 lines.
func (l *Ledger) Spending(ctx context.Context, account string, since time.Time) (lines []Spent, err error) {
	if err := l.Fold(ctx); err != nil {
		return nil, err
	}
	list, err := l.db.QueryContext(ctx, `SELECT day, model, netuid, SUM(requests), SUM(tokens_in), SUM(tokens_out), SUM(cost), SUM(base)
		FROM spending WHERE day >= $1 AND ($2 = '' OR account = $2) GROUP BY 1, 2, 3 ORDER BY 1 DESC, 7 DESC LIMIT 1000`,
		since.UnixMilli()/millisPerDay, account)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	defer list.Close()
	for list.Next() {
		var s Spent
		var day int64
		if err := list.Scan(&day, &s.Model, &s.Netuid, &s.Requests, &s.In, &s.Out, &s.Cost, &s.Base); err != nil {
			return nil, fmt.Errorf("ledger: %w", err)
		}
		s.Day = time.UnixMilli(day * millisPerDay).UTC().Format(time.DateOnly)
		lines = append(lines, s)
	}
	return lines, list.Err()
}

// Accounts lists all accounts by name.
func (l *Ledger) Accounts(ctx context.Context) (all []Account, err error) {
	if l.desk != nil {
		return l.desk.accounts(), nil
	}
	err = l.each(ctx, "SELECT "+accountColumns+" FROM accounts ORDER BY id", func(row scanner) error {
		a, err := scanAccount(row)
		if err == nil {
			all = append(all, *a)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return all, nil
}

// Forget deletes the ids of requests charged before a day, so that the store does not grow for ever; they could be charged
// again. It returns how many went.
func (l *Ledger) Forget(ctx context.Context, before time.Time) (int64, error) {
	day := before.UnixMilli() / millisPerDay
	if l.desk != nil {
		l.desk.forget(day)
	}
	res, err := l.db.ExecContext(ctx, "DELETE FROM named WHERE at < $1", day*millisPerDay)
	if err != nil {
		return 0, fmt.Errorf("ledger: %w", err)
	}
	return res.RowsAffected()
}
