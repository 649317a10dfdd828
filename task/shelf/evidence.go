package shelf

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"agora/task/wasm"
)

// EvidencePath follows a module's path: what its latest scores asked models.
const EvidencePath = "/evidence"

const (
	evidenceKept  = 512      // scores of each module
	evidenceGiven = 32       // in one answer
	evidenceRead  = 64 << 20 // bytes of one answer that are read
)

// Evidence is a score for which models were asked, and all that it follows from.
type Evidence struct {
	At         time.Time       `json:"at"`
	Key        []byte          `json:"key"`
	Answer     []byte          `json:"answer"`
	Score      float64         `json:"score"`
	Reason     string          `json:"reason"`
	Transcript []wasm.Exchange `json:"transcript"`
}

// ErrDiffers says that a score is not what its evidence gives.
var ErrDiffers = errors.New("the score is another")

// Check computes a score again from its evidence. Errors: ErrDiffers, or the module's.
func (e Evidence) Check(ctx context.Context, m *wasm.Module) error {
	v, err := m.Score(wasm.WithAsker(ctx, &wasm.Evidence{Transcript: e.Transcript}), e.Key, e.Answer)
	if err == nil && (v.Score != e.Score || v.Reason != e.Reason) {
		err = fmt.Errorf("%w: %v (%s), not %v (%s)", ErrDiffers, v.Score, v.Reason, e.Score, e.Reason)
	}
	return err
}

// FetchEvidence reads what a validator's latest scores of a module follow from, by the base of its gateway's URL.
func FetchEvidence(ctx context.Context, c *http.Client, base string, d wasm.Digest) (list []Evidence, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+Path+d.String()+EvidencePath, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", req.URL, resp.Status)
	}
	return list, json.NewDecoder(io.LimitReader(resp.Body, evidenceRead)).Decode(&list)
}

// evidence keeps the latest scores of each module for which models were asked: digest → number → Evidence.
type evidence struct{ db *bbolt.DB }

func openEvidence(path string) (*evidence, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 2 * time.Second})
	if err != nil {
		return nil, fmt.Errorf("evidence of scores, %s: %w", path, err)
	}
	return &evidence{db}, nil
}

func (e *evidence) close() error { return e.db.Close() }

// add keeps a score in place of the oldest. What cannot be kept is missing later, and nothing else.
func (e *evidence) add(d wasm.Digest, key, answer []byte, v wasm.Verdict) {
	text, err := json.Marshal(Evidence{time.Now().UTC(), key, answer, v.Score, v.Reason, v.Transcript})
	if err != nil {
		return
	}
	_ = e.db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(d[:])
		if err != nil {
			return err
		}
		n, err := b.NextSequence()
		if err != nil {
			return err
		}
		if n > evidenceKept {
			if err := b.Delete(number(n - evidenceKept)); err != nil {
				return err
			}
		}
		return b.Put(number(n), text)
	})
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// list returns the latest scores of a module from before an instant, newest first.
func (e *evidence) list(d wasm.Digest, before time.Time) (list []Evidence, err error) {
	err = e.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(d[:])
		if b == nil {
			return nil
		}
		c := b.Cursor()
		for k, text := c.Last(); k != nil && len(list) < evidenceGiven; k, text = c.Prev() {
			var one Evidence
			if err := json.Unmarshal(text, &one); err != nil {
				return err
			}
			if one.At.Before(before) {
				list = append(list, one)
			}
		}
		return nil
	})
	return list, err
}

// giveEvidence answers GET: scores whose items are asked no more.
func (s *Shelf) giveEvidence(w http.ResponseWriter, r *http.Request, d wasm.Digest) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", "GET")
		http.Error(w, "GET the evidence of a module's scores", http.StatusMethodNotAllowed)
		return
	}
	list, err := s.kept.list(d, time.Now().Add(-s.cfg.Hidden))
	if err != nil {
		http.Error(w, "the evidence cannot be read", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(append([]Evidence{}, list...)) // a reader that goes away reads no error
}
