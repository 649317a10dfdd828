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
// suspect of it is forgotten, and examined again.
const rules = 1

var (
	metaBucket = []byte("meta")
	rulesKey   = []byte("rules")
)

// renew forgets what earlier rules held against models: that they cannot be run, answers that the machine was too slow for, and of these
// models the tempos in which an item has nothing.
func renew(tx *bbolt.Tx) error {
	meta, err := tx.CreateBucketIfNotExists(metaBucket)
	if err != nil {
		return err
	}
	if at := meta.Get(rulesKey); len(at) == 8 && binary.BigEndian.Uint64(at) >= rules {
		return nil
	}
	suspects := map[[32]byte]bool{}
	err = forget(tx.Bucket(faultBucket), func(k, _ []byte) bool {
		suspects[[32]byte(k)] = true
		return true
	})
	if err != nil {
		return err
	}
	err = forget(tx.Bucket(resultBucket), func(k, v []byte) bool {
		late := interrupted(v)
		if late {
			suspects[[32]byte(k[:32])] = true
		}
		return late
	})
	if err != nil {
		return err
	}
	err = forget(tx.Bucket(scoreBucket), func(k, v []byte) bool {
		return suspects[[32]byte(k[4:36])] && slices.Contains(unpacked(v), 0)
	})
	if err != nil {
		return err
	}
	return meta.Put(rulesKey, binary.BigEndian.AppendUint64(nil, rules))
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
