package validator

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"agora/mechanism/score"
	"agora/task"
)

// entry is one thing that happened to a board: the results of an item, or what else changed it.
type entry struct {
	Item    []byte   `json:"item,omitempty"`
	Results []mark   `json:"results,omitempty"`
	Tempo   *uint64  `json:"tempo,omitempty"` // the epoch that began
	Forget  []uint16 `json:"forget,omitempty"`
	Proven  bool     `json:"proven,omitempty"` // every miner has been asked often enough
}

// mark is a score.Result as the journal keeps it.
type mark struct {
	UID        uint16        `json:"u"`
	Registered uint64        `json:"r"`
	Score      float64       `json:"s"`
	Failed     bool          `json:"f,omitempty"`
	Answer     []byte        `json:"a,omitempty"`
	Trivial    bool          `json:"t,omitempty"`
	Latency    time.Duration `json:"l,omitempty"`
}

// saved is a board's snapshot.
type saved struct {
	Board  json.RawMessage `json:"board"`
	Epoch  uint64          `json:"epoch"`
	Items  uint64          `json:"items"`
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
	epoch  uint64 // last tempo that was begun
	items  uint64 // judged so far
	proven bool   // every miner has once had MinItems requests
	ranked []score.Standing
	fresh  bool // ranked is the board's
}

// openBook restores a subnet's board. What another family judged does not count.
func openBook(netuid uint32, family string, p score.Params, s *store) (*book, error) {
	b := &book{netuid: netuid, family: family, store: s}
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
	b.epoch, b.items, b.proven, b.number = old.Epoch, old.Items, old.Proven, next
	for _, e := range journal {
		if err := b.apply(e); err != nil && !errors.Is(err, score.ErrItemUsed) {
			return nil, err
		}
	}
	b.pending = len(journal)
	return b, nil
}

// add counts the results of one item.
func (b *book) add(item [32]byte, results []score.Result) error {
	e := entry{Item: item[:]}
	for _, r := range results {
		e.Results = append(e.Results, mark{r.UID, r.Registered, r.Score, r.Failed, answerOf(r), r.Trivial, r.Latency})
	}
	return b.record(e)
}

func answerOf(r score.Result) []byte {
	if r.Failed {
		return nil
	}
	return r.Answer[:]
}

// beginTempo ages the record of service once per epoch.
func (b *book) beginTempo(epoch uint64) error {
	if b.lastTempo() >= epoch {
		return nil
	}
	return b.record(entry{Tempo: &epoch})
}

func (b *book) lastTempo() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.epoch
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
		b.board.EndTempo()
		b.epoch = *e.Tempo
		return nil
	case e.Forget != nil:
		for _, uid := range e.Forget {
			b.board.Forget(uid)
		}
		return nil
	case e.Proven:
		b.proven = true
		return nil
	case len(e.Item) != len(task.Item{}.ID):
		return fmt.Errorf("%w: subnet %d: an item of %d bytes", ErrStore, b.netuid, len(e.Item))
	}
	b.items++
	return b.board.Add([32]byte(e.Item), resultsOf(e.Results))
}

// save writes the board whole and empties the journal. Only record and openBook call it.
func (b *book) save() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	board, err := json.Marshal(b.board)
	if err != nil {
		return err
	}
	data, err := json.Marshal(saved{board, b.epoch, b.items, b.family, b.proven})
	if err != nil {
		return err
	}
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
	return b.items, len(uids) > 0 && b.board.Ready(uids) && len(b.board.Need(uids)) == 0
}

// ballot is what a board would have its validator say.
type ballot struct {
	uids    []uint32
	weights []uint32
	proven  bool // every miner has once been asked often enough; before that nothing is said
	settled bool // and so have the miners of now, and nothing is in doubt
}

// vote draws up the ballot over the miners of now.
func (b *book) vote(uids []uint16) (ballot, error) {
	if b.ripens(uids) {
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

// ripens says that the board is ready for the first time.
func (b *book) ripens(uids []uint16) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.proven && len(uids) > 0 && b.board.Ready(uids)
}

func resultsOf(marks []mark) []score.Result {
	results := make([]score.Result, 0, len(marks))
	for _, m := range marks {
		r := score.Result{UID: m.UID, Registered: m.Registered, Score: m.Score, Failed: m.Failed, Trivial: m.Trivial, Latency: m.Latency}
		copy(r.Answer[:], m.Answer)
		results = append(results, r)
	}
	return results
}
