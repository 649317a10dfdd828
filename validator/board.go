package validator

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"agora/mechanism/score"
	"agora/task"
	"agora/validator/exam"
)

// entry is one thing that happened to a board: answers, or what else changed it.
type entry struct {
	Answers []mark   `json:"answers,omitempty"`
	Forget  []uint16 `json:"forget,omitempty"`
	Proven  bool     `json:"proven,omitempty"` // every miner has been asked often enough

	// Of earlier versions.
	Item    []byte  `json:"item,omitempty"`
	Results []mark  `json:"results,omitempty"`
	Tempo   *uint64 `json:"tempo,omitempty"`
}

// mark is a score.Result as the journal keeps it.
type mark struct {
	Item       []byte        `json:"i,omitempty"`
	UID        uint16        `json:"u"`
	Registered uint64        `json:"r"`
	Score      float64       `json:"s"`
	Failed     bool          `json:"f,omitempty"`
	Said       *score.Said   `json:"w,omitempty"`
	Latency    time.Duration `json:"l,omitempty"`

	// Of earlier versions.
	Answer  []byte `json:"a,omitempty"`
	Trivial bool   `json:"t,omitempty"`
}

// saved is a board's snapshot, as save writes it.
type saved struct {
	Board  json.RawMessage `json:"board"`
	Family string          `json:"family"`
	Proven bool            `json:"proven"`
}

// snapshotEvery is how many journal entries are kept before the board is written whole.
const snapshotEvery = 256

// book is a score.Board that survives the process: every change is written first and made then.
type book struct {
	netuid uint32
	family string
	store  *store

	writing sync.Mutex // held over a change, from the disk to the board
	number  uint64     // of the next journal entry
	pending int        // journal entries since the snapshot

	mu     sync.Mutex // guards what follows
	board  *score.Board
	proven bool      // every miner has once had MinItems requests, or a fair chance of them
	began  time.Time // when judging began
	first  time.Time // since when a miner has had them
	half   time.Time // since when half of the miners have
	ranked []score.Standing
	fresh  bool // ranked is the board's
}

// openBook restores a subnet's board. What another family judged does not count.
func openBook(netuid uint32, family string, p score.Params, s *store) (*book, error) {
	b := &book{netuid: netuid, family: family, store: s, began: time.Now()}
	data, journal, next, err := s.history(netuid)
	if err != nil {
		return nil, err
	}
	if b.board, err = score.NewBoard(p); err != nil {
		return nil, err
	}
	if data == nil {
		return b, b.save()
	}
	var old saved
	if err := json.Unmarshal(data, &old); err != nil {
		return nil, fmt.Errorf("%w: board of subnet %d is damaged: %w", ErrStore, netuid, err)
	}
	if old.Family != family {
		return b, b.save()
	}
	if b.board, err = score.Restore(p, old.Board); err != nil {
		return nil, fmt.Errorf("%w: subnet %d: %w", ErrStore, netuid, err)
	}
	b.proven, b.number = old.Proven, next
	for _, e := range journal {
		if err := b.apply(e); err != nil {
			return nil, err
		}
	}
	b.pending = len(journal)
	return b, nil
}

// add counts answers, in the order in which they came.
func (b *book) add(list []filed) error {
	var e entry
	for _, f := range list {
		r := f.result
		m := mark{Item: f.item[:], UID: r.UID, Registered: r.Registered, Score: r.Score, Failed: r.Failed, Latency: r.Latency}
		if !r.Failed {
			m.Said = &r.Said
		}
		e.Answers = append(e.Answers, m)
	}
	return b.record(e)
}

