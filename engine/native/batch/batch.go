// Package batch lets one model write many answers at once. Answers in the making go through the model together, new ones
// join at any time, and what two prompts have in common is read once.
package batch

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"agora/engine/native/model"
)

// Options bound a Batcher. Zero values take the defaults named beside them.
type Options struct {
	Slots  int   // answers in the making at once; 8
	Queue  int   // that may wait for a slot; 4 × Slots
	Memory int64 // bytes of keys and values: of answers in the making, and of texts kept five minutes for the next turn; 512 MiB
	Kept   int64 // of these, for texts kept; all that answers in the making leave
}

func (o Options) withDefaults() Options {
	if o.Slots <= 0 {
		o.Slots = 8
	}
	if o.Queue <= 0 {
		o.Queue = 4 * o.Slots
	}
	if o.Memory <= 0 {
		o.Memory = 512 << 20
	}
	if o.Kept <= 0 {
		o.Kept = o.Memory
	}
	return o
}

// Errors of Start and Job.Err.
var (
	ErrBusy     = errors.New("all places are taken")
	ErrEmpty    = errors.New("there is nothing to answer")
	ErrTooLong  = errors.New("the text is longer than the model's context")
	ErrTooLarge = errors.New("the text needs more memory than the model is given")
	ErrClosed   = errors.New("the model is closed")
	ErrCanceled = errors.New("the answer was given up")
)

// Chooser picks the tokens of one answer. It is called from the batcher's goroutine and must not wait for anybody.
type Chooser interface {
	// Choose picks the token at a position of the answer, from 0, by the logits of all tokens, which it must not keep.
	// done ends the answer: the token, where it is one, is not read any more.
	Choose(position int, logits []float32) (id int32, done bool)
}

// Job is one answer. Its fields are the batcher's but for those that Start sets.
type Job struct {
	prompt  []int32
	limit   int
	chooser Chooser

	pending []int32         // not read yet
	read    []int32         // in sequence
	seq     *model.Sequence // nil until it has a slot
	made    int
	cached  int
	reserve int64

	canceled chan struct{}
	once     sync.Once
	done     chan struct{}
	err      error
}

// Cancel gives the answer up. It ends within a layer of the pass that runs, and its slot is free after that pass.
func (j *Job) Cancel() { j.once.Do(func() { close(j.canceled) }) }

// Done is closed when the answer has ended, for whatever reason; the chooser is not called any more.
func (j *Job) Done() <-chan struct{} { return j.done }

// Err is nil where the chooser or the limit ended the answer. It may be asked after Done.
func (j *Job) Err() error { return j.err }

// Made is how many tokens were chosen, and Cached how many of the prompt did not have to be read. After Done.
func (j *Job) Made() int { return j.made }

// Cached is documented with Made.
func (j *Job) Cached() int { return j.cached }

// Batcher owns one goroutine, which owns the passes through the model. Close waits for it.
type Batcher struct {
	model   *model.Model
	options Options

	mu     sync.Mutex
	queue  []*Job
	closed bool
	wake   chan struct{} // holds at most one: something changed
	ended  chan struct{}

	// Of the goroutine alone.
	runner *model.Runner
	active []*Job
	kept   keep
	used   int64 // reserved by active
	pace   pace
}

// New starts a batcher. The model must stay open until Close has returned.
func New(m *model.Model, o Options) *Batcher {
	b := &Batcher{model: m, options: o.withDefaults(), wake: make(chan struct{}, 1), ended: make(chan struct{}), runner: m.NewRunner()}
	go b.run()
	return b
}

// Start queues an answer to a prompt, of at most limit tokens. The error is ErrEmpty, ErrBusy, ErrTooLong, ErrTooLarge
// or ErrClosed.
func (b *Batcher) Start(prompt []int32, limit int, c Chooser) (*Job, error) {
	if len(prompt) == 0 || limit < 1 {
		return nil, fmt.Errorf("%w: a prompt of %d tokens and an answer of %d", ErrEmpty, len(prompt), limit)
	}
	if n := len(prompt) + limit - 1; n > b.model.Context {
		return nil, fmt.Errorf("%w: %d tokens with the answer, it has %d", ErrTooLong, n, b.model.Context)
	}
	pages := (len(prompt)+limit-1)/model.Page + 1
	j := &Job{
		prompt: prompt, limit: limit, chooser: c, pending: prompt, reserve: int64(pages) * int64(b.model.PageBytes()),
		canceled: make(chan struct{}), done: make(chan struct{}),
	}
	if j.reserve > b.options.Memory {
		return nil, fmt.Errorf("%w: %d bytes of %d", ErrTooLarge, j.reserve, b.options.Memory)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return nil, ErrClosed
	case len(b.queue) >= b.options.Queue:
		return nil, ErrBusy
	}
	b.queue = append(b.queue, j)
	b.poke()
	return j, nil
}

func (b *Batcher) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Close gives up all answers and waits until no pass runs.
func (b *Batcher) Close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.poke()
	<-b.ended
}

// run passes tokens through the model while there are any.
func (b *Batcher) run() {
	defer close(b.ended)
	for {
		if b.admit() {
			b.giveUp(ErrClosed)
			return
		}
		if len(b.active) == 0 {
			b.rest()
			continue
		}
		b.pass()
	}
}

// rest waits for an answer to make, and forgets texts meanwhile.
func (b *Batcher) rest() {
	select {
	case <-b.wake:
	case <-time.After(patience):
		b.forget(time.Now())
	}
}

// forget drops kept texts that are old, or that there is no memory for.
func (b *Batcher) forget(now time.Time) {
	b.kept.shrink(min(b.options.Kept, b.options.Memory-b.used), now)
}

// admit moves answers from the queue into free slots, oldest first, and drops those that were given up.
func (b *Batcher) admit() (closed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	waiting := b.queue[:0]
	for _, j := range b.queue {
		switch {
		case j.gone():
			j.end(ErrCanceled)
		case len(waiting) == 0 && len(b.active) < b.options.Slots && b.used+j.reserve <= b.options.Memory:
			b.begin(j)
		default:
			waiting = append(waiting, j)
		}
	}
	clear(b.queue[len(waiting):])
	b.queue = waiting
	return b.closed
}

// begin gives an answer a slot, and the memory of the text kept that begins as its prompt does. One token is always
// read, for the logits after it.
func (b *Batcher) begin(j *Job) {
	b.used += j.reserve
	now := time.Now()
	b.forget(now)
	j.seq, j.cached = b.kept.find(j.prompt, now)
	if j.seq == nil {
		j.seq = b.model.NewSequence()
	}
	j.read, j.pending = append([]int32(nil), j.prompt[:j.cached]...), j.prompt[j.cached:]
	b.active = append(b.active, j)
}

func (j *Job) gone() bool {
	select {
	case <-j.canceled:
		return true
	default:
		return false
	}
}

// leaves ends the answer in the middle of a pass, and says so, where it was given up.
func (j *Job) leaves() bool {
	if !j.gone() {
		return false
	}
	j.end(ErrCanceled)
	return true
}

// ended says that an answer that had a slot has ended.
func (j *Job) ended() bool { return j.seq == nil }

func (j *Job) end(err error) {
	j.err = err
	j.chooser, j.seq, j.pending = nil, nil, nil
	close(j.done)
}

func (b *Batcher) giveUp(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, j := range append(b.active, b.queue...) {
		j.end(err)
	}
	b.active, b.queue, b.used = nil, nil, 0
}
