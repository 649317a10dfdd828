package gateway

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// errOutrun ends the request to a server that another has outrun. It is no fault of the server's.
var errOutrun = errors.New("gateway: another server began to answer first")

// race is a request at one miner, and at an equal one beside it where the first is slow to begin. Whoever begins first
// answers; the other one is ended, and neither paid nor blamed, but how long it took is remembered.
type race struct {
	*call
	class   class
	first   *candidate
	own     answer // of the first
	few     [2]*answer
	runners []*answer    // that are not over; in few
	begun   chan *answer // each runner once, with err set
	wg      sync.WaitGroup
	winner  *answer // who has begun, or failed last
}

// run asks a miner, and waits for the first that it or another says.
func (c *call) run(m *candidate, now time.Time) *race {
	r := &race{call: c, class: classOf(c.route.subnet, len(c.body)), first: m}
	r.runners = r.few[:0]
	wait, hedged := r.hedge()
	a := r.enter(&r.own, m, now)
	if !hedged {
		a.err = a.begin()
		r.arrive(a)
		return r
	}
	r.begun = make(chan *answer, 2) // so that nobody waits to be heard
	r.send(a)
	late, stop := c.hedges.wait(wait)
	defer stop()
	select {
	case a := <-r.begun:
		r.arrive(a)
	case <-late:
		r.second()
	}
	return r
}

// hedge is when an equal of the first miner is asked; false where none is. What is answered in one piece has no first token,
// and what has failed somewhere is not sent to two.
func (r *race) hedge() (time.Duration, bool) {
	wait, may := r.hedges.after(r.class)
	if !may || r.operation.whole || len(r.tried) > 1 || !r.twins(r.first) {
		return 0, false
	}
	return wait, true
}

// enter prepares a runner.
func (r *race) enter(a *answer, m *candidate, now time.Time) *answer {
	m.start(now)
	a.ask(r.call, m, now)
	r.runners = append(r.runners, a)
	return a
}

// send lets a runner run beside this goroutine, which survives what it does.
func (r *race) send(a *answer) {
	r.wg.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				a.err = fmt.Errorf("gateway: asking a miner failed: %v", p)
			}
			r.begun <- a
		}()
		a.err = a.begin()
	})
}

// second asks an equal of the first, if there is one and a hedge is left, and waits until one begins or all have failed.
func (r *race) second() {
	o := r.equal(r.first)
	if o == nil || !r.hedges.take() {
		r.arrive(<-r.begun)
		return
	}
	r.tried = append(r.tried, o)
	r.send(r.enter(&answer{}, o, time.Now()))
	a := <-r.begun
	if a.err != nil { // the other one runs on
		r.note(a.from, a.err)
		r.failed.add(a.err)
		r.leave(a)
		a = <-r.begun
	}
	r.arrive(a)
	r.hedges.total.WithLabelValues(r.route.subnet, r.outcome()).Inc()
}

// arrive notes who has come in first, or failed last, and ends the other one.
func (r *race) arrive(a *answer) {
	r.winner = a
	if a.err == nil && !r.operation.whole {
		r.hedges.note(r.class, a.started.Sub(a.sent))
	}
	for _, o := range r.runners {
		if o != a {
			o.giveUp(errOutrun)
			r.outrun(o, time.Now())
		}
	}
}

// outrun notes that who lost took longer than until now.
func (r *race) outrun(o *answer, now time.Time) {
	r.metrics.attempts.WithLabelValues(r.route.subnet, o.from.label, "outrun").Inc()
	if !o.begun.Load() {
		o.from.answered(now.Sub(o.sent), now)
		r.hedges.note(r.class, now.Sub(o.sent))
	}
}

// outcome says who began first, for a metric's label.
func (r *race) outcome() string {
	switch {
	case r.winner.err != nil:
		return "neither"
	case r.winner.from == r.first:
		return "first"
	}
	return "second"
}

// leave takes a runner out that is over.
func (r *race) leave(a *answer) {
	a.close()
	a.from.end()
	r.runners = slices.DeleteFunc(r.runners, func(o *answer) bool { return o == a })
}

// end ends what runs, and waits for it.
func (r *race) end() {
	for _, a := range r.runners {
		a.stop()
	}
	r.wg.Wait()
	for len(r.runners) > 0 {
		r.leave(r.runners[0])
	}
}