// keepOnly drops the records of uids that are no miners any more or changed hands.
func (b *book) keepOnly(miners []Miner) error {
	registered := map[uint16]uint64{}
	for _, m := range miners {
		registered[uint16(m.UID)] = m.Registered
	}
	var gone []uint16
	for _, s := range b.standings() {
		if at, there := registered[s.UID]; !there || at != s.Registered {
			gone = append(gone, s.UID)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return b.record(entry{Forget: gone})
}

// record writes an entry and then applies it, one entry after the other.
func (b *book) record(e entry) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	if err := b.store.note(b.netuid, b.number, e); err != nil {
		return err
	}
	b.number++
	if err := b.apply(e); err != nil {
		return err
	}
	if b.pending++; b.pending < snapshotEvery {
		return nil
	}
	return b.save()
}

func (b *book) apply(e entry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fresh = false
	switch {
	case e.Tempo != nil:
		return nil
	case e.Forget != nil:
		for _, uid := range e.Forget {
			b.board.Forget(uid)
		}
		return nil
	case e.Proven:
		b.proven = true
		return nil
	case e.Item != nil:
		for i := range e.Results {
			e.Results[i].Item = e.Item
		}
		e.Answers = e.Results
	}
	for _, m := range e.Answers {
		if len(m.Item) != len(task.Item{}.ID) {
			return fmt.Errorf("%w: subnet %d: an item of %d bytes", ErrStore, b.netuid, len(m.Item))
		}
		b.board.Add([32]byte(m.Item), []score.Result{m.result()})
	}
	return nil
}

// result is what the journal keeps, as the board counts it.
func (m mark) result() score.Result {
	r := score.Result{UID: m.UID, Registered: m.Registered, Score: m.Score, Failed: m.Failed, Latency: m.Latency}
	switch {
	case m.Said != nil:
		r.Said = *m.Said
	case len(m.Answer) >= 8:
		r.Said = score.Said{Text: binary.BigEndian.Uint64(m.Answer), Telling: !m.Trivial}
	}
	return r
}

// save writes the board whole and empties the journal. Only record and openBook call it.
func (b *book) save() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	data, err := b.board.AppendJSON([]byte(`{"board":`))
	if err != nil {
		return err
	}
	family, err := json.Marshal(b.family)
	if err != nil {
		return err
	}
	data = fmt.Appendf(data, `,"family":%s,"proven":%t}`, family, b.proven)
	if err := b.store.snapshot(b.netuid, data); err != nil {
		return err
	}
	b.pending = 0
	return nil
}

// need says which of the miners the next item should go to.
func (b *book) need(uids []uint16) []uint16 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.board.Need(uids)
}

// standings ranks the miners, best first. The caller must not change the list.
func (b *book) standings() []score.Standing {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.fresh {
		b.ranked, b.fresh = b.board.Standings(), true
	}
	return b.ranked
}

// progress says how many items were judged and whether nothing is in doubt about the miners of now.
func (b *book) progress(uids []uint16) (items uint64, settled bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.board.Items(), len(uids) > 0 && b.board.Ready(uids) && len(b.board.Need(uids)) == 0
}

// ballot is what a board would have its validator say.
type ballot struct {
	uids    []uint32
	weights []uint32
	proven  bool // every miner has once been asked often enough, or could have been; before that nothing is said
	settled bool // and so have the miners of now, and nothing is in doubt

	because  *exam.Ballot // what it follows from, where models are examined
	measured *measured    // likewise
}

// vote draws up the ballot over the miners of now.
func (b *book) vote(uids []uint16, tempo time.Duration) (ballot, error) {
	if b.ripens(uids, tempo, time.Now()) {
		if err := b.record(entry{Proven: true}); err != nil {
			return ballot{}, err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	v := ballot{proven: b.proven, settled: b.board.Ready(uids) && len(b.board.Need(uids)) == 0}
	v.uids, v.weights = spell(uids, b.board)
	return v, nil
}

// spell lists every miner with its weight, zeros too: they are an opinion. Where nobody is worth anything it is empty.
func spell(miners []uint16, board *score.Board) (uids, weights []uint32) {
	worth := map[uint16]uint16{}
	some, values := board.Weights()
	for i, uid := range some {
		worth[uid] = values[i]
	}
	any := false
	for _, uid := range miners {
		any = any || worth[uid] > 0
		uids, weights = append(uids, uint32(uid)), append(weights, uint32(worth[uid]))
	}
	if !any {
		return nil, nil
	}
	return uids, weights
}

// ripens says that it is time for the first vote: every miner that is there has been asked often enough, or the others no longer
// wait for it. They do as long again as half of the miners took, and no more than a tempo after the first.
func (b *book) ripens(uids []uint16, tempo time.Duration, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.proven || len(uids) == 0 {
		return false
	}
	ready := 0
	for _, uid := range uids {
		if b.board.Ready([]uint16{uid}) {
			ready++
		}
	}
	if ready > 0 && b.first.IsZero() {
		b.first = now
	}
	if 2*ready >= len(uids) && b.half.IsZero() {
		b.half = now
	}
	return ready == len(uids) || !b.half.IsZero() && now.Sub(b.half) > b.half.Sub(b.began) ||
		!b.first.IsZero() && now.Sub(b.first) > tempo
}
