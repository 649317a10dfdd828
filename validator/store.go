package validator

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// store keeps what must outlive the process. Every write is on the disk when its call returns.
type store struct {
	db    *bbolt.DB
	fault func() error // nil but in tests: called before and after every write, to end the program there
}

// ErrStore says that the validator's store cannot be used.
var ErrStore = errors.New("validator's store")

var (
	metaBucket    = []byte("meta")    // "chain" → chain id
	seedBucket    = []byte("seeds")   // netuid → seed
	commitBucket  = []byte("commits") // netuid, epoch → commitment
	boardBucket   = []byte("boards")  // netuid → snapshot of the board
	journalBucket = []byte("journal") // netuid, number → what happened to the board since the snapshot
)

// lockWait bounds the wait for another process to let go of the file.
const lockWait = 2 * time.Second

func openStore(path, chainID string) (*store, error) {
	db, err := openFile(path)
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("%w %s is in use: another validator runs on it", ErrStore, path)
	}
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w; move it away to begin anew, at the price of what was not yet revealed", ErrStore, path, err)
	}
	s := &store{db: db}
	if err := s.claim(chainID); err != nil {
		return nil, errors.Join(fmt.Errorf("%w %s: %w", ErrStore, path, err), db.Close())
	}
	return s, nil
}

// openFile opens the database and checks that the file holds all of it: reading past its end would end the program.
func openFile(path string) (db *bbolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("it is damaged: %v", fault)
		}
	}()
	if db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait}); err != nil {
		return nil, err
	}
	err = db.View(func(tx *bbolt.Tx) error {
		info, err := os.Stat(path)
		if err == nil && info.Size() < tx.Size() {
			err = fmt.Errorf("it is damaged: %d bytes of %d are left", info.Size(), tx.Size())
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// claim ties the store to one chain.
func (s *store) claim(chainID string) error {
	return s.write(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{metaBucket, seedBucket, commitBucket, boardBucket, journalBucket} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		meta := tx.Bucket(metaBucket)
		if have := meta.Get([]byte("chain")); have != nil && string(have) != chainID {
			return fmt.Errorf("it belongs to chain %q, not %q; name another file", have, chainID)
		}
		return meta.Put([]byte("chain"), []byte(chainID))
	})
}

// write runs change in one transaction, which is on the disk when it returns nil.
func (s *store) write(change func(*bbolt.Tx) error) error {
	if s.fault == nil {
		return s.db.Update(change)
	}
	if err := s.fault(); err != nil {
		return err
	}
	if err := s.db.Update(change); err != nil {
		return err
	}
	return s.fault()
}

func (s *store) close() error { return s.db.Close() }

// seed returns a subnet's seed in use; ok is false if there is none.
func (s *store) seed(netuid uint32) (record seedRecord, ok bool, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		ok, err = get(tx.Bucket(seedBucket), key(netuid), &record)
		return err
	})
	return record, ok, err
}

func (s *store) setSeed(netuid uint32, record seedRecord) error {
	return s.write(func(tx *bbolt.Tx) error { return put(tx.Bucket(seedBucket), key(netuid), record) })
}

// commitments returns a subnet's commits that are not yet revealed, by epoch.
func (s *store) commitments(netuid uint32) (list []commitment, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		return each(tx.Bucket(commitBucket), key(netuid), func(_ []byte, c commitment) { list = append(list, c) })
	})
	return list, err
}

// commitment returns the commit of one epoch; ok is false if there is none.
func (s *store) commitment(netuid uint32, epoch uint64) (c commitment, ok bool, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		ok, err = get(tx.Bucket(commitBucket), key(netuid, epoch), &c)
		return err
	})
	return c, ok, err
}

func (s *store) setCommitment(c commitment) error {
	return s.write(func(tx *bbolt.Tx) error { return put(tx.Bucket(commitBucket), key(c.NetUID, c.Epoch), c) })
}

func (s *store) forget(c commitment) error {
	return s.write(func(tx *bbolt.Tx) error { return tx.Bucket(commitBucket).Delete(key(c.NetUID, c.Epoch)) })
}

// note appends to a board's journal.
func (s *store) note(netuid uint32, number uint64, e entry) error {
	return s.write(func(tx *bbolt.Tx) error { return put(tx.Bucket(journalBucket), key(netuid, number), e) })
}

// history returns a board's snapshot, nil if there is none, and the journal from there on.
func (s *store) history(netuid uint32) (board []byte, journal []entry, next uint64, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		if b := tx.Bucket(boardBucket).Get(key(netuid)); b != nil {
			board = append([]byte{}, b...)
		}
		return each(tx.Bucket(journalBucket), key(netuid), func(k []byte, e entry) {
			journal = append(journal, e)
			next = binary.BigEndian.Uint64(k[4:]) + 1
		})
	})
	return board, journal, next, err
}

// snapshot replaces a board's snapshot and drops the journal that it contains.
func (s *store) snapshot(netuid uint32, board []byte) error {
	return s.write(func(tx *bbolt.Tx) error {
		if err := tx.Bucket(boardBucket).Put(key(netuid), board); err != nil {
			return err
		}
		return dropAll(tx.Bucket(journalBucket), key(netuid))
	})
}

// key is netuid in 4 bytes and, where given, a number in 8, big-endian, so that keys sort as numbers do.
func key(netuid uint32, number ...uint64) []byte {
	k := binary.BigEndian.AppendUint32(nil, netuid)
	for _, n := range number {
		k = binary.BigEndian.AppendUint64(k, n)
	}
	return k
}

func put(b *bbolt.Bucket, k []byte, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return b.Put(k, data)
}

func get(b *bbolt.Bucket, k []byte, v any) (bool, error) {
	data := b.Get(k)
	if data == nil {
		return false, nil
	}
	return true, decodeRecord(k, data, v)
}

// each decodes every value whose key begins with prefix, in order.
func each[T any](b *bbolt.Bucket, prefix []byte, visit func(k []byte, v T)) error {
	c := b.Cursor()
	for k, data := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, data = c.Next() {
		var v T
		if err := decodeRecord(k, data, &v); err != nil {
			return err
		}
		visit(k, v)
	}
	return nil
}

func dropAll(b *bbolt.Bucket, prefix []byte) error {
	c := b.Cursor()
	for k, _ := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, _ = c.Seek(prefix) {
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}

func decodeRecord(k, data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%w: record %x is damaged: %w", ErrStore, k, err)
	}
	return nil
}
