package score

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// snapshot is the form in which a board is kept on disk.
type snapshot struct {
	Version int             `json:"version"`
	First   uint64          `json:"first"` // number of the first of Items
	Items   []itemSnapshot  `json:"items"`
	Miners  []minerSnapshot `json:"miners"`
	Twins   []twinsSnapshot `json:"twins"`

	// Of version 1.
	Next uint64            `json:"next,omitempty"` // number of the next item
	Used map[string]uint64 `json:"used,omitempty"` // numbers by ID
}

type itemSnapshot struct {
	item
	Said []answer `json:"said,omitempty"`
}

type minerSnapshot struct {
	UID        uint16   `json:"uid"`
	Registered uint64   `json:"registered"`
	Since      uint64   `json:"since"`
	Asked      int      `json:"asked"`
	Gate       float64  `json:"gate"`
	Doubt      float64  `json:"doubt"`
	Service    service  `json:"service"`
	Errors     []uint64 `json:"errors"`
	Marks      []mark   `json:"marks"`
}

// oldService is what version 1 kept under the same name: counts that faded, and a moving average in seconds.
type oldService struct {
	Answered, Failed, Latency float64
	Streak                    int
}

type twinsSnapshot struct {
	Pair [2]uint16 `json:"pair"`
	twins
}

const snapshotVersion = 3

// ErrSnapshot says that a saved board cannot be used; delete the file and the board fills again from new items.
var ErrSnapshot = errors.New("score: saved board is damaged")

// MarshalJSON writes the board as AppendJSON does.
func (b *Board) MarshalJSON() ([]byte, error) { return b.AppendJSON(nil) }

// AppendJSON appends the board, without its Params, as a snapshot in JSON. Items and miners are encoded one by one: a whole board is
// megabytes, and encoding/json keeps the buffers that it has grown.
func (b *Board) AppendJSON(to []byte) ([]byte, error) {
	var miners []minerSnapshot
	for _, uid := range b.UIDs() {
		r := b.records[uid]
		miners = append(miners, minerSnapshot{uid, r.registered, r.since, r.asked, r.gate, r.doubt, r.service, r.errors, r.marks})
	}
	var pairs []twinsSnapshot
	for pair, t := range b.twins {
		pairs = append(pairs, twinsSnapshot{pair, *t})
	}
	slices.SortFunc(pairs, func(x, y twinsSnapshot) int { return slices.Compare(x.Pair[:], y.Pair[:]) })
	to = fmt.Appendf(to, `{"version":%d,"first":%d,"items":`, snapshotVersion, b.first)
	to, err1 := appendList(to, len(b.items), func(i int) any { return itemSnapshot{b.items[i], b.said[b.first+uint64(i)]} })
	to, err2 := appendList(append(to, `,"miners":`...), len(miners), func(i int) any { return miners[i] })
	to, err3 := appendList(append(to, `,"twins":`...), len(pairs), func(i int) any { return pairs[i] })
	return append(to, '}'), errors.Join(err1, err2, err3)
}

// appendList appends a list of n in JSON, encoding one element at a time.
func appendList(to []byte, n int, element func(i int) any) ([]byte, error) {
	to = append(to, '[')
	for i := range n {
		one, err := json.Marshal(element(i))
		if err != nil {
			return to, err
		}
		if i > 0 {
			to = append(to, ',')
		}
		to = append(to, one...)
	}
	return append(to, ']'), nil
}

// Restore reads a board that MarshalJSON wrote, also that of the versions before, or returns ErrSnapshot or ErrParams.
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
	switch s.Version {
	case 1:
		err = s.upgrade(data)
	case 2:
		s.dropGone()
	case snapshotVersion:
	default:
		err = fmt.Errorf("%w: version %d, this program reads %d", ErrSnapshot, s.Version, snapshotVersion)
	}
	if err != nil {
		return nil, err
	}
	b.items, b.first = make([]item, 0, len(s.Items)), s.First
	for i, it := range s.Items {
		at, twice := b.place(it.ID)
		if twice || it.Known < 0 || !(math.Abs(it.Surplus) <= float64(it.Known)) {
			return nil, fmt.Errorf("%w: item %d", ErrSnapshot, i)
		}
		b.byID, b.items = slices.Insert(b.byID, at, uint32(i)), append(b.items, it.item)
		if len(it.Said) > 0 {
			b.said[s.First+uint64(i)] = it.Said
		}
	}
	for _, m := range s.Miners {
		if err := b.restoreMiner(m); err != nil {
			return nil, err
		}
	}
	for number, said := range b.said {
		if slices.ContainsFunc(said, func(a answer) bool { return b.records[a.UID] == nil }) {
			return nil, fmt.Errorf("%w: item %d was answered by a miner that is not there", ErrSnapshot, number)
		}
	}
	return b, b.restoreTwins(s.Twins)
}

