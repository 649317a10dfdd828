package score

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"time"
)

// Result is what one miner did with one item.
type Result struct {
	UID        uint16
	Registered uint64        // block of the uid's registration; another value means that the uid changed hands
	Score      float64       // [0, 1]; ignored where Failed
	Failed     bool          // no answer: offline, timed out, refused, 5xx. A malformed answer is not Failed but scores 0
	Said       Said          // what the miner answered; ignored where Failed
	Latency    time.Duration // from request to whole answer; ignored where Failed
}

// Board holds one subnet's judged answers, of the last Params.Window items per miner.
// It is owned by one goroutine; it needs no lock and takes none.
type Board struct {
	params  Params
	once    float64   // standard errors of a bound at one look
	always  []float64 // standard errors of a lead at all looks between MinItems and Window, by the number of rivals (surely)
	ranking *ranking  // of the present answers; nil where it is to be derived anew
	records map[uint16]*record
	items   []item               // of the latest items, by number from first on
	first   uint64               // number of items[0]
	byID    []uint32             // places in items, in the order of their IDs
	said    map[uint64][]answer  // what the latest items were answered, by number
	twins   map[[2]uint16]*twins // pairs of uids, the lower first, that once answered alike
}

// item is what is remembered of an item: how much better than usual the miners did on it.
type item struct {
	ID      [32]byte `json:"id"`
	Surplus float64  `json:"surplus"` // Σ score − own mean, over the miners with a record
	Known   int      `json:"known"`   // how many those are
}

// answer is one miner's to an item.
type answer struct {
	UID   uint16  `json:"uid"`
	Score float64 `json:"score"`
	Said
}

// Bounds of what is remembered.
const (
	keptAnswers = 256 // latest items whose answers are compared with later ones
	keptItems   = 4   // windows of items that an item is remembered for
)

// record is one miner's past. It follows (uid, registration), so a new owner starts afresh.
type record struct {
	registered uint64
	since      uint64  // number of items there were when the record began: with its first answer, or when another model showed
	marks      []mark  // in the order in which they were given, at most Params.Window
	sorted     []mark  // by item, marks themselves where they are; nil where it is to be sorted anew
	sum        *Tally  // of the scores; nil where it is to be counted anew
	doubt      float64 // what the change test said at the latest answer, in standard normal units
	asked      int     // requests since the record began, failed ones too
	gate       float64
	service    service
	errors     []uint64 // latest short wrong answers, oldest first
}

// mark is one scored answer.
type mark struct {
	Item  uint64  `json:"i"` // number, the same for every miner that got the item
	Score float64 `json:"s"`
	Own   float64 `json:"o,omitempty"` // what it added to the item's surplus
	Known bool    `json:"k,omitempty"` // whether it did
}

// NewBoard returns an empty board, or ErrParams.
func NewBoard(p Params) (*Board, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return &Board{
		params: p, once: boundary(p.Error, 1, 1),
		records: map[uint16]*record{}, said: map[uint64][]answer{}, twins: map[[2]uint16]*twins{},
	}, nil
}

// Params returns the board's settings.
func (b *Board) Params() Params { return b.params }

// Add counts what miners did with one item; other miners may answer it later. Scores outside [0, 1] are clamped, NaN is 0. An item
// counts once for a miner: what it answers to it again is ignored.
func (b *Board) Add(id [32]byte, results []Result) {
	b.ranking = nil
	number := b.number(id)
	for _, r := range results {
		b.count(number, r)
	}
	for _, r := range results {
		if !r.Failed {
			b.lookForChange(r.UID)
		}
	}
}

// number is an item's, given out in the order in which items are first seen.
func (b *Board) number(id [32]byte) uint64 {
	at, known := b.place(id)
	if known {
		return b.first + uint64(b.byID[at])
	}
	n := b.next()
	b.byID = slices.Insert(b.byID, at, uint32(len(b.items)))
	b.items = append(b.items, item{ID: id})
	if n >= keptAnswers {
		delete(b.said, n-keptAnswers)
	}
	if limit := keptItems * b.params.Window; len(b.items) > limit+limit/4 {
		b.forget(limit / 4)
	}
	return n
}

// place is where an item stands in byID, or would.
func (b *Board) place(id [32]byte) (at int, known bool) {
	return slices.BinarySearchFunc(b.byID, id, func(i uint32, id [32]byte) int { return bytes.Compare(b.items[i].ID[:], id[:]) })
}

