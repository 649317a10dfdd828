package audit

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// ServerID is a seat since it was taken.
type ServerID struct {
	NetUID, UID uint32
	Registered  uint64
}

// GateID is an owner with a model.
type GateID struct {
	NetUID uint32
	Owner  string // account address
	Digest [32]byte
}

func (id ServerID) key() []byte {
	b := binary.BigEndian.AppendUint32(nil, id.NetUID)
	b = binary.BigEndian.AppendUint32(b, id.UID)
	return binary.BigEndian.AppendUint64(b, id.Registered)
}

func (id GateID) key() []byte {
	b := binary.BigEndian.AppendUint32(nil, id.NetUID)
	return append(append(b, id.Digest[:]...), id.Owner...)
}

// of is the key of a server with this model: who changes its model begins anew.
func (id GateID) of(server ServerID) []byte { return append(server.key(), id.Digest[:]...) }

// Store keeps what a voice remembers of servers, over restarts. It is safe for concurrent use.
type Store struct{ db *bbolt.DB }

var (
	serverBucket = []byte("servers")
	gateBucket   = []byte("gates")
)

// Open opens the file, or makes it.
func Open(path string) (*Store, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 2 * time.Second})
	if err != nil {
		return nil, fmt.Errorf("audit: open %s: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{serverBucket, gateBucket, claimBucket, proofBucket, silentBucket, evidenceBucket} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("audit: open %s: %w", path, err), db.Close())
	}
	return &Store{db}, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// load reads what is known; zero values for what is not.
func (s *Store) load(server ServerID, gate GateID) (sv Server, g Gate, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		return errors.Join(get(tx, serverBucket, gate.of(server), &sv), get(tx, gateBucket, gate.key(), &g))
	})
	return sv, g, err
}

func get(tx *bbolt.Tx, bucket, key []byte, v any) error {
	text := tx.Bucket(bucket).Get(key)
	if text == nil {
		return nil
	}
	return json.Unmarshal(text, v)
}

// save writes both in one transaction.
func (s *Store) save(server ServerID, sv Server, gate GateID, g Gate) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		return errors.Join(put(tx, serverBucket, gate.of(server), sv), put(tx, gateBucket, gate.key(), g))
	})
}

func put(tx *bbolt.Tx, bucket, key []byte, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Bucket(bucket).Put(key, text)
}

// evidenceBucket: netuid, epoch → a text.
var evidenceBucket = []byte("evidence")

func evidenceKey(netuid uint32, epoch uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, netuid), epoch)
}

// KeepEvidence writes what the weights of an epoch follow from, and drops what is older than keep epochs.
func (s *Store) KeepEvidence(netuid uint32, epoch, keep uint64, text []byte) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(evidenceBucket)
		var old [][]byte
		c := b.Cursor()
		for k, _ := c.Seek(evidenceKey(netuid, 0)); len(k) == 12 && binary.BigEndian.Uint32(k) == netuid && binary.BigEndian.Uint64(k[4:])+keep < epoch; k, _ = c.Next() {
			old = append(old, slices.Clone(k))
		}
		for _, k := range old {
			if err := b.Delete(k); err != nil {
				return err
			}
		}
		return b.Put(evidenceKey(netuid, epoch), text)
	})
}

// Evidence is what was kept of an epoch; nil for nothing.
func (s *Store) Evidence(netuid uint32, epoch uint64) (text []byte, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		text = slices.Clone(tx.Bucket(evidenceBucket).Get(evidenceKey(netuid, epoch)))
		return nil
	})
	return text, err
}
