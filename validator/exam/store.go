package exam

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"agora/engine/native/llm"
	"agora/mechanism/frontier"
)

// Store keeps what was found out about models. Every write is on the disk when its call returns.
type Store struct{ db *bbolt.DB }

// ErrStore says that the store cannot be used.
var ErrStore = errors.New("exam: store")

var (
	resultBucket  = []byte("results")  // digest, item → Result
	sittingBucket = []byte("sittings") // netuid, epoch → sheet
	scoreBucket   = []byte("scores")   // netuid, digest, epoch → scores of the items, 4 bytes each
	faultBucket   = []byte("faults")   // digest → fault
)

// sheet is what of a tempo does not depend on a model.
type sheet struct {
	Height int64  `json:"height"`
	Seed   []byte `json:"seed"`
	Items  int    `json:"items"`
}

const lockWait = 2 * time.Second

// OpenStore opens or makes the file at path.
func OpenStore(path string) (*Store, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait})
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w; move it away to examine anew", ErrStore, path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{resultBucket, sittingBucket, scoreBucket, faultBucket} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w %s: %w", ErrStore, path, err), db.Close())
	}
	return &Store{db}, nil
}

// Close releases the file.
func (s *Store) Close() error { return s.db.Close() }

// Result is what a model got for a question; ok is false where it was not asked.
func (s *Store) Result(digest, question [32]byte) (r Result, ok bool, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		data := tx.Bucket(resultBucket).Get(append(digest[:], question[:]...))
		if data == nil {
			return nil
		}
		ok = true
		return json.Unmarshal(data, &r)
	})
	return r, ok, wrap(err)
}

// fault is why a model cannot be run, by which version of the engine.
type fault struct {
	Engine string `json:"engine"`
	Reason string `json:"reason"`
}

// Fault is why this version of the engine cannot run a model, empty where nothing is known against it.
func (s *Store) Fault(digest [32]byte) (reason string, err error) {
	var f fault
	err = s.db.View(func(tx *bbolt.Tx) error {
		data := tx.Bucket(faultBucket).Get(digest[:])
		if data == nil {
			return nil
		}
		return json.Unmarshal(data, &f)
	})
	if err != nil || f.Engine != llm.Version {
		return "", wrap(err)
	}
	return f.Reason, nil
}

// setFault notes why a model cannot be run.
func (s *Store) setFault(digest [32]byte, reason string) error {
	data, err := json.Marshal(fault{llm.Version, reason})
	if err != nil {
		return err
	}
	return wrap(s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(faultBucket).Put(digest[:], data) }))
}

// answered is a question with its result.
type answered struct {
	question [32]byte
	result   Result
}

// file writes what a model got in a tempo: the questions that were asked now, and the scores of all items.
func (s *Store) file(netuid uint32, t Sitting, digest [32]byte, asked []answered, scores []frontier.Score) error {
	return wrap(s.db.Update(func(tx *bbolt.Tx) error {
		for _, a := range asked {
			data, err := json.Marshal(a.result)
			if err != nil {
				return err
			}
			if err := tx.Bucket(resultBucket).Put(append(digest[:], a.question[:]...), data); err != nil {
				return err
			}
		}
		data, err := json.Marshal(sheet{t.Height, t.Seed[:], t.Items})
		if err != nil {
			return err
		}
		if err := tx.Bucket(sittingBucket).Put(tempoKey(netuid, t.Epoch), data); err != nil {
			return err
		}
		return tx.Bucket(scoreBucket).Put(scoreKey(netuid, digest, t.Epoch), packed(scores))
	}))
}

// scores visits what a model got, tempo by tempo.
func (s *Store) scores(netuid uint32, digest [32]byte, visit func(epoch uint64, height int64, scores []frontier.Score) error) error {
	return wrap(s.db.View(func(tx *bbolt.Tx) error {
		prefix := scoreKey(netuid, digest, 0)[:36]
		c := tx.Bucket(scoreBucket).Cursor()
		for k, v := c.Seek(prefix); len(k) == 44 && string(k[:36]) == string(prefix); k, v = c.Next() {
			epoch := binary.BigEndian.Uint64(k[36:])
			t, err := sheetOf(tx, netuid, epoch)
			if err != nil {
				return err
			}
			if err := visit(epoch, t.Height, unpacked(v)); err != nil {
				return err
			}
		}
		return nil
	}))
}

// tempo is what a model got in one tempo; nothing where it was not examined.
func (s *Store) tempo(netuid uint32, digest [32]byte, epoch uint64) (scores []frontier.Score, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		scores = unpacked(tx.Bucket(scoreBucket).Get(scoreKey(netuid, digest, epoch)))
		return nil
	})
	return scores, wrap(err)
}

func sheetOf(tx *bbolt.Tx, netuid uint32, epoch uint64) (t sheet, err error) {
	data := tx.Bucket(sittingBucket).Get(tempoKey(netuid, epoch))
	if data == nil {
		return t, fmt.Errorf("tempo %d of subnet %d is missing", epoch, netuid)
	}
	return t, json.Unmarshal(data, &t)
}

// sheets lists the latest tempos of which a model has scores, newest first.
func (s *Store) sheets(netuid uint32, digest [32]byte, most int) (epochs []uint64, list []sheet, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		prefix := scoreKey(netuid, digest, 0)[:36]
		c := tx.Bucket(scoreBucket).Cursor()
		k, _ := c.Seek(scoreKey(netuid, digest, ^uint64(0)))
		if k == nil {
			k, _ = c.Last()
		} else {
			k, _ = c.Prev()
		}
		for ; len(k) == 44 && string(k[:36]) == string(prefix) && len(list) < most; k, _ = c.Prev() {
			epoch := binary.BigEndian.Uint64(k[36:])
			t, err := sheetOf(tx, netuid, epoch)
			if err != nil {
				return err
			}
			epochs, list = append(epochs, epoch), append(list, t)
		}
		return nil
	})
	return epochs, list, wrap(err)
}

func tempoKey(netuid uint32, epoch uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, netuid), epoch)
}

func scoreKey(netuid uint32, digest [32]byte, epoch uint64) []byte {
	return binary.BigEndian.AppendUint64(append(binary.BigEndian.AppendUint32(nil, netuid), digest[:]...), epoch)
}

func packed(scores []frontier.Score) []byte {
	var b []byte
	for _, s := range scores {
		b = binary.BigEndian.AppendUint32(b, uint32(s))
	}
	return b
}

func unpacked(b []byte) []frontier.Score {
	scores := make([]frontier.Score, 0, len(b)/4)
	for ; len(b) >= 4; b = b[4:] {
		scores = append(scores, frontier.Score(binary.BigEndian.Uint32(b)))
	}
	return scores
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	return nil
}
