package frontier

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Board holds the models of one subnet and what they got. It is owned by one goroutine and takes no lock.
type Board struct {
	rules  Rules
	models []*record // in the order of their commits
	byName map[[32]byte]*record
	pairs  map[pairKey]*pair
}

// record is a model with its results.
type record struct {
	Model
	tempos  []tempo // by number
	scores  []Score // of their items, tempo by tempo
	version int     // grows where a result comes later than one of a later tempo
}

// tempo is one of which a model has results.
type tempo struct {
	number uint64
	height int64
	items  int64 // of this and all earlier tempos
	sum    int64 // of their scores
}

// ErrResults says that results contradict what is known already.
var ErrResults = errors.New("frontier: results contradict earlier ones")

// NewBoard returns an empty board. Rules outside their bounds are brought into them.
func NewBoard(r Rules) *Board {
	return &Board{rules: r.bounded(), byName: map[[32]byte]*record{}, pairs: map[pairKey]*pair{}}
}

// Rules are the board's settings.
func (b *Board) Rules() Rules { return b.rules }

// Adopt changes the board's settings: who has passed whom is as if they had always held, so that it depends on the results and on the
// settings now, not on when somebody began to look.
func (b *Board) Adopt(r Rules) {
	if r = r.bounded(); r != b.rules {
		b.rules = r
		clear(b.pairs)
	}
}

// Admit makes a model known. One that is known stays what it is.
func (b *Board) Admit(m Model) {
	if b.byName[m.Digest] != nil {
		return
	}
	r := &record{Model: m}
	at, _ := slices.BinarySearchFunc(b.models, r, func(x, y *record) int {
		if x.before(&y.Model) {
			return -1
		}
		return 1
	})
	b.models = slices.Insert(b.models, at, r)
	b.byName[m.Digest] = r
}

// Models lists what was admitted, in the order of commits.
func (b *Board) Models() []Model {
	list := make([]Model, len(b.models))
	for i, r := range b.models {
		list[i] = r.Model
	}
	return list
}

// Count files what a model got for all items of a tempo that began at height: the i-th score is for the i-th item. It is ErrResults
// where the same tempo is known otherwise. A tempo that began before the model was published does not count, nor does one of an
// unknown model.
func (b *Board) Count(digest [32]byte, number uint64, height int64, scores []Score) error {
	r := b.byName[digest]
	if r == nil || height < r.Published || len(scores) == 0 {
		return nil
	}
	at, known := r.find(number)
	if known {
		if !slices.Equal(r.scored(at), scores) {
			return fmt.Errorf("%w: model %x, tempo %d", ErrResults, digest[:4], number)
		}
		return nil
	}
	if at < len(r.tempos) {
		r.version++
	}
	r.insert(at, number, height, scores)
	return nil
}

// insert files a tempo's results before those of the at-th.
func (r *record) insert(at int, number uint64, height int64, scores []Score) {
	items, sum := r.through(at)
	r.scores = slices.Insert(r.scores, int(items), scores...)
	r.tempos = slices.Insert(r.tempos, at, tempo{number, height, items, sum})
	added := int64(0)
	for _, s := range scores {
		added += int64(min(s, Whole))
	}
	for i := at; i < len(r.tempos); i++ {
		r.tempos[i].items += int64(len(scores))
		r.tempos[i].sum += added
	}
}

// through is how many items the first n tempos had, and the sum of their scores.
func (r *record) through(n int) (items, sum int64) {
	if n == 0 {
		return 0, 0
	}
	return r.tempos[n-1].items, r.tempos[n-1].sum
}

// scored are the scores of the at-th tempo's items.
func (r *record) scored(at int) []Score {
	from, _ := r.through(at)
	return r.scores[from:r.tempos[at].items]
}

// Has says whether a model's results of a tempo are known.
func (b *Board) Has(digest [32]byte, number uint64) bool {
	r := b.byName[digest]
	if r == nil {
		return false
	}
	_, known := r.find(number)
	return known
}

// find is the place of a tempo.
func (r *record) find(number uint64) (at int, known bool) {
	return slices.BinarySearchFunc(r.tempos, number, func(t tempo, n uint64) int { return cmp.Compare(t.number, n) })
}

// until is how many of a model's tempos are not later than number.
func (r *record) until(number uint64) int {
	at, known := r.find(number)
	if known {
		at++
	}
	return at
}

// mean is a model's mean score over its items up to a tempo, and how many those are; 0 where there are none.
func (r *record) mean(number uint64) (Score, int64) {
	items, sum := r.through(r.until(number))
	return Score(sum / max(1, items)), items
}
