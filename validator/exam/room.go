package exam

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"agora/mechanism/frontier"
)

// Room is where models are examined, a bounded number of them at once. Several validators of one process may share one: what was
// found out about a digest is then found out once.
type Room struct {
	library Library
	cores   chan struct{}
	most    uint64        // multiplications for one question
	limit   time.Duration // for one question, beside what its work takes a slow machine
	kept    int           // results that are remembered at least

	mu     sync.Mutex
	known  map[key]Result // the latest, at most kept
	before map[key]Result // the kept ones before them
	busy   map[[32]byte]*sync.Mutex
	work   time.Duration // spent so far
	asked  uint64        // questions put to a model

	lending sync.Mutex // guards lent, and lets one model load at a time
	lent    map[edition]*loan
}

type key struct{ digest, question [32]byte }

// Bounds of a room.
const (
	keptResults = 1 << 10         // remembered at least for other validators of this process, which ask the same within minutes; at most twice as many
	patience    = 5 * time.Minute // for one question, beside its work: a machine that does nothing for so long stands still
)

// NewRoom makes a room for so many examinations at once, each on one core; at least one.
func NewRoom(library Library, cores int) *Room {
	return &Room{library: library, cores: make(chan struct{}, max(1, cores)), most: MaxWork, limit: patience, kept: keptResults, known: map[key]Result{}, busy: map[[32]byte]*sync.Mutex{}, lent: map[edition]*loan{}}
}

// Keep lets a room remember at least n results, for examinations of all that a market has asked. They are a few hundred bytes each, and
// at most twice as many.
func (r *Room) Keep(n int) { r.kept = max(1, n) }

// Effort is how many questions were put to models since the start, and the time that took, loading included.
func (r *Room) Effort() (asked uint64, work time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked, r.work
}

// turn waits for the model's turn: one digest is examined by one at a time, so that whoever comes next finds the results.
func (r *Room) turn(digest [32]byte) (done func()) {
	r.mu.Lock()
	m := r.busy[digest]
	if m == nil {
		m = &sync.Mutex{}
		r.busy[digest] = m
	}
	r.mu.Unlock()
	m.Lock()
	return m.Unlock
}

// Examine asks a model all questions that it was not asked before, and returns the results in the order of the questions with those
// that are new. The error is ErrNotHere where the weights cannot be had, ErrFault with the reason where they cannot be run, else of ctx,
// of the store or of this machine: then the model is not examined, and nothing is known against it.
func (r *Room) Examine(ctx context.Context, s *Store, m Listed, questions []Question) (results []Result, fresh []answered, err error) {
	defer r.turn(m.Digest)()
	results = make([]Result, len(questions))
	var open []int
	for i, q := range questions {
		have, ok, err := r.recall(s, m.Digest, q.ID)
		if err != nil {
			return nil, nil, err
		}
		if results[i] = have; !ok {
			open = append(open, i)
		} else {
			fresh = append(fresh, answered{q.ID, have})
		}
	}
	if len(open) == 0 {
		return results, fresh, nil
	}
	asked, err := r.ask(ctx, m, questions, open)
	for _, a := range asked {
		r.remember(m.Digest, a)
	}
	if err != nil {
		return nil, asked, err
	}
	for i, at := range open {
		results[at] = asked[i].result
	}
	return results, append(fresh, asked...), nil
}

// ErrFault says that a model cannot be run, or is not what its publication says.
var ErrFault = errors.New("exam: the model cannot be examined")

// ask loads a model and puts the open questions to it.
func (r *Room) ask(ctx context.Context, m Listed, questions []Question, open []int) (list []answered, err error) {
	select {
	case r.cores <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	began := time.Now()
	defer func() {
		r.mu.Lock()
		r.asked, r.work = r.asked+uint64(len(list)), r.work+time.Since(began)
		r.mu.Unlock()
		<-r.cores
	}()
	model, err := r.open(ctx, m)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	for _, i := range open {
		result, err := r.put(ctx, model, questions[i])
		if err != nil {
			return list, err
		}
		list = append(list, answered{questions[i].ID, result})
	}
	return list, nil
}

// open loads a model and holds it to what its publication says.
func (r *Room) open(ctx context.Context, m Listed) (*Specimen, error) {
	model, err := r.library.Open(ctx, m)
	switch {
	case ctx.Err() != nil:
		if model != nil {
			return nil, errors.Join(context.Cause(ctx), model.Close())
		}
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, err
	case model.Parameters != m.Parameters:
		return nil, errors.Join(fmt.Errorf("%w: it has %d parameters, its publication says %d", ErrFault, model.Parameters, m.Parameters), model.Close())
	}
	return model, nil
}

// put puts one question. A model that breaks, or needs more work than there may be, has nothing; an engine that does not answer is an error.
func (r *Room) put(ctx context.Context, s Subject, q Question) (result Result, err error) {
	defer func() {
		if broken := recover(); broken != nil {
			result, err = Result{Reason: fmt.Sprintf("the engine broke: %v\n%.1000s", broken, debug.Stack())}, nil
		}
	}()
	result, err = q.Ask(ctx, &metered{Subject: s, left: r.most, patience: r.limit})
	result.Answer, result.Reason = kept(result.Answer), kept(result.Reason)
	return result, err
}

// recall finds a result that this process or the store has.
func (r *Room) recall(s *Store, digest, question [32]byte) (Result, bool, error) {
	r.mu.Lock()
	have, ok := r.recent(key{digest, question})
	r.mu.Unlock()
	if ok || s == nil {
		return have, ok, nil
	}
	return s.Result(digest, question)
}

// recent finds a result that this process has; the lock is held.
func (r *Room) recent(k key) (Result, bool) {
	have, ok := r.known[k]
	if !ok {
		have, ok = r.before[k]
	}
	return have, ok
}

func (r *Room) remember(digest [32]byte, a answered) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := key{digest, a.question}
	if _, there := r.recent(k); there {
		return
	}
	if len(r.known) >= r.kept {
		r.known, r.before = map[key]Result{}, r.known
	}
	r.known[k] = a.result
}

// short names a digest in messages.
func short(digest [32]byte) string { return hex.EncodeToString(digest[:6]) }

// zeros are the scores of a model that cannot be run.
func zeros(n int) []frontier.Score { return make([]frontier.Score, n) }
