package exam

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"agora/mechanism/frontier"
)

// Backlog is how many tempos a model is examined of that lie before the running one.
const Backlog = 720

// Config says what a course examines.
type Config struct {
	NetUID  uint32
	Contest Contest // empty where models are served without an examination
	Rules   frontier.Rules
	Chain   Chain
	Room    *Room
	Store   *Store
	Others  Others // whose results a latecomer takes; nil takes none
	Log     *slog.Logger
}

// Course examines the models of one subnet, tempo by tempo, and says what its servers are worth. Its methods may be called by any
// goroutine; Run by one.
type Course struct {
	cfg   Config
	woken chan struct{}
	drawn func() bool // whether a result is computed although it was taken; nil for one in recomputed
	clock func() time.Time

	mu       sync.Mutex
	epoch    uint64 // that runs
	board    *frontier.Board
	listed   map[[32]byte]Listed
	sittings map[uint64]Sitting // the latest ones
	missing  map[uint64]bool    // tempos that the chain tells nothing of
	faults   map[[32]byte]string
	waits    map[[32]byte]wait          // models that are tried again
	costs    map[[32]byte]time.Duration // of each model's latest try
	progress Progress
}

// Progress says how far a course is.
type Progress struct {
	Epoch    uint64 `json:"epoch"`    // that runs
	Models   int    `json:"models"`   // that a card names
	Items    int    `json:"items"`    // of a tempo, for every model
	Examined uint64 `json:"examined"` // models × tempos, since the start
	Behind   int    `json:"behind"`   // models × tempos that are still to be examined
	Unsound  int    `json:"unsound"`  // models that cannot be run
	Absent   int    `json:"absent"`   // models whose weights nobody gives
	Waiting  int    `json:"waiting"`  // models that this machine could not examine, through no fault of theirs

	Taken      uint64 `json:"taken"`              // models × tempos taken from others since the start
	Recomputed uint64 `json:"recomputed"`         // of what others told, computed all the same
	Deceived   string `json:"deceived,omitempty"` // which of it was false: since then nothing that others tell counts

	Seconds   float64 `json:"seconds"`              // spent on examinations since the start, by all that share the room
	LastError string  `json:"last_error,omitempty"` // of the latest try, and of models that wait for another one
}

// NewCourse makes a course. What the store knows of a model counts once a card names it.
func NewCourse(c Config) *Course {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Course{
		cfg: c, woken: make(chan struct{}, 1), clock: time.Now, board: frontier.NewBoard(c.Rules), listed: map[[32]byte]Listed{},
		sittings: map[uint64]Sitting{}, missing: map[uint64]bool{}, faults: map[[32]byte]string{}, waits: map[[32]byte]wait{}, costs: map[[32]byte]time.Duration{},
	}
}

// Begin says that a tempo begins.
func (c *Course) Begin(epoch uint64) {
	c.mu.Lock()
	c.epoch = epoch
	c.mu.Unlock()
	select {
	case c.woken <- struct{}{}:
	default:
	}
}

// again is how long after a failure a course tries again, should no tempo begin.
const again = 2 * time.Second

// Run examines until ctx ends. What fails is tried again.
func (c *Course) Run(ctx context.Context) {
	for {
		var retry <-chan time.Time
		if behind := c.Work(ctx); behind {
			retry = time.After(again)
		}
		select {
		case <-ctx.Done():
			return
		case <-c.woken:
		case <-retry:
		}
	}
}

// Work examines what is open: models that take little time first, and of those that are alike the running tempo first, then those before
// it, oldest first. It says whether something is left.
func (c *Course) Work(ctx context.Context) (behind bool) {
	epoch := c.now()
	t, err := c.sitting(ctx, epoch)
	if err != nil {
		c.report(err)
		return !errors.Is(err, ErrNoSitting)
	}
	if err := c.admit(t); err != nil {
		c.report(err)
		return true
	}
	if c.serves() {
		c.edit(func(p *Progress) { p.Epoch, p.Models = t.Epoch, len(t.Models) })
		c.report(nil)
		return false
	}
	jobs, err := c.open(ctx, t)
	c.report(err)
	jobs, waiting := c.due(jobs)
	jobs = c.cheapest(c.take(ctx, t, jobs))
	c.behind(len(jobs) + waiting)
	for len(jobs) > 0 && ctx.Err() == nil && c.now() == epoch {
		n := min(len(jobs), cap(c.cfg.Room.cores))
		failed, lacking := c.together(ctx, jobs[:n])
		left, later := c.due(jobs[n:])
		left, without := drawable(left, lacking)
		jobs, waiting = left, waiting+failed+later+without
		c.behind(len(jobs) + waiting)
	}
	return waiting > 0 || len(jobs) > 0 || err != nil
}