// upgrade makes this version's snapshot of version 1: the items come without what was said of them, the shares of answers that
// faded become as many outcomes, and likenesses are found anew.
func (s *snapshot) upgrade(data []byte) error {
	var old struct {
		Miners []struct {
			Service oldService `json:"service"`
		} `json:"miners"`
	}
	if err := json.Unmarshal(data, &old); err != nil {
		return fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	s.Twins = nil
	s.First = s.Next - min(s.Next, uint64(len(s.Used)))
	s.Items = make([]itemSnapshot, s.Next-s.First)
	for text, number := range s.Used {
		id, err := hex.DecodeString(text)
		if err != nil || len(id) != 32 || number >= s.Next {
			return fmt.Errorf("%w: item %q", ErrSnapshot, text)
		}
		if number >= s.First {
			s.Items[number-s.First].ID = [32]byte(id)
		}
	}
	for i := range s.Items {
		if s.Items[i].ID == ([32]byte{}) { // one that left the window before its neighbours
			s.Items[i].ID = [32]byte{0: 1, 1: byte(i), 2: byte(i >> 8), 3: byte(i >> 16)}
		}
	}
	for i := range s.Miners {
		m, was := &s.Miners[i], old.Miners[i].Service
		share := 1.0
		if asked := was.Answered + was.Failed; asked > 0 && was.Answered >= 0 && was.Failed >= 0 {
			share = was.Answered / asked
		}
		missed := int(math.Round(float64(20 * (1 - clamp(share)))))
		m.Service = service{Outcomes: strings.Repeat(didNot, missed) + strings.Repeat(did, 20-missed), Streak: max(0, was.Streak)}
		if was.Latency > 0 {
			m.Service.Seconds = []float64{was.Latency}
		}
		if m.Since = never; len(m.Marks) > 0 {
			m.Since = m.Marks[0].Item
		}
	}
	return nil
}

// dropGone takes out what version 2 kept of miners that were forgotten.
func (s *snapshot) dropGone() {
	gone := func(uid uint16) bool {
		return !slices.ContainsFunc(s.Miners, func(m minerSnapshot) bool { return m.UID == uid })
	}
	s.Twins = slices.DeleteFunc(s.Twins, func(t twinsSnapshot) bool { return gone(t.Pair[0]) || gone(t.Pair[1]) })
	for i, it := range s.Items {
		s.Items[i].Said = slices.DeleteFunc(it.Said, func(a answer) bool { return gone(a.UID) })
	}
}

// restoreTwins checks the saved likenesses and takes them over.
func (b *Board) restoreTwins(saved []twinsSnapshot) error {
	for _, t := range saved {
		x, y := b.records[t.Pair[0]], b.records[t.Pair[1]]
		if x == nil || y == nil || t.Pair[0] >= t.Pair[1] || t.Same < 0 || t.Shared < t.Same || t.Like < 0 || t.Told < t.Like || t.Alike < 0 || t.Errors < t.Alike || t.Equal < 0 || t.Short < t.Equal {
			return fmt.Errorf("%w: pair %v", ErrSnapshot, t.Pair)
		}
		b.twins[t.Pair] = &t.twins
	}
	return nil
}

// restoreMiner checks one saved record and takes it over.
func (b *Board) restoreMiner(m minerSnapshot) error {
	if b.records[m.UID] != nil {
		return fmt.Errorf("%w: uid %d twice", ErrSnapshot, m.UID)
	}
	sv := m.Service
	for _, x := range append([]float64{float64(sv.Streak), float64(m.Asked), m.Gate, m.Doubt}, sv.Seconds...) {
		if !(x >= 0) || math.IsInf(x, 0) {
			return fmt.Errorf("%w: uid %d has a number below 0", ErrSnapshot, m.UID)
		}
	}
	if strings.Trim(sv.Outcomes, did+didNot) != "" {
		return fmt.Errorf("%w: uid %d has outcomes %q", ErrSnapshot, m.UID, sv.Outcomes)
	}
	sv.Outcomes = sv.Outcomes[max(0, len(sv.Outcomes)-b.params.Recent):]
	seen := make(map[uint64]bool, len(m.Marks))
	for i, k := range m.Marks {
		if k.Item >= b.next() || seen[k.Item] || k.Score != clamp(k.Score) || !(math.Abs(k.Own) <= 1) {
			return fmt.Errorf("%w: uid %d, answer %d", ErrSnapshot, m.UID, i)
		}
		seen[k.Item] = true
	}
	rec := &record{
		registered: m.Registered, since: m.Since, asked: m.Asked, gate: clamp(m.Gate), doubt: m.Doubt, service: sv, errors: m.Errors,
	}
	rec.setMarks(m.Marks[max(0, len(m.Marks)-b.params.Window):])
	b.records[m.UID] = rec
	return nil
}
