package exam

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
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
	takenBucket   = []byte("taken")    // as scores, of what others told: never told on
	faultBucket   = []byte("faults")   // edition → fault
	heldBucket    = []byte("held")     // netuid, epoch → digests of those that held the places from then on
)

// sheet is what of a tempo does not depend on a model.
type sheet struct {
	Height int64  `json:"height"`
	Seed   []byte `json:"seed"`
	Items  int    `json:"items"`
	Task   string `json:"task,omitempty"`
}

const lockWait = 2 * time.Second

// OpenStore opens or makes the file at path.
func OpenStore(path string) (*Store, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait})
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w; move it away to examine anew", ErrStore, path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{resultBucket, sittingBucket, scoreBucket, takenBucket, faultBucket, heldBucket} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return renew(tx)
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

// Fault is why this version of the engine cannot run a model as its publication says, empty where nothing is known against it.
func (s *Store) Fault(m Listed) (reason string, err error) {
	var f fault
	err = s.db.View(func(tx *bbolt.Tx) error {
		data := tx.Bucket(faultBucket).Get(m.edition().key())
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

// setFault notes why a model cannot be run as its publication says.
func (s *Store) setFault(m Listed, reason string) error {
	data, err := json.Marshal(fault{llm.Version, reason})
	if err != nil {
		return err
	}
	return wrap(s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(faultBucket).Put(m.edition().key(), data) }))
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
		return putScores(tx, scoreBucket, netuid, t, digest, scores)
	}))
}

// take writes what others told that a model got in a tempo.
func (s *Store) take(netuid uint32, t Sitting, digest [32]byte, scores []frontier.Score) error {
	return wrap(s.db.Update(func(tx *bbolt.Tx) error { return putScores(tx, takenBucket, netuid, t, digest, scores) }))
}

// untake forgets what others told of a subnet.
func (s *Store) untake(netuid uint32) error {
	return wrap(s.db.Update(func(tx *bbolt.Tx) error {
		prefix := tempoKey(netuid, 0)[:4]
		c := tx.Bucket(takenBucket).Cursor()
		for k, _ := c.Seek(prefix); len(k) > 4 && string(k[:4]) == string(prefix); k, _ = c.Seek(prefix) {
			if err := c.Delete(); err != nil {
				return err
			}
		}
		return nil
	}))
}

func putScores(tx *bbolt.Tx, bucket []byte, netuid uint32, t Sitting, digest [32]byte, scores []frontier.Score) error {
	data, err := json.Marshal(sheet{t.Height, t.Seed[:], t.Items, t.Task})
	if err != nil {
		return err
	}
	if err := tx.Bucket(sittingBucket).Put(tempoKey(netuid, t.Epoch), data); err != nil {
		return err
	}
	return tx.Bucket(bucket).Put(scoreKey(netuid, digest, t.Epoch), packed(scores))
}

// scores visits what a model got, tempo by tempo: first what was found out here, then what others told of other tempos.
func (s *Store) scores(netuid uint32, digest [32]byte, visit func(epoch uint64, height int64, scores []frontier.Score) error) error {
	return wrap(s.db.View(func(tx *bbolt.Tx) error {
		own := tx.Bucket(scoreBucket)
		if err := visitScores(tx, own, netuid, digest, visit); err != nil {
			return err
		}
		return visitScores(tx, tx.Bucket(takenBucket), netuid, digest, func(epoch uint64, height int64, scores []frontier.Score) error {
			if own.Get(scoreKey(netuid, digest, epoch)) != nil {
				return nil
			}
			return visit(epoch, height, scores)
		})
	}))
}

func visitScores(tx *bbolt.Tx, bucket *bbolt.Bucket, netuid uint32, digest [32]byte, visit func(epoch uint64, height int64, scores []frontier.Score) error) error {
	prefix := scoreKey(netuid, digest, 0)[:36]
	c := bucket.Cursor()
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
		for k := range backwards(tx.Bucket(scoreBucket).Cursor(), scoreKey(netuid, digest, math.MaxUint64)) {
			if len(k) != 44 || string(k[:36]) != string(prefix) || len(list) == most {
				break
			}
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

// keptHeld bounds how many changes of a subnet's places are remembered: one a day are almost three years.
const keptHeld = 1024

// hold writes who holds the places from an epoch on, if others did before. Older changes than keptHeld are forgotten.
func (s *Store) hold(netuid uint32, h Held) error {
	return wrap(s.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(heldBucket)
		before, err := heldOf(tx, netuid, h.Epoch, 1)
		if err != nil {
			return err
		}
		if len(before) > 0 && slices.Equal(before[0].Models, h.Models) {
			return b.Delete(tempoKey(netuid, h.Epoch))
		}
		data, err := json.Marshal(h.Models)
		if err != nil {
			return err
		}
		return errors.Join(b.Put(tempoKey(netuid, h.Epoch), data), forgetHeld(b, netuid))
	}))
}

// forgetHeld drops the oldest change where there are more than keptHeld.
func forgetHeld(b *bbolt.Bucket, netuid uint32) error {
	n, oldest := 0, []byte(nil)
	for k := range backwards(b.Cursor(), tempoKey(netuid, math.MaxUint64)) {
		if binary.BigEndian.Uint32(k) != netuid {
			break
		}
		n, oldest = n+1, slices.Clone(k)
	}
	if n <= keptHeld {
		return nil
	}
	return b.Delete(oldest)
}

// held lists the latest changes of a subnet's places, newest first.
func (s *Store) held(netuid uint32, most int) (list []Held, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		list, err = heldOf(tx, netuid, math.MaxUint64, most)
		return err
	})
	return list, wrap(err)
}

// heldOf lists the latest changes before an epoch, newest first.
func heldOf(tx *bbolt.Tx, netuid uint32, epoch uint64, most int) ([]Held, error) {
	list := []Held{}
	for k, v := range backwards(tx.Bucket(heldBucket).Cursor(), tempoKey(netuid, epoch)) {
		if binary.BigEndian.Uint32(k) != netuid || len(list) == most {
			break
		}
		h := Held{Epoch: binary.BigEndian.Uint64(k[4:])}
		if err := json.Unmarshal(v, &h.Models); err != nil {
			return nil, err
		}
		list = append(list, h)
	}
	return list, nil
}

// backwards visits what stands before a key, the last first.
func backwards(c *bbolt.Cursor, before []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		step := c.Prev
		if at, _ := c.Seek(before); at == nil {
			step = c.Last
		}
		for k, v := step(); k != nil && yield(k, v); k, v = c.Prev() {
		}
	}
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