// job is one model in one tempo.
type job struct {
	tempo Sitting
	model Listed
	told  *expected // by others, to be held to; nil for nothing
}

// together does jobs at the same time and says how many failed, and which tasks cannot draw items here.
func (c *Course) together(ctx context.Context, jobs []job) (failed int, lacking map[string]bool) {
	errs := make([]error, len(jobs))
	var group sync.WaitGroup
	for i, j := range jobs {
		group.Go(func() { errs[i] = c.examine(ctx, j) })
	}
	group.Wait()
	lacking = map[string]bool{}
	for i, err := range errs {
		if err != nil {
			failed++
		}
		if errors.Is(err, errItems) {
			lacking[jobs[i].tempo.Task] = true
		}
	}
	if failed > 0 {
		c.report(errors.Join(errs...))
	}
	return failed, lacking
}

// examine does one job.
func (c *Course) examine(ctx context.Context, j job) error {
	began := c.clock()
	defer func() { c.spend(j.model.Digest, c.clock().Sub(began)) }()
	scores, asked, err := c.scores(ctx, j)
	if err != nil {
		return fmt.Errorf("model %s, tempo %d: %w", short(j.model.Digest), j.tempo.Epoch, err)
	}
	if err := c.cfg.Store.file(c.cfg.NetUID, j.tempo, j.model.Digest, asked, scores); err != nil {
		return err
	}
	if j.told != nil {
		if err := c.hold(j, scores); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waits, j.model.Digest)
	c.progress.Examined++
	return c.board.Count(j.model.Digest, j.tempo.Epoch, j.tempo.Height, scores)
}

// scores is what a model gets for the items of a tempo; nothing for one that cannot be run.
func (c *Course) scores(ctx context.Context, j job) ([]frontier.Score, []answered, error) {
	reason, err := c.cfg.Store.Fault(j.model)
	if err != nil {
		return nil, nil, err
	}
	if reason != "" {
		c.fault(j.model, reason)
		return zeros(j.tempo.Items), nil, nil
	}
	var questions []Question
	for i := range j.tempo.Items {
		item, err := c.cfg.Contest.Item(ctx, j.tempo.drawn(), uint64(i))
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", errItems, err)
		}
		questions = append(questions, item...)
	}
	results, asked, err := c.cfg.Room.Examine(ctx, c.cfg.Store, j.model, questions)
	if errors.Is(err, ErrFault) {
		c.fault(j.model, err.Error())
		return zeros(j.tempo.Items), nil, c.cfg.Store.setFault(j.model, err.Error())
	}
	if err != nil {
		c.postpone(ctx, j.model.Digest, err)
		return nil, nil, err
	}
	scores := make([]frontier.Score, j.tempo.Items)
	for i := range scores {
		scores[i] = c.cfg.Contest.Score(results[i*len(c.cfg.Contest.Parts):])
	}
	return scores, asked, nil
}

// fault notes that a model cannot be run.
func (c *Course) fault(m Listed, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.faults[m.Digest] == "" {
		c.cfg.Log.Warn("a model cannot be examined and has a score of 0", "netuid", c.cfg.NetUID, "model", m.Name, "digest", short(m.Digest), "err", reason)
	}
	c.faults[m.Digest] = reason
}

// open lists what is to be examined: of every model that a card names now the tempos since its publication, as far as the chain tells
// of them.
func (c *Course) open(ctx context.Context, now Sitting) ([]job, error) {
	jobs := c.unknown(now, now)
	var failed error
	first := now.Epoch - min(now.Epoch, Backlog)
	for epoch := first; epoch < now.Epoch; epoch++ {
		t, err := c.sitting(ctx, epoch)
		if errors.Is(err, ErrNoSitting) {
			continue
		}
		if err != nil {
			failed = err
			break
		}
		jobs = append(jobs, c.unknown(t, now)...)
	}
	c.edit(func(p *Progress) {
		p.Epoch, p.Models, p.Items, p.Behind = now.Epoch, len(now.Models), now.Items, len(jobs)
	})
	return jobs, failed
}

