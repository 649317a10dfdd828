// Package receipts keeps the signed receipts of a gateway's answers for some days, by name. Prompts and answers are not
// kept: a receipt holds their hashes.
package receipts

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// Kept is how long a receipt can be asked for.
const Kept = 7 * 24 * time.Hour

// ErrUnknown says that there is no receipt of that name.
var ErrUnknown = errors.New("receipts: there is no receipt of that name: it was never signed, or is older than 7 days")

// Record is a receipt with what it can be checked by.
type Record struct {
	ID     string    `json:"id"`
	Signed string    `json:"receipt"`
	HotKey string    `json:"hot_key"` // peer id of who signed
	At     time.Time `json:"at"`
}

// Store keeps records in a file, in one bucket for each day. It is safe for concurrent use.
type Store struct{ db *bbolt.DB }

// Open opens the file, or makes it.
func Open(path string) (*Store, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 2 * time.Second})
	if err != nil {
		return nil, fmt.Errorf("receipts: open %s: %w", path, err)
	}
	return &Store{db}, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

const day = "2006-01-02"

// Keep writes records in one transaction and drops the days that are over.
func (s *Store) Keep(now time.Time, records []Record) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		if err := drop(tx, now.Add(-Kept).UTC().Format(day)); err != nil {
			return err
		}
		for _, r := range records {
			b, err := tx.CreateBucketIfNotExists([]byte(r.At.UTC().Format(day)))
			if err != nil {
				return err
			}
			value, err := json.Marshal(r)
			if err != nil {
				return err
			}
			if err := b.Put([]byte(r.ID), value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("receipts: keep: %w", err)
	}
	return nil
}

// drop removes the days before that one.
func drop(tx *bbolt.Tx, first string) error {
	var old [][]byte
	err := tx.ForEach(func(name []byte, _ *bbolt.Bucket) error {
		if string(name) < first {
			old = append(old, name)
		}
		return nil
	})
	for _, name := range old {
		err = errors.Join(err, tx.DeleteBucket(name))
	}
	return err
}

// Find returns the record of that name. The error is ErrUnknown where there is none.
func (s *Store) Find(id string) (Record, error) {
	var r Record
	err := s.db.View(func(tx *bbolt.Tx) error {
		days := tx.Cursor()
		for name, _ := days.Last(); name != nil; name, _ = days.Prev() {
			if value := tx.Bucket(name).Get([]byte(id)); value != nil {
				return json.Unmarshal(value, &r)
			}
		}
		return ErrUnknown
	})
	return r, err
}
