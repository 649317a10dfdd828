package score

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Result is what one miner did with one item.
type Result struct {
	UID        uint16
	Registered uint64        // block of the uid's registration; another value means that the uid changed hands
	Score      float64       // [0, 1]; ignored where Failed
	Failed     bool          // no answer: offline, timed out, refused, 5xx. A malformed answer is not Failed but scores 0
	Answer     [32]byte      // hash of what the miner answered (text and probabilities); zero where Failed
	Trivial    bool          // unrelated honest models may well give these bytes (short, right or refused answers)
	Latency    time.Duration // from request to whole answer; ignored where Failed
}

// Board holds one subnet's judged answers, of the last Params.Window items per miner.
// It is owned by one goroutine; it needs no lock and takes none.
type Board struct {
	params  Params
	once    float64  // standard errors of a bound at one look
	always  float64  // standard errors of a lead at all looks between MinItems and Window
	ranking *ranking // of the present answers; nil where it is to be derived anew
	next    uint64   // sequence number of the next item
	records map[uint16]*record
	used    map[[32]byte]uint64 // items in the window, so that none counts twice
	twins   map[[2]uint16]twins // pairs of uids, the lower first, that once answered alike
}

// record is one miner's past. It follows (uid, registration), so a new owner starts afresh.
type record struct {
	registered uint64
	marks      []mark // oldest first, at most Params.Window
	sum        *Tally // of the scores; nil where it is to be counted anew
	eased      Tally  // of score − ease; counted with sum
	asked      int    // requests since the record began, failed ones too
	gate       float64
	service    service
}

// mark is one scored answer.
type mark struct {
	Item  uint64  `json:"i"` // sequence number, the same for every miner that got the item
	Score float64 `json:"s"`
	Ease  float64 `json:"e,omitempty"` // how much better than usual the others did on this item
}

// ErrItemUsed says that an item was judged before: items are single use.
var ErrItemUsed = errors.New("score: item was judged before")

// NewBoard returns an empty board, or ErrParams.
func NewBoard(p Params) (*Board, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return &Board{
		params: p, once: boundary(p.Error, 1, 1), always: boundary(p.Error, p.MinItems, p.Window),
		records: map[uint16]*record{}, used: map[[32]byte]uint64{}, twins: map[[2]uint16]twins{},
	}, nil
}

// Params returns the board's settings.
func (b *Board) Params() Params { return b.params }

// Add counts the results of one item that went to several miners at once. Scores outside [0, 1] are clamped, NaN is 0.
// A second call with the same item is refused with ErrItemUsed.
func (b *Board) Add(item [32]byte, results []Result) error {
	if _, used := b.used[item]; used {
		return fmt.Errorf("%w: %x", ErrItemUsed, item[:8])
	}
	b.ranking = nil
	seq := b.next
	b.next++
	b.used[item] = seq
	surplus := b.surplus(results)
	for _, r := range results {
		b.count(seq, r, surplus.without(r.UID))
	}
	b.compareAnswers(results)
	b.dropChanged(results)
	b.forgetItems()
	return nil
}

// count files one result.
func (b *Board) count(seq uint64, r Result, ease float64) {
	rec := b.records[r.UID]
	if rec == nil || rec.registered != r.Registered {
		b.forgetTwins(r.UID)
		rec = &record{registered: r.Registered, gate: 1}
		b.records[r.UID] = rec
	}
	rec.asked++
	rec.service.count(r.Failed, r.Latency)
	if r.Failed {
		return
	}
	if n := len(rec.marks); n > 0 && rec.marks[n-1].Item == seq {
		return // the same uid twice in one call: the first counts
	}
	if len(rec.marks) >= b.params.Window {
		rec.marks = slices.Delete(rec.marks, 0, len(rec.marks)-b.params.Window+1)
	}
	rec.setMarks(append(rec.marks, mark{seq, clamp(r.Score), ease}))
}

// forgetItems drops item IDs that have left every window.
func (b *Board) forgetItems() {
	limit := 4 * b.params.Window
	if len(b.used) <= limit {
		return
	}
	for id, seq := range b.used {
		if seq+uint64(limit)/2 < b.next {
			delete(b.used, id)
		}
	}
}

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

// EndTempo ages the service record: what was answered a tempo ago counts half.
func (b *Board) EndTempo() {
	b.ranking = nil
	for _, rec := range b.records {
		rec.service.fade()
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
func (r *record) setMarks(marks []mark) { r.marks, r.sum = marks, nil }

// tally sums up a record's scores.
func (r *record) tally() Tally {
	if r.sum == nil {
		r.sum, r.eased = &Tally{}, Tally{}
		for _, m := range r.marks {
			r.sum.Add(m.Score)
			r.eased.Add(m.Score - m.Ease)
		}
	}
	return *r.sum
}
