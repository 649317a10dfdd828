package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// migrations bring a store from one version to the next; BYTES is the dialect's type, TAIL ends a table whose rows lie in
// their key. What stands here never changes.
var migrations = []string{
	`CREATE TABLE accounts (
		id TEXT PRIMARY KEY, channel BIGINT NOT NULL, payer TEXT NOT NULL, key BYTES,
		most BIGINT NOT NULL, signed BIGINT NOT NULL, charged BIGINT NOT NULL, reserved BIGINT NOT NULL, open BIGINT NOT NULL,
		answered BIGINT NOT NULL, paid BIGINT NOT NULL, closing BIGINT NOT NULL, settled BIGINT NOT NULL,
		parts BYTES, promise BYTES, signature BYTES)TAIL;
	CREATE TABLE spending (
		account TEXT NOT NULL, day BIGINT NOT NULL, netuid BIGINT NOT NULL, model TEXT NOT NULL, requests BIGINT NOT NULL,
		tokens_in BIGINT NOT NULL, tokens_out BIGINT NOT NULL, cost BIGINT NOT NULL, base BIGINT NOT NULL,
		PRIMARY KEY (account, day, netuid, model))TAIL;
	CREATE TABLE named (account TEXT NOT NULL, request TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (account, request))TAIL;
	CREATE TABLE journal (seq BIGINT PRIMARY KEY, entries BYTES NOT NULL);
	CREATE TABLE reservations (
		account TEXT NOT NULL, request TEXT NOT NULL, gateway TEXT NOT NULL, ceiling BIGINT NOT NULL, until BIGINT NOT NULL,
		PRIMARY KEY (account, request));
	CREATE TABLE debts (
		payee TEXT PRIMARY KEY, channel BIGINT NOT NULL, owed BYTES, promise BYTES, signature BYTES);
	CREATE TABLE keys (
		hash TEXT PRIMARY KEY, id TEXT NOT NULL, document BYTES NOT NULL);`,
	// The journal lies beside the store, which says up to where it has it; changes of keys are counted.
	`CREATE TABLE folded (frame BIGINT NOT NULL);
	INSERT INTO folded VALUES (0);
	CREATE TABLE key_changes (number BIGINT NOT NULL);
	INSERT INTO key_changes VALUES (0);`,
}

// migrate brings the store to this program's version. One of a newer program is refused, since it may keep more.
func migrate(ctx context.Context, db *sql.DB, d dialect) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after the commit it is nothing
	if d.shared {                        // several gateways may start at once
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(4700)"); err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
	}
	version, err := versionOf(ctx, tx)
	if err != nil {
		return fmt.Errorf("ledger: version: %w", err)
	}
	if version > len(migrations) {
		return fmt.Errorf("ledger: its version is %d, this program knows %d: use the newer program", version, len(migrations))
	}
	for i := version; i < len(migrations); i++ {
		for statement := range strings.SplitSeq(strings.NewReplacer("BYTES", d.bytes, "TAIL", d.tail).Replace(migrations[i]), ";") {
			if strings.TrimSpace(statement) == "" {
				continue
			}
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("ledger: migration %d: %w", i+1, err)
			}
		}
	}
	if _, err := tx.ExecContext(ctx, "UPDATE ledger_version SET version = $1", len(migrations)); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return tx.Commit()
}

func versionOf(ctx context.Context, tx *sql.Tx) (version int, err error) {
	if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS ledger_version (version BIGINT NOT NULL)"); err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, "SELECT version FROM ledger_version").Scan(&version)
	if err == sql.ErrNoRows {
		_, err = tx.ExecContext(ctx, "INSERT INTO ledger_version VALUES (0)")
	}
	return version, err
}
