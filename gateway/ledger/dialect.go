package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	_ "modernc.org/sqlite"             // driver "sqlite"
)

// dialect is what differs between the two stores.
type dialect struct {
	shared bool   // other gateways write too
	lock   string // ends a query that reads accounts to change them
	bytes  string // type of a column of bytes
	tail   string // of a table whose rows lie in their key
}

var (
	sqlite     = dialect{bytes: "BLOB", tail: " WITHOUT ROWID"}
	postgreSQL = dialect{shared: true, lock: " ORDER BY id FOR UPDATE", bytes: "BYTEA"}
)

// connect opens the database that where names: a URL of PostgreSQL, or a file.
func connect(ctx context.Context, where string) (*sql.DB, dialect, error) {
	if IsShared(where) {
		db, err := sql.Open("pgx", where)
		if err == nil {
			err = db.PingContext(ctx)
		}
		if err != nil {
			return nil, postgreSQL, fmt.Errorf("ledger: PostgreSQL: %w", withoutSecret(err, where))
		}
		db.SetMaxOpenConns(4)
		return db, postgreSQL, nil
	}
	// What was committed stays, whatever comes: a fold ends the part of the journal that it has. There is one in minutes.
	db, err := sql.Open("sqlite", "file:"+where+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		return nil, sqlite, fmt.Errorf("ledger: %w", err)
	}
	db.SetMaxOpenConns(4) // the clerk, what it prepares, and readers
	return db, sqlite, db.PingContext(ctx)
}

// withoutSecret keeps a URL's password out of an error.
func withoutSecret(err error, where string) error {
	return errors.New(strings.ReplaceAll(err.Error(), where, "the URL given"))
}

// arguments are n places for values, "$1, $2, …", beginning after from.
func arguments(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", from+i+1)
	}
	return b.String()
}

// rows are places for n rows of width values.
func rows(n, width int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(" + arguments(i*width, width) + ")")
	}
	return b.String()
}
