package score

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// snapshot is the form in which a board is kept on disk.
type snapshot struct {
	Version int               `json:"version"`
	Next    uint64            `json:"next"`
	Miners  []minerSnapshot   `json:"miners"`
	Used    map[string]uint64 `json:"used"`
	Twins   []twinsSnapshot   `json:"twins"`
}

type minerSnapshot struct {
	UID        uint16  `json:"uid"`
	Registered uint64  `json:"registered"`
	Asked      int     `json:"asked"`
	Gate       float64 `json:"gate"`
	Service    service `json:"service"`
	Marks      []mark  `json:"marks"`
}

type twinsSnapshot struct {
	Pair   [2]uint16 `json:"pair"`
	Shared int       `json:"shared"`
	Same   int       `json:"same"`
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
		s.Miners = append(s.Miners, minerSnapshot{uid, rec.registered, rec.asked, rec.gate, rec.service, rec.marks})
	}
	for pair, t := range b.twins {
		s.Twins = append(s.Twins, twinsSnapshot{pair, t.shared, t.same})
	}
	slices.SortFunc(s.Twins, func(x, y twinsSnapshot) int { return slices.Compare(x.Pair[:], y.Pair[:]) })
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
	if err := b.restoreTwins(s.Twins); err != nil {
		return nil, err
	}
	return b, nil
}

// restoreTwins checks the saved likenesses and takes them over.
func (b *Board) restoreTwins(saved []twinsSnapshot) error {
	for _, t := range saved {
		x, y := b.records[t.Pair[0]], b.records[t.Pair[1]]
		if x == nil || y == nil || t.Pair[0] >= t.Pair[1] || t.Same < 0 || t.Shared < t.Same {
			return fmt.Errorf("%w: pair %v", ErrSnapshot, t.Pair)
		}
		b.twins[t.Pair] = twins{t.Shared, t.Same}
	}
	return nil
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
		if k.Item >= b.next || i > 0 && k.Item <= m.Marks[i-1].Item || k.Score != clamp(k.Score) || !(math.Abs(k.Ease) <= 1) {
			return fmt.Errorf("%w: uid %d, answer %d", ErrSnapshot, m.UID, i)
		}
	}
	rec.setMarks(m.Marks[max(0, len(m.Marks)-b.params.Window):])
	b.records[m.UID] = rec
	return nil
}
