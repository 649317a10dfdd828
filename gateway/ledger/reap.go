package ledger

import (
	"context"
	"fmt"
)

// databaseTime is PostgreSQL's clock, in seconds.
const databaseTime = "extract(epoch FROM now())::BIGINT"

// Reap ends the open requests of gateways that are gone: their leases have run out. It returns how many. With a file there
// are none.
func (l *Ledger) Reap(ctx context.Context) (ended int, err error) {
	if !l.dialect.shared {
		return 0, nil
	}
	list, err := l.db.QueryContext(ctx, "SELECT account, request FROM reservations WHERE until < "+databaseTime+" LIMIT 1000")
	if err != nil {
		return 0, fmt.Errorf("ledger: %w", err)
	}
	var old []Charge
	for list.Next() {
		var c Charge
		if err := list.Scan(&c.Account, &c.Request); err != nil {
			list.Close()
			return 0, fmt.Errorf("ledger: %w", err)
		}
		old = append(old, c)
	}
	list.Close()
	for _, c := range old {
		if _, _, err := l.Settle(ctx, c); err != nil {
			return ended, err
		}
		ended++
	}
	return ended, list.Err()
}