// forget drops the oldest items.
func (b *Board) forget(n int) {
	b.items, b.first = slices.Clone(b.items[n:]), b.first+uint64(n)
	maps.DeleteFunc(b.said, func(number uint64, _ []answer) bool { return number < b.first })
	b.byID = slices.DeleteFunc(b.byID, func(i uint32) bool { return i < uint32(n) })
	for i := range b.byID {
		b.byID[i] -= uint32(n)
	}
}

// Items is how many items were counted so far.
func (b *Board) Items() uint64 { return b.next() }

// next is the number of the next item.
func (b *Board) next() uint64 { return b.first + uint64(len(b.items)) }

// item finds what is remembered of an item, or nil.
func (b *Board) item(number uint64) *item {
	if number < b.first || number >= b.next() {
		return nil
	}
	return &b.items[number-b.first]
}

// count files one result.
func (b *Board) count(number uint64, r Result) {
	rec := b.records[r.UID]
	if rec == nil || rec.registered != r.Registered {
		b.forgetTwins(r.UID)
		rec = &record{registered: r.Registered, gate: 1, since: never}
		b.records[r.UID] = rec
	}
	if rec.has(number) {
		return
	}
	rec.asked++
	rec.service.count(r.Failed, r.Latency, b.params.Recent)
	if r.Failed {
		return
	}
	if rec.since == never {
		rec.since = b.next()
	}
	m := mark{Item: number, Score: clamp(r.Score)}
	it := b.item(number)
	if m.Known = len(rec.marks) >= minShared; m.Known {
		m.Own = m.Score - rec.tally().Mean()
		it.Surplus, it.Known = it.Surplus+m.Own, it.Known+1
	}
	rec.append(m, b.params.Window)
	b.compareAnswers(number, answer{r.UID, m.Score, r.Said}, rec)
}

// never is the beginning of a record without answers.
const never = ^uint64(0)

// Forget drops a uid's record: it was pruned or changed hands.
func (b *Board) Forget(uid uint16) {
	b.ranking = nil
	delete(b.records, uid)
	b.forgetTwins(uid)
}

// SetGate sets a miner's authenticity gate: 1 is open, 0 pays nothing. It is kept until set again or forgotten.
func (b *Board) SetGate(uid uint16, gate float64) {
	if rec := b.records[uid]; rec != nil {
		b.ranking = nil
		rec.gate = clamp(gate)
	}
}

// UIDs returns the miners on the board in ascending order.
func (b *Board) UIDs() []uint16 {
	uids := make([]uint16, 0, len(b.records))
	for uid := range b.records {
		uids = append(uids, uid)
	}
	slices.Sort(uids)
	return uids
}

// setMarks replaces a record's answers.
func (r *record) setMarks(marks []mark) { r.marks, r.sum, r.sorted = marks, nil, nil }

// append adds an answer and drops the oldest beyond window.
func (r *record) append(m mark, window int) {
	sum, sorted, before := r.sum, r.sorted, r.marks
	if len(r.marks) < window {
		r.setMarks(append(r.marks, m))
		if sum != nil {
			sum.Add(m.Score)
			r.sum = sum
		}
	} else {
		r.setMarks(append(slices.Delete(r.marks, 0, len(r.marks)-window+1), m))
		sorted = nil
	}
	switch n := len(sorted); {
	case n == 0 || n != len(r.marks)-1 || sorted[n-1].Item > m.Item:
	case &sorted[0] == &before[0]:
		r.sorted = r.marks
	default:
		r.sorted = append(sorted, m)
	}
}

// has says whether the record holds an answer to an item.
func (r *record) has(number uint64) bool {
	return slices.ContainsFunc(r.marks, func(m mark) bool { return m.Item == number })
}

// inOrder lists a record's answers by item.
func (r *record) inOrder() []mark {
	if r.sorted == nil {
		byItem := func(x, y mark) int { return cmp.Compare(x.Item, y.Item) }
		if r.sorted = r.marks; !slices.IsSortedFunc(r.marks, byItem) {
			r.sorted = slices.Clone(r.marks)
			slices.SortFunc(r.sorted, byItem)
		}
	}
	return r.sorted
}

// tally sums up a record's scores.
func (r *record) tally() Tally {
	if r.sum == nil {
		r.sum = &Tally{}
		for _, m := range r.marks {
			r.sum.Add(m.Score)
		}
	}
	return *r.sum
}
