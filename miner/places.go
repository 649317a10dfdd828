package miner

import (
	"context"
	"net/http"
	"slices"
	"sync"

	"agora/wire"
	"agora/wire/openai"
)

// asker is who asks in a request.
type asker struct {
	voice [32]byte
	part  float64 // of the stake of all voices; 0 where that is not known
}

type askerKey struct{}

// asked says in a request which voice asks, and whether the request is one of a burst.
func (m *Miner) asked(voice [32]byte, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(wire.BurstHeader) == "" {
			h.ServeHTTP(w, r)
			return
		}
		a := asker{voice: voice}
		if m.Part != nil {
			a.part = m.Part(voice[:])
		}
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), askerKey{}, a)))
	})
}

// places are those of a Server: one for each request being worked on. They are given in the order of arrival. While requests of a
// burst are here, what is free goes to the voice that has had the least of them for its part of the stake, so that each voice measures
// its part of the machine; requests of consumers take turns with them as one voice more.
type places struct {
	most, queue int // worked on, and waiting, at once

	mu      sync.Mutex
	taken   int
	waiting []*ticket     // by arrival
	bursts  int           // requests of bursts that are worked on or wait
	had     map[asker]int // places that each has had since the burst began
}

// ticket is a request's claim to a place.
type ticket struct {
	by    asker // zero for a consumer's
	burst bool
	given chan struct{} // closed when it has a place; nil where it had one at once
}

func newPlaces(most, queue int) *places {
	return &places{most: most, queue: queue, had: map[asker]int{}}
}

// enter takes a place, waiting in the bounded queue for one. Whoever has one gives it back with leave.
func (p *places) enter(ctx context.Context) (*ticket, error) {
	t := &ticket{}
	t.by, t.burst = ctx.Value(askerKey{}).(asker)
	p.mu.Lock()
	if p.taken >= p.most && len(p.waiting) >= p.queue {
		p.mu.Unlock()
		return nil, openai.Errorf(http.StatusTooManyRequests, "the miner works on %d requests and %d wait, try again in a moment", p.most, p.queue)
	}
	if t.burst {
		p.bursts++
	}
	if p.taken < p.most && len(p.waiting) == 0 {
		p.take(t)
		p.mu.Unlock()
		return t, nil
	}
	t.given = make(chan struct{})
	p.waiting = append(p.waiting, t)
	p.mu.Unlock()
	select {
	case <-t.given:
		return t, nil
	case <-ctx.Done():
		p.abandon(t)
		return nil, openai.Errorf(http.StatusTooManyRequests, "the miner found no time for this request, try again later")
	}
}

// abandon takes back a claim, whether a place was given meanwhile or not.
func (p *places) abandon(t *ticket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.waiting, t); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
		p.end(t)
		return
	}
	p.free(t)
}

// leave gives a place back.
func (p *places) leave(t *ticket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free(t)
}

// free makes a place free for the next. The lock is held.
func (p *places) free(t *ticket) {
	p.taken--
	p.end(t)
	p.give()
}

// end counts a request of a burst as gone; with the last the burst is over. The lock is held.
func (p *places) end(t *ticket) {
	if !t.burst {
		return
	}
	if p.bursts--; p.bursts == 0 {
		clear(p.had)
	}
}

// give gives what is free. The lock is held.
func (p *places) give() {
	for p.taken < p.most && len(p.waiting) > 0 {
		i := p.next()
		t := p.waiting[i]
		p.waiting = slices.Delete(p.waiting, i, i+1)
		p.take(t)
		close(t.given)
	}
}

// take gives a ticket a place. The lock is held.
func (p *places) take(t *ticket) {
	p.taken++
	if p.bursts > 0 {
		p.had[t.by]++
	}
}

// next is the index of who is next: the first, but in a burst the first of the voice with the least (had + 1) ÷ part. The lock is held.
func (p *places) next() (best int) {
	if p.bursts == 0 {
		return 0
	}
	least := p.due(0)
	for i := range p.waiting {
		if due := p.due(i); due < least {
			best, least = i, due
		}
	}
	return best
}

func (p *places) due(i int) float64 {
	by := p.waiting[i].by
	part := by.part
	if part <= 0 {
		part = 1 // consumers', and voices whose stake is not known: all alike
	}
	return float64(p.had[by]+1) / part
}

// count is how many requests are worked on, and wait.
func (p *places) count() (taken, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken, len(p.waiting)
}