// unknown lists the models of now that were not examined in a tempo that began after their publication.
func (c *Course) unknown(t, now Sitting) (jobs []job) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range now.Models {
		if t.Height >= m.Published && !c.board.Has(m.Digest, t.Epoch) {
			jobs = append(jobs, job{tempo: t, model: m})
		}
	}
	return jobs
}

// admit makes the running tempo's models known, with what the store has of them, and takes its margin.
func (c *Course) admit(t Sitting) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.Margin > 0 {
		rules := c.cfg.Rules
		rules.Margin = t.Margin
		c.board.Adopt(rules)
	}
	c.keepWaits(t.Models)
	for _, m := range t.Models {
		if err := c.know(m); err != nil {
			return err
		}
	}
	return nil
}

// know admits a model, with what the store has of it. The lock is held.
func (c *Course) know(m Listed) error {
	_, there := c.listed[m.Digest]
	c.listed[m.Digest] = m
	if there {
		return nil
	}
	c.board.Admit(m.Model)
	return c.cfg.Store.scores(c.cfg.NetUID, m.Digest, func(epoch uint64, height int64, scores []frontier.Score) error {
		return c.board.Count(m.Digest, epoch, height, scores)
	})
}

// sitting is a tempo's, from memory where it was asked for.
func (c *Course) sitting(ctx context.Context, epoch uint64) (Sitting, error) {
	c.mu.Lock()
	t, ok := c.sittings[epoch]
	gone := c.missing[epoch]
	c.mu.Unlock()
	if gone {
		return t, ErrNoSitting
	}
	if ok {
		return t, nil
	}
	t, err := c.cfg.Chain.Sitting(ctx, c.cfg.NetUID, epoch)
	c.mu.Lock()
	defer c.mu.Unlock()
	if errors.Is(err, ErrNoSitting) && epoch < c.epoch {
		c.missing[epoch] = true
	}
	if err != nil {
		return t, err
	}
	c.sittings[epoch] = t
	c.forget(epoch)
	return t, nil
}

// whole is how many of the latest sittings are kept as they were; what is examined of an earlier one needs its items alone.
const whole = 32

// forget lets go of what nobody asks of sittings before an epoch. The lock is held.
func (c *Course) forget(epoch uint64) {
	for old, t := range c.sittings {
		switch {
		case old+Backlog < epoch:
			delete(c.sittings, old)
		case old+whole < epoch && t.Models != nil:
			t.Models, t.Servers, t.Parts = nil, nil, nil
			c.sittings[old] = t
		}
	}
}

func (c *Course) now() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch
}

// Epoch is the running tempo, as far as the course was told.
func (c *Course) Epoch() uint64 { return c.now() }

// Running is the sitting of the running tempo; false before the chain has told it. It does not wait.
func (c *Course) Running() (Sitting, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.sittings[c.epoch]
	return t, ok
}

// Sitting is that of a tempo, from memory where it was asked for.
func (c *Course) Sitting(ctx context.Context, epoch uint64) (Sitting, error) {
	return c.sitting(ctx, epoch)
}

// Find is a model that a card of some tempo named since the start.
func (c *Course) Find(digest [32]byte) (Listed, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, ok := c.listed[digest]
	return m, ok
}

func (c *Course) edit(change func(*Progress)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.progress)
}

func (c *Course) behind(jobs int) { c.edit(func(p *Progress) { p.Behind = jobs }) }

// report notes what became of the latest try.
func (c *Course) report(err error) {
	text := ""
	if err != nil && !errors.Is(err, context.Canceled) {
		text = err.Error()
		c.cfg.Log.Warn("examination", "netuid", c.cfg.NetUID, "err", err)
	}
	c.edit(func(p *Progress) { p.LastError = text })
}

// Progress says how far the course is.
func (c *Course) Progress() Progress {
	_, work := c.cfg.Room.Effort()
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.progress
	p.Unsound, p.Seconds = len(c.faults), work.Seconds()
	c.tellWaits(&p)
	return p
}
