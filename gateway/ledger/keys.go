package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Keys are consumers' keys in a database that several gateways share. Which fields a key has is its owner's affair: here it
// is a document under the hash of its secret.
type Keys struct{ db *sql.DB }

// Document is one key.
type Document struct {
	Hash, ID string
	Text     []byte
}

// IsShared tells whether where names a database that gateways share, and not a file.
func IsShared(where string) bool {
	return strings.HasPrefix(where, "postgres://") || strings.HasPrefix(where, "postgresql://")
}

// OpenKeys opens the keys of a shared database, postgres://user:password@host/database.
func OpenKeys(ctx context.Context, where string) (*Keys, error) {
	if !IsShared(where) {
		return nil, errors.New("ledger: keys are shared in a PostgreSQL, postgres://user:password@host/database")
	}
	db, d, err := connect(ctx, where)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, db, d); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Keys{db}, nil
}

// Close ends the connections.
func (k *Keys) Close() error { return k.db.Close() }

// Changes is the number of times that keys were changed, and the database's time.
func (k *Keys) Changes(ctx context.Context) (number any, now time.Time, err error) {
	var n int64
	err = k.db.QueryRowContext(ctx, "SELECT number, clock_timestamp() FROM key_changes").Scan(&n, &now)
	if err != nil {
		return nil, now, fmt.Errorf("ledger: keys: %w", err)
	}
	return n, now, nil
}

// Read lists all keys, in the order of their hashes.
func (k *Keys) Read(ctx context.Context) ([]Document, error) { return readKeys(ctx, k.db) }

// reader is a database or a transaction.
type reader interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func readKeys(ctx context.Context, from reader) (all []Document, err error) {
	list, err := from.QueryContext(ctx, "SELECT hash, id, document FROM keys ORDER BY hash")
	if err != nil {
		return nil, fmt.Errorf("ledger: keys: %w", err)
	}
	defer list.Close()
	for list.Next() {
		var d Document
		if err := list.Scan(&d.Hash, &d.ID, &d.Text); err != nil {
			return nil, fmt.Errorf("ledger: keys: %w", err)
		}
		all = append(all, d)
	}
	return all, list.Err()
}

// Edit changes keys: of all that there are it writes those that change returns. One edit waits for another.
func (k *Keys) Edit(ctx context.Context, change func([]Document) ([]Document, error)) error {
	tx, err := k.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("ledger: keys: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after the commit it is nothing
	if _, err := tx.ExecContext(ctx, "UPDATE key_changes SET number = number + 1"); err != nil {
		return fmt.Errorf("ledger: keys: %w", err)
	}
	all, err := readKeys(ctx, tx)
	if err != nil {
		return err
	}
	changed, err := change(all)
	if err != nil {
		return err
	}
	for _, d := range changed {
		_, err := tx.ExecContext(ctx, "INSERT INTO keys (hash, id, document) VALUES ($1, $2, $3) ON CONFLICT (hash) DO UPDATE SET id = excluded.id, document = excluded.document",
			d.Hash, d.ID, d.Text)
		if err != nil {
			return fmt.Errorf("ledger: keys: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("ledger: keys: %w", err)
	}
	return nil
}
