package shelf

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"agora/task"
	"agora/task/wasm"
)

// Budget is what one task may use of this machine.
type Budget struct {
	Processor float64 // part of one core; 0.25
	Items     int     // items a minute; 600
	Asks      int     // questions to models a minute; 60
	Memory    int     // MiB for calls under way, 64 to 512: one call for each 64 of them; 128. A copy of what the task starts with comes to it
}

const (
	saved         = 20 * time.Second // of unused time that may be used later
	byDefault     = 0.25
	itemsByMinute = 600
	asksByMinute  = 60
	memory        = 128
	callMemory    = 64
	mostMemory    = 512
)

// ErrSpent says that a task has used what it may use of this machine now.
var ErrSpent = errors.New("the task's budget on this machine is spent for now")

// Task is a module within its budget. It is a task.Family.
type Task struct {
	*wasm.Module
	purse *purse
	keep  func(key, answer []byte, v wasm.Verdict)
}

// Family is the module as a judge draws items from it. told hears why there is no item or score; it may be nil.
func (t *Task) Family(told func(error)) task.Family {
	return budgeted{wasm.Family{Module: t.Module, Failed: told, Keep: t.keep}, t.purse}
}

// Examiner is a module that examines open models, within its budget.
type Examiner struct{ task *Task }

// Examiner is the module as an examiner of open models asks it. The error says that it asks models itself: what two validators hear
// need not be the same.
func (t *Task) Examiner() (Examiner, error) {
	if t.Asks() {
		return Examiner{}, fmt.Errorf("%s asks models, and so cannot examine open ones", t.Description().Name)
	}
	return Examiner{t}, nil
}

// Item draws an item. Errors: ErrSpent, wasm.ErrModule, wasm.ErrHost.
func (e Examiner) Item(ctx context.Context, seed task.Seed, index uint64) (wasm.Item, error) {
	if err := e.task.purse.open(time.Now(), e.task.Cost()); err != nil {
		return wasm.Item{}, fmt.Errorf("%s: %w", e.task.Description().Name, err)
	}
	return e.task.Module.Item(ctx, seed, index)
}

// Score judges an answer to an item that was given. Errors: wasm.ErrModule, wasm.ErrHost.
func (e Examiner) Score(ctx context.Context, key, answer []byte) (wasm.Verdict, error) {
	return e.task.Module.Score(ctx, key, answer)
}

// budgeted gives no item once the budget is spent. Answers to items that it gave are always scored.
type budgeted struct {
	wasm.Family
	purse *purse
}

func (b budgeted) Item(seed task.Seed, index uint64) task.Item {
	if err := b.purse.open(time.Now(), b.Module.Cost()); err != nil {
		if b.Failed != nil {
			b.Failed(fmt.Errorf("%s: %w", b.Module.Description().Name, err))
		}
		return task.Item{}
	}
	return b.Family.Item(seed, index)
}

// purse holds unused time, items and questions: all fill up with the clock.
type purse struct {
	budget Budget

	mu    sync.Mutex
	at    time.Time
	spent wasm.Cost // of the module when last looked at
	time  time.Duration
	items float64
	asks  float64
}

// WithDefaults fills in what is not set, and keeps memory within its bounds.
func (b Budget) WithDefaults() Budget {
	if b.Processor <= 0 {
		b.Processor = byDefault
	}
	for _, d := range []struct {
		value *int
		is    int
	}{{&b.Items, itemsByMinute}, {&b.Asks, asksByMinute}, {&b.Memory, memory}} {
		if *d.value <= 0 {
			*d.value = d.is
		}
	}
	b.Memory = min(max(b.Memory, callMemory), mostMemory)
	return b
}

// calls is how many calls may be under way at once.
func (b Budget) calls() int { return b.Memory / callMemory }

func newPurse(b Budget) *purse {
	b = b.WithDefaults()
	return &purse{budget: b, time: time.Duration(float64(saved) * b.Processor), items: float64(b.Items), asks: float64(b.Asks)}
}

// open takes one item; spent is what the module has used since it was loaded.
func (p *purse) open(now time.Time, spent wasm.Cost) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.at.IsZero() {
		passed := now.Sub(p.at)
		p.time = min(p.time+time.Duration(float64(passed)*p.budget.Processor), time.Duration(float64(saved)*p.budget.Processor))
		p.items = min(p.items+passed.Minutes()*float64(p.budget.Items), float64(p.budget.Items))
		p.asks = min(p.asks+passed.Minutes()*float64(p.budget.Asks), float64(p.budget.Asks))
	}
	p.time -= spent.Time - p.spent.Time
	p.asks -= float64(spent.Asks - p.spent.Asks)
	p.at, p.spent = now, spent
	if p.time <= 0 || p.items < 1 || p.asks <= 0 {
		return fmt.Errorf("%w: %.2f of a core, %d items and %d questions to models a minute", ErrSpent, p.budget.Processor, p.budget.Items, p.budget.Asks)
	}
	p.items--
	return nil
}
