package validator

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"agora/task"
)

const (
	poolWidth = 8               // items from which a lane's next one is drawn
	openAfter = 2 * time.Minute // in which an item whose last answer came is still refused to consumers
)

// pool hands out items: each to most of the miners that ask, not to all, one after the other in random order. What is hard for
// one is then hard for another, and no two miners can tell an item by getting it at once.
type pool struct {
	draw func() (item task.Item, seed int, err error)
	seed func() int // the number of seeds used so far

	mu     sync.Mutex
	open   []*poolItem
	closed []*poolItem // that consumers may not ask yet

	asked atomic.Pointer[openPrompts] // of both; nil before the first
}

// poolItem is an item under way.
type poolItem struct {
	task.Item
	seed    int // the number of the seed that it is from: it is not asked any more once that is followed by another
	prompts openPrompts
	given   map[uint32]bool
	asked   int // miners that have it now
	born    time.Time
	ended   time.Time // when the last answer came
}

// take picks an item that uid has not had. crowd is how many miners ask now, age how long an item may be given out.
func (p *pool) take(uid uint32, crowd int, age time.Duration, now time.Time) (*poolItem, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweep(crowd, age, now)
	fresh := slices.DeleteFunc(slices.Clone(p.open), func(it *poolItem) bool { return it.given[uid] })
	at := rand.IntN(poolWidth)
	if at >= len(fresh) {
		item, seed, err := p.draw()
		if err != nil {
			return nil, err
		}
		fresh, at = []*poolItem{{Item: item, seed: seed, prompts: promptsOf(item.Body), given: map[uint32]bool{}, born: now}}, 0
		p.open = append(p.open, fresh[0])
		p.publish()
	}
	it := fresh[at]
	it.given[uid] = true
	it.asked++
	return it, nil
}

// done says that a miner's answer to an item has come, or will not.
func (p *pool) done(it *poolItem, now func() time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	it.asked--
	it.ended = now()
}

// look closes what is over by now: where nobody is asked any more no item is taken, and consumers are refused no longer all the same.
func (p *pool) look(crowd int, age time.Duration, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweep(crowd, age, now)
}

// current says whether an item may still be asked: its seed is in use, and not about to be published.
func (p *pool) current(it *poolItem) bool { return it.seed == p.seed() }

// sweep closes items that are old, that most of the crowd had, or that stand longest where there are too many.
func (p *pool) sweep(crowd int, age time.Duration, now time.Time) {
	enough := max(2, crowd)
	if crowd > 3 {
		enough = (3*crowd + 3) / 4
	}
	p.open = slices.DeleteFunc(p.open, func(it *poolItem) bool {
		over := len(it.given) >= enough || now.Sub(it.born) > age || !p.current(it) || len(p.open) > 4*poolWidth && it == p.open[0]
		if over {
			p.closed = append(p.closed, it)
		}
		return over
	})
	before := len(p.closed)
	p.closed = slices.DeleteFunc(p.closed, func(it *poolItem) bool { return it.asked == 0 && now.Sub(it.ended) > openAfter })
	if len(p.closed) < before {
		p.publish()
	}
}

// publish makes known what consumers may not ask: the prompts of all items that a miner may be answering.
func (p *pool) publish() {
	all := openPrompts{}
	for _, it := range slices.Concat(p.open, p.closed) {
		all.add(it.prompts)
	}
	p.asked.Store(&all)
}
