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
	version int     // grows where a result comes later than one of a later tempo
}

// tempo is what a model got for the items of one tempo.
type tempo struct {
	number uint64
	height int64
	scores []Score
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
		if !slices.Equal(r.tempos[at].scores, scores) {
			return fmt.Errorf("%w: model %x, tempo %d", ErrResults, digest[:4], number)
		}
		return nil
	}
	if at < len(r.tempos) {
		r.version++
	}
	r.tempos = slices.Insert(r.tempos, at, tempo{number: number, height: height, scores: slices.Clone(scores)})
	r.total(at)
	return nil
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

// total adds up what came from a place on.
func (r *record) total(from int) {
	for i := from; i < len(r.tempos); i++ {
		t := &r.tempos[i]
		t.items, t.sum = 0, 0
		if i > 0 {
			t.items, t.sum = r.tempos[i-1].items, r.tempos[i-1].sum
		}
		for _, s := range t.scores {
			t.items, t.sum = t.items+1, t.sum+int64(min(s, Whole))
		}
	}
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
	at := r.until(number)
	if at == 0 {
		return 0, 0
	}
	t := r.tempos[at-1]
	return Score(t.sum / t.items), t.items
}
