package validator

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"
)

// Pace of a lane.
const (
	leastGap  = 40 * time.Millisecond   // between two items, however fast the miner
	shortWait = 1500 * time.Millisecond // a queue that costs no service: answers within 2 s are fast enough
	mostGap   = 10 * time.Minute
	firstPace = time.Second // what an answer is taken to take until one has come
	remember  = 16          // latest times of answers that tell a lane its miner's speed
	maxTries  = 6           // times that an item is brought to a miner that is full
	absences  = 20          // items that an absent miner misses in a tempo
	idleLook  = 250 * time.Millisecond
	leastAge  = 2 * time.Minute // in which an item is given out, where no tempo is longer
)

// lane asks one miner, at the miner's own pace: no other lane waits for it. One goroutine runs it.
type lane struct {
	*judge
	miner   Miner
	times   []time.Duration // of the latest answers
	trickle time.Time       // when the next item is due with nothing in doubt
	present bool
	moved   bool // came or went since it was last asked
	turns   int
}

// run asks until ctx ends.
func (l *lane) run(ctx context.Context) {
	l.trickle = time.Now().Add(l.gap())
	pause(ctx, time.Duration(rand.Float64()*float64(l.rest(leastGap)))) // not all judges at once
	for ctx.Err() == nil {
		if !l.due(time.Now()) {
			pause(ctx, idleLook)
			continue
		}
		l.moved = false
		answered := l.turn(ctx)
		if answered {
			l.tryNext(ctx)
		}
		wait := l.rest(l.speed())
		if !answered {
			wait = l.missed()
		}
		pause(ctx, wait)
	}
}

// due says whether the miner should get an item now: because the board asks about it, because it came or went, or because of
// the trickle, which goes on all the time so that a change is seen.
func (l *lane) due(now time.Time) bool {
	m, there := l.now(l.miner.UID)
	if !there {
		return false
	}
	if m.Connected != l.present {
		l.present, l.moved = m.Connected, true
	}
	if !m.Connected && now.Sub(l.began) < l.settling {
		return false
	}
	l.miner = m
	if l.payer != nil && !l.payer.Affords(l.netuid, m) {
		return false
	}
	if now.After(l.trickle) {
		l.trickle = now.Add(l.gap())
		return true
	}
	return l.moved || l.wants(l.miner.UID)
}

// turn takes an item, brings it to the miner and files what comes of it.
func (l *lane) turn(ctx context.Context) (answered bool) {
	item, err := l.pool.take(l.miner.UID, l.crowd(), l.itemAge(), time.Now())
	if err != nil {
		if !errors.Is(err, errNoItem) { // of which the task's owner is told once a minute
			l.log.Error("no item", "netuid", l.netuid, "err", err)
		}
		pause(ctx, time.Second)
		return false
	}
	defer l.pool.done(item, time.Now)
	q := pose(item.Item)
	result, outcome := l.ask(ctx, q, l.miner)
	for try := 1; outcome == refused && try < maxTries && l.pool.current(item); try++ {
		pause(ctx, jitter(l.rest(max(l.speed(), leastGap))<<(try-1)))
		result, outcome = l.ask(ctx, q, l.miner)
	}
	if outcome == uncounted || ctx.Err() != nil {
		return true
	}
	if !result.Failed {
		l.times = append(l.times, result.Latency)
		l.times = slices.Delete(l.times, 0, max(0, len(l.times)-remember))
	}
	l.file(filed{item.ID, result})
	return !result.Failed
}

// speed is what an answer takes where no other request stands before it: the lower quartile of the latest ones.
func (l *lane) speed() time.Duration {
	if len(l.times) == 0 {
		return firstPace
	}
	sorted := slices.Sorted(slices.Values(l.times))
	return sorted[len(sorted)/4]
}

// rest is the time between two items, so that all judges together keep the miner busy for half of its time at most, each of them
// no more than its part:
//
//	rest = 2 · judges · speed / capacity
//
// Every second item then finds the miner free, and what it takes is the miner's own time. A miner so fast that its queue, with one
// item of every judge in it, is short anyway needs no such rest.
func (l *lane) rest(speed time.Duration) time.Duration {
	queue := float64(l.judges()) * float64(speed) / float64(l.miner.Capacity())
	rest := 2 * queue
	if queue < float64(shortWait) {
		rest = 0
	}
	return jitter(time.Duration(min(max(rest, float64(leastGap)), float64(mostGap))))
}

// missed is the time between two items that an absent or failing miner misses: an absence costs by its length in tempos.
func (l *lane) missed() time.Duration {
	return min(max(l.tempoNow()/absences, leastGap), time.Minute)
}

// gap is the time to the next trickled item: a tempo's share.
func (l *lane) gap() time.Duration { return jitter(l.tempoNow() / time.Duration(l.idle)) }

// jitter draws between half and one and a half of d, and at most the longest gap: nobody foresees when it is asked.
func jitter(d time.Duration) time.Duration {
	return min(time.Duration(float64(d)*(0.5+rand.Float64())), mostGap)
}
