// Package receipts keeps the signed receipts of a gateway's answers for some days, by name. Prompts and answers are not
// kept: a receipt holds their hashes.
package receipts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
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

// Store keeps records in a file, in one bucket for each day, and beside it, line by line, those that are noted and not kept yet. Note and
// Keep are for one goroutine, the rest is safe for concurrent use.
type Store struct {
	db    *bbolt.DB
	noted *os.File
}

// maxNoted bounds the lines of a program that was killed, in bytes; they are a few seconds' records.
const maxNoted = 64 << 20

// Open opens the files, or makes them, and keeps what was noted before.
func Open(path string) (_ *Store, err error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 2 * time.Second})
	if err != nil {
		return nil, fmt.Errorf("receipts: open %s: %w", path, err)
	}
	s := &Store{db: db}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.noted, err = os.OpenFile(path+".noted", os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
		return nil, fmt.Errorf("receipts: %w", err)
	}
	left, err := io.ReadAll(io.LimitReader(s.noted, maxNoted))
	if err != nil {
		return nil, fmt.Errorf("receipts: read what was noted: %w", err)
	}
	if found := recordsIn(left); len(found) > 0 {
		err = s.Keep(time.Now(), found)
	}
	return s, err
}

// recordsIn reads lines of records. A line that was cut, as the last may be, is none.
func recordsIn(lines []byte) (records []Record) {
	for line := range bytes.Lines(lines) {
		var r Record
		if json.Unmarshal(line, &r) == nil && r.ID != "" {
			records = append(records, r)
		}
	}
	return records
}

// Note writes a record down until it is kept. The program may be killed after that, the machine may not.
func (s *Store) Note(r Record) error {
	line, err := json.Marshal(r)
	if err == nil {
		_, err = s.noted.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("receipts: note: %w", err)
	}
	return nil
}

// Close closes the files.
func (s *Store) Close() error {
	if s.noted == nil {
		return s.db.Close()
	}
	return errors.Join(s.noted.Close(), s.db.Close())
}

const day = "2006-01-02"

// Keep writes records, all that were noted, in one transaction, and drops the days that are over.
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
	if err := s.noted.Truncate(0); err != nil {
		return fmt.Errorf("receipts: forget what was noted: %w", err)
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
