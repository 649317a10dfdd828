package exam

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"agora/engine/native/batch"
)

// rules is the version of what is held against a model. A store of earlier ones may hold scores of 0 that its machine caused: what is
// suspect of it is forgotten, and examined again: since 1 of what was found out here, since 2 of what others told too.
const rules = 2

var (
	metaBucket = []byte("meta")
	rulesKey   = []byte("rules")
)

// renew forgets what earlier rules held against models: that they cannot be run, answers that the machine was too slow for, and of these
// models the tempos in which an item has nothing or that question was asked; and of what others told, whose machines are not known, the
// tempos in which an item has nothing.
func renew(tx *bbolt.Tx) error {
	meta, err := tx.CreateBucketIfNotExists(metaBucket)
	if err != nil {
		return err
	}
	if at := meta.Get(rulesKey); len(at) == 8 && binary.BigEndian.Uint64(at) >= rules {
		return nil
	}
	suspects := map[[32]byte]map[[32]byte]bool{} // digest, questions
	err = forget(tx.Bucket(faultBucket), func(k, _ []byte) bool {
		suspects[[32]byte(k)] = map[[32]byte]bool{}
		return true
	})
	if err != nil {
		return err
	}
	err = forget(tx.Bucket(resultBucket), func(k, v []byte) bool {
		late := interrupted(v)
		if digest := [32]byte(k); late && suspects[digest] == nil {
			suspects[digest] = map[[32]byte]bool{}
		}
		if late {
			suspects[[32]byte(k)][[32]byte(k[32:])] = true
		}
		return late
	})
	if err != nil {
		return err
	}
	err = forget(tx.Bucket(scoreBucket), func(k, v []byte) bool {
		questions, suspect := suspects[[32]byte(k[4:36])]
		return suspect && (slices.Contains(unpacked(v), 0) || draws(tx, k, questions))
	})
	if err != nil {
		return err
	}
	err = forget(tx.Bucket(takenBucket), func(_, v []byte) bool { return slices.Contains(unpacked(v), 0) })
	if err != nil {
		return err
	}
	return meta.Put(rulesKey, binary.BigEndian.AppendUint64(nil, rules))
}

// draws says whether one of the questions may be of the tempo of a score's key. An item has several questions, so it may have something
// although one of them has nothing.
func draws(tx *bbolt.Tx, key []byte, questions map[[32]byte]bool) bool {
	if len(questions) == 0 {
		return false
	}
	t, err := sheetOf(tx, binary.BigEndian.Uint32(key), binary.BigEndian.Uint64(key[36:]))
	if err != nil || len(t.Seed) != 32 {
		return true
	}
	of := Drawn{[32]byte(t.Seed), t.Task}
	for i := range uint64(t.Items) {
		if questions[taskID(of, i)] {
			return true
		}
		for _, draw := range families {
			if questions[draw(of.Seed, i).ID] {
				return true
			}
		}
	}
	return false
}

// interrupted says that a result has nothing because an engine did not get as far as an answer.
func interrupted(result []byte) bool {
	var r Result
	if json.Unmarshal(result, &r) != nil {
		return false
	}
	return strings.HasPrefix(r.Reason, "no answer within ") || r.Reason == batch.ErrClosed.Error() || r.Reason == batch.ErrCanceled.Error()
}

// forget deletes entries of a bucket.
func forget(b *bbolt.Bucket, doomed func(k, v []byte) bool) error {
	var keys [][]byte
	err := b.ForEach(func(k, v []byte) error {
		if doomed(k, v) {
			keys = append(keys, bytes.Clone(k))
		}
		return nil
	})
	for _, k := range keys {
		if err == nil {
			err = b.Delete(k)
		}
	}
	return err
}
