package shelf

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"agora/task"
	"agora/task/wasm"
)

// Budget is what one task may use of this machine. Its memory is bounded by the interface: 64 MiB for each of two calls at once, and
// a copy of what it starts with.
type Budget struct {
	Processor float64 // part of one core; 0.25
	Items     int     // items a minute; 600
}

const (
	saved         = 20 * time.Second // of unused time that may be used later
	byDefault     = 0.25
	itemsByMinute = 600
)

// ErrSpent says that a task has used what it may use of this machine now.
var ErrSpent = errors.New("the task's budget on this machine is spent for now")

// Task is a module within its budget. It is a task.Family.
type Task struct {
	*wasm.Module
	purse *purse
}

// Family is the module as a judge draws items from it. told hears why there is no item or score; it may be nil.
func (t *Task) Family(told func(error)) task.Family {
	return budgeted{wasm.Family{Module: t.Module, Failed: told}, t.purse}
}

// budgeted gives no item once the budget is spent. Answers to items that it gave are always scored.
type budgeted struct {
	wasm.Family
	purse *purse
}

func (b budgeted) Item(seed task.Seed, index uint64) task.Item {
	before := b.Module.Cost().Time
	if err := b.purse.open(time.Now(), before); err != nil {
		if b.Failed != nil {
			b.Failed(fmt.Errorf("%s: %w", b.Module.Description().Name, err))
		}
		return task.Item{}
	}
	return b.Family.Item(seed, index)
}

// purse holds unused time and items: both fill up with the clock.
type purse struct {
	budget Budget

	mu    sync.Mutex
	at    time.Time
	spent time.Duration // of the module when last looked at
	time  time.Duration
	items float64
}

func newPurse(b Budget) *purse {
	if b.Processor <= 0 {
		b.Processor = byDefault
	}
	if b.Items <= 0 {
		b.Items = itemsByMinute
	}
	return &purse{budget: b, time: time.Duration(float64(saved) * b.Processor), items: float64(b.Items)}
}

// open takes one item; spent is what the module has used since it was loaded.
func (p *purse) open(now time.Time, spent time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.at.IsZero() {
		passed := now.Sub(p.at)
		p.time = min(p.time+time.Duration(float64(passed)*p.budget.Processor), time.Duration(float64(saved)*p.budget.Processor))
		p.items = min(p.items+passed.Minutes()*float64(p.budget.Items), float64(p.budget.Items))
	}
	p.time -= spent - p.spent
	p.at, p.spent = now, spent
	if p.time <= 0 || p.items < 1 {
		return fmt.Errorf("%w: %.2f of a core and %d items a minute", ErrSpent, p.budget.Processor, p.budget.Items)
	}
	p.items--
	return nil
}
