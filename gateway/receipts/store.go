// Package receipts keeps the signed receipts of a gateway's answers for some days, by name. Prompts and answers are not
// kept: a receipt holds their hashes.
package receipts

import (
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

// Store keeps records in a file, in one bucket for each day, and beside it the notes of those that are not kept yet. Keep is for
// one goroutine, the rest is safe for concurrent use.
type Store struct {
	db    *bbolt.DB
	notes notes
}

// Open opens the files, or makes them. What a program before noted and did not settle is left: see Left.
func Open(path string) (*Store, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 2 * time.Second})
	if err != nil {
		return nil, fmt.Errorf("receipts: open %s: %w", path, err)
	}
	s := &Store{db: db, notes: notes{where: path}}
	if err := s.notes.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("receipts: read what was noted: %w", err), s.Close())
	}
	return s, nil
}

// Note writes a note down until it is kept, or forgotten, in about a microsecond. The program may be killed after that, the
// machine may not. Where the error is not nil the note is in memory alone.
func (s *Store) Note(n *Note) (*Noted, error) {
	one, err := s.notes.add(n)
	if err != nil {
		err = fmt.Errorf("receipts: note: %w", err)
	}
	return one, err
}

// Leave puts notes back for Left.
func (s *Store) Leave(of ...*Noted) {
	s.notes.mu.Lock()
	defer s.notes.mu.Unlock()
	s.notes.left = append(s.notes.left, of...)
}

// Left takes at most so many of the notes that nobody has at hand: of a program that was killed, and those that were put back.
func (s *Store) Left(most int) []*Noted {
	s.notes.mu.Lock()
	defer s.notes.mu.Unlock()
	n := min(most, len(s.notes.left))
	taken := s.notes.left[:n:n]
	s.notes.left = s.notes.left[n:]
	return taken
}

// Forget settles a note that is not to be kept.
func (s *Store) Forget(n *Noted) error { return s.notes.settle([]*Noted{n}) }

// Close closes the files. Nothing may be kept after it; a note is then in memory alone.
func (s *Store) Close() error { return errors.Join(s.notes.close(), s.db.Close()) }

const dayName = "2006-01-02" // of a day's bucket

// Keep writes the records of notes in one transaction, settles them, and drops the days that are over. After an error new notes
// take no more of the disk until it succeeds.
func (s *Store) Keep(now time.Time, of []*Noted) error {
	err := s.write(now, of)
	s.notes.mu.Lock()
	s.notes.tight = err != nil
	s.notes.mu.Unlock()
	if err != nil {
		return fmt.Errorf("receipts: keep: %w", err)
	}
	if err := s.notes.settle(of); err != nil {
		return fmt.Errorf("receipts: settle: %w", err)
	}
	return nil
}

func (s *Store) write(now time.Time, of []*Noted) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		if err := drop(tx, now.Add(-Kept).UTC().Format(dayName)); err != nil {
			return err
		}
		for len(of) > 0 {
			name := of[0].At.UTC().Format(dayName)
			end := 1
			for end < len(of) && of[end].At.UTC().Format(dayName) == name {
				end++
			}
			b, err := tx.CreateBucketIfNotExists([]byte(name))
			if err != nil {
				return err
			}
			if err := add(b, of[:end]); err != nil {
				return err
			}
			of = of[end:]
		}
		return nil
	})
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
			var ok bool
			var err error
			if r, ok, err = find(tx.Bucket(name), id); ok || err != nil {
				return err
			}
		}
		return ErrUnknown
	})
	return r, err
}
