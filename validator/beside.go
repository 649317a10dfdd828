package validator

import (
	"cmp"
	"context"
	"crypto/rand"
	"slices"
	"sync"

	"agora/task"
)

// besideEvery is how many items of the task in force come for each of the one that waits.
const besideEvery = 8

// Tried is what the task that waits to judge would think of a miner.
type Tried struct {
	UID   uint32
	Items int
	Mean  float64
}

// beside tries the task that waits to judge on the miners that the present one judges. What it finds counts for nothing: it is shown, so
// that everybody knows what will judge him. It is safe for concurrent use.
type beside struct {
	mu     sync.Mutex
	digest string
	family task.Family // nil: nothing waits
	seed   task.Seed
	next   uint64
	tried  map[uint32]Tried
}

// set says which task waits; nil none. Another one begins anew.
func (b *beside) set(digest string, f task.Family) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f != nil && digest != b.digest {
		rand.Read(b.seed[:]) // never fails
		b.digest, b.next, b.tried = digest, 0, map[uint32]Tried{}
	}
	b.family = f
}

// item draws from the task that waits; false where nothing does, or it has none.
func (b *beside) item() (task.Item, bool) {
	b.mu.Lock()
	f, seed, index := b.family, b.seed, b.next
	b.next++
	b.mu.Unlock()
	if f == nil {
		return task.Item{}, false
	}
	it := f.Item(seed, index)
	return it, it.Path != ""
}

func (b *beside) note(uid uint32, score float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.tried[uid]
	t.UID, t.Items, t.Mean = uid, t.Items+1, (t.Mean*float64(t.Items)+score)/float64(t.Items+1)
	b.tried[uid] = t
}

// list is what was found, by uid.
func (b *beside) list() (digest string, list []Tried) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.family == nil {
		return "", nil
	}
	for _, t := range b.tried {
		list = append(list, t)
	}
	slices.SortFunc(list, func(x, y Tried) int { return cmp.Compare(x.UID, y.UID) })
	return b.digest, list
}

// tryNext asks the lane's miner an item of the task that waits, once in besideEvery turns.
func (l *lane) tryNext(ctx context.Context) {
	if l.turns++; l.turns%besideEvery != 0 {
		return
	}
	item, ok := l.beside.item()
	if !ok {
		return
	}
	if result, outcome := l.ask(ctx, pose(item), l.miner); outcome == counted && ctx.Err() == nil {
		l.beside.note(l.miner.UID, result.Score)
	}
}

// Beside is what the task that waits to judge a subnet would think of its miners; no digest where none waits or is ready here.
func (v *Validator) Beside(netuid uint32) (digest string, list []Tried) {
	if s := v.seat(netuid); s != nil && s.judge != nil {
		return s.judge.beside.list()
	}
	return "", nil
}

// prepare lets a seat try the task that waits in its subnet.
func (v *Validator) prepare(s *seat, m *market) {
	if s.judge == nil || v.cfg.Modules == nil {
		return
	}
	if f, ready := v.cfg.Modules.Next(m.Subnet); ready {
		s.judge.beside.set(m.Next.Mechanism.Digest, f)
		return
	}
	s.judge.beside.set("", nil)
}
