package burst

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// kept is how many moments a book remembers of a subnet.
const kept = 16

// Book keeps rows over restarts: what was kept is on the disk when the call returns. It is safe for concurrent use.
type Book struct {
	db *bbolt.DB

	mu   sync.Mutex
	own  map[uint32][]Row              // by netuid; by moment
	told map[uint32]map[[32]byte][]Row // by netuid and voice
}

var (
	ownBucket  = []byte("own")  // netuid, moment → Row
	toldBucket = []byte("told") // netuid, voice → rows
)

// Open opens the file, or makes it.
func Open(path string) (*Book, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 2 * time.Second})
	if err != nil {
		return nil, fmt.Errorf("burst: open %s: %w", path, err)
	}
	b := &Book{db: db, own: map[uint32][]Row{}, told: map[uint32]map[[32]byte][]Row{}}
	if err := b.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("burst: open %s: %w; move it away to begin anew: what others tell takes its place", path, err), db.Close())
	}
	return b, nil
}

// Close closes the file.
func (b *Book) Close() error { return b.db.Close() }

func (b *Book) load() error {
	return b.db.Update(func(tx *bbolt.Tx) error {
		own, err := tx.CreateBucketIfNotExists(ownBucket)
		if err != nil {
			return err
		}
		told, err := tx.CreateBucketIfNotExists(toldBucket)
		if err != nil {
			return err
		}
		return errors.Join(own.ForEach(b.loadOwn), told.ForEach(b.loadTold))
	})
}

func (b *Book) loadOwn(k, text []byte) error {
	var r Row
	if err := json.Unmarshal(text, &r); err != nil || len(k) != 12 {
		return fmt.Errorf("row %x is damaged: %w", k, errors.Join(err))
	}
	netuid := binary.BigEndian.Uint32(k)
	b.own[netuid] = append(b.own[netuid], r)
	return nil
}

func (b *Book) loadTold(k, text []byte) error {
	var rows []Row
	if err := json.Unmarshal(text, &rows); err != nil || len(k) != 36 {
		return fmt.Errorf("rows of %x are damaged: %w", k, errors.Join(err))
	}
	b.setTold(binary.BigEndian.Uint32(k), [32]byte(k[4:]), rows)
	return nil
}

func (b *Book) setTold(netuid uint32, voice [32]byte, rows []Row) {
	if b.told[netuid] == nil {
		b.told[netuid] = map[[32]byte][]Row{}
	}
	b.told[netuid][voice] = rows
}

func rowKey(netuid uint32, moment int64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, netuid), uint64(moment))
}

// Keep writes what was measured at a moment, and drops what is older than the last 16. A row of the same moment replaces the one before.
func (b *Book) Keep(netuid uint32, r Row) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	rows := slices.DeleteFunc(slices.Clone(b.own[netuid]), func(o Row) bool { return o.Moment == r.Moment })
	rows = append(rows, r)
	slices.SortFunc(rows, func(x, y Row) int { return int(min(max(x.Moment-y.Moment, -1), 1)) })
	old := rows[:max(0, len(rows)-kept)]
	err = b.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(ownBucket)
		for _, o := range old {
			if err := bucket.Delete(rowKey(netuid, o.Moment)); err != nil {
				return err
			}
		}
		return bucket.Put(rowKey(netuid, r.Moment), text)
	})
	if err == nil {
		b.own[netuid] = slices.Clone(rows[len(old):])
	}
	return err
}

// Hear replaces what a voice tells.
func (b *Book) Hear(netuid uint32, voice [32]byte, rows []Row) error {
	text, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	err = b.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(toldBucket).Put(append(binary.BigEndian.AppendUint32(nil, netuid), voice[:]...), text)
	})
	if err == nil {
		b.setTold(netuid, voice, rows)
	}
	return err
}

// Own are the rows of the last moments, by moment. They are not to be changed.
func (b *Book) Own(netuid uint32) []Row {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.own[netuid]
}
