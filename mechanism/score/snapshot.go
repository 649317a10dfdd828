package score

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// snapshot is the form in which a board is kept on disk.
type snapshot struct {
	Version int               `json:"version"`
	Next    uint64            `json:"next"`
	Miners  []minerSnapshot   `json:"miners"`
	Used    map[string]uint64 `json:"used"`
}

type minerSnapshot struct {
	UID        uint16         `json:"uid"`
	Registered uint64         `json:"registered"`
	Asked      int            `json:"asked"`
	Gate       float64        `json:"gate"`
	Service    service        `json:"service"`
	Marks      []markSnapshot `json:"marks"`
}

type markSnapshot struct {
	Item    uint64  `json:"i"`
	Score   float64 `json:"s"`
	Answer  uint64  `json:"a,omitempty"`
	Trivial bool    `json:"t,omitempty"`
}

const snapshotVersion = 1

// ErrSnapshot says that a saved board cannot be used; delete the file and the board fills again from new items.
var ErrSnapshot = errors.New("score: saved board is damaged")

// MarshalJSON writes the board, without its Params.
func (b *Board) MarshalJSON() ([]byte, error) {
	s := snapshot{Version: snapshotVersion, Next: b.next, Used: make(map[string]uint64, len(b.used))}
	for id, seq := range b.used {
		s.Used[hex.EncodeToString(id[:])] = seq
	}
	for _, uid := range b.UIDs() {
		rec := b.records[uid]
		m := minerSnapshot{uid, rec.registered, rec.asked, rec.gate, rec.service, make([]markSnapshot, len(rec.marks))}
		for i, k := range rec.marks {
			m.Marks[i] = markSnapshot{k.item, k.score, k.answer, k.trivial}
		}
		s.Miners = append(s.Miners, m)
	}
	return json.Marshal(s)
}

// Restore reads a board that MarshalJSON wrote, or returns ErrSnapshot or ErrParams.
// Answers beyond p.Window are dropped, oldest first.
func Restore(p Params, data []byte) (*Board, error) {
	b, err := NewBoard(p)
	if err != nil {
		return nil, err
	}
	var s snapshot
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	if s.Version != snapshotVersion {
		return nil, fmt.Errorf("%w: version %d, this program reads %d", ErrSnapshot, s.Version, snapshotVersion)
	}
	b.next = s.Next
	for text, seq := range s.Used {
		var id [32]byte
		if raw, err := hex.DecodeString(text); err != nil || copy(id[:], raw) != len(id) || len(raw) != len(id) || seq >= s.Next {
			return nil, fmt.Errorf("%w: item %q", ErrSnapshot, text)
		}
		b.used[id] = seq
	}
	for _, m := range s.Miners {
		if err := b.restoreMiner(m); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// restoreMiner checks one saved record and takes it over.
func (b *Board) restoreMiner(m minerSnapshot) error {
	if b.records[m.UID] != nil {
		return fmt.Errorf("%w: uid %d twice", ErrSnapshot, m.UID)
	}
	sv := m.Service
	for _, x := range []float64{sv.Answered, sv.Failed, sv.Latency, float64(sv.Streak), float64(m.Asked), m.Gate} {
		if !(x >= 0) || math.IsInf(x, 0) {
			return fmt.Errorf("%w: uid %d has a number below 0", ErrSnapshot, m.UID)
		}
	}
	rec := &record{registered: m.Registered, asked: m.Asked, gate: clamp(m.Gate), service: sv}
	for i, k := range m.Marks {
		if k.Item >= b.next || i > 0 && k.Item <= m.Marks[i-1].Item || k.Score != clamp(k.Score) {
			return fmt.Errorf("%w: uid %d, answer %d", ErrSnapshot, m.UID, i)
		}
		rec.marks = append(rec.marks, mark{k.Item, k.Score, k.Answer, k.Trivial})
	}
	rec.marks = rec.marks[max(0, len(rec.marks)-b.params.Window):]
	b.records[m.UID] = rec
	return nil
}
