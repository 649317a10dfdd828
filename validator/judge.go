package validator

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"agora/mechanism/score"
)

// Pace of judging.
const (
	look       = 500 * time.Millisecond // between two looks for something to do
	offlineGap = time.Second            // between two items that an absent miner misses
	firstTempo = 10 * time.Second       // assumed until two blocks have shown how long a tempo takes
)

// judge asks one subnet's miners and fills its book.
type judge struct {
	netuid   uint32
	hub      Hub
	items    *drawer
	book     *book
	miners   func() []Miner
	slots    chan struct{} // requests open at once, over all subnets
	rounds   int           // items under way at once
	idle     int           // items to everyone per tempo when nothing is in doubt
	deadline time.Duration // for one answer
	settling time.Duration // after the start, in which an absent miner is not blamed
	log      *slog.Logger

	mu    sync.Mutex
	tempo time.Duration

	began   time.Time
	next    time.Time // of the next trickled item
	present map[uint32]bool
	blamed  map[uint32]time.Time // when an absent miner last missed an item
	moved   map[uint32]bool      // came or went since it was last asked
}

// run judges until ctx ends, and returns when no request is open any more.
func (j *judge) run(ctx context.Context) {
	j.began = time.Now()
	j.present, j.blamed, j.moved = map[uint32]bool{}, map[uint32]time.Time{}, map[uint32]bool{}
	j.next = j.began
	var open sync.WaitGroup
	defer open.Wait()
	room := make(chan struct{}, j.rounds)
	for ctx.Err() == nil {
		targets := j.targets(time.Now())
		if len(targets) == 0 {
			pause(ctx, look)
			continue
		}
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return
		}
		open.Go(func() {
			defer func() { <-room }()
			if err := j.round(ctx, targets); err != nil {
				j.log.Error("round not counted", "netuid", j.netuid, "err", err)
				pause(ctx, time.Second)
			}
		})
	}
}

// setTempo tells how long a tempo takes.
func (j *judge) setTempo(d time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.tempo = d
}

// targets names the miners of the next item: those that the board asks about or, when a trickled item is due, all.
func (j *judge) targets(now time.Time) []Miner {
	miners := j.miners()
	j.notice(miners)
	if now.After(j.next) {
		j.next = now.Add(j.gap())
		return j.askable(miners, now)
	}
	uids := make([]uint16, len(miners))
	for i, m := range miners {
		uids[i] = uint16(m.UID)
	}
	need := j.book.need(uids)
	return j.askable(slices.DeleteFunc(miners, func(m Miner) bool {
		return !slices.Contains(need, uint16(m.UID)) && !j.moved[m.UID]
	}), now)
}

// gap is the time to the next trickled item: a tempo's share, drawn between half and one and a half of it.
func (j *judge) gap() time.Duration {
	j.mu.Lock()
	tempo := j.tempo
	j.mu.Unlock()
	if tempo == 0 {
		tempo = firstTempo
	}
	share := float64(tempo) / float64(j.idle)
	return time.Duration(share * (0.5 + rand.Float64()))
}

// notice keeps track of who comes and goes: both are asked soon, so that a loss and a return of service are seen.
func (j *judge) notice(miners []Miner) {
	for _, m := range miners {
		if m.Connected != j.present[m.UID] {
			j.moved[m.UID] = true
		}
		j.present[m.UID] = m.Connected
	}
}

// askable leaves out the absent: they are blamed once in a while, and not while this program has just started.
func (j *judge) askable(miners []Miner, now time.Time) []Miner {
	var list []Miner
	for _, m := range miners {
		switch {
		case m.Connected:
		case now.Sub(j.began) < j.settling || now.Sub(j.blamed[m.UID]) < offlineGap:
			continue
		default:
			j.blamed[m.UID] = now
		}
		delete(j.moved, m.UID)
		list = append(list, m)
	}
	return list
}

// round puts one item to all targets at once and counts what comes back.
func (j *judge) round(ctx context.Context, targets []Miner) error {
	item, err := j.items.item()
	if err != nil {
		return err
	}
	results := j.collect(ctx, pose(item), targets)
	if len(results) == 0 {
		return nil
	}
	err = j.book.add(item.ID, results)
	if errors.Is(err, score.ErrItemUsed) {
		return nil // the same question came up by chance: it counts once
	}
	return err
}

func (j *judge) collect(ctx context.Context, q question, targets []Miner) []score.Result {
	results := make([]score.Result, len(targets))
	counted := make([]bool, len(targets))
	var wg sync.WaitGroup
	for i, m := range targets {
		wg.Go(func() { results[i], counted[i] = j.ask(ctx, q, m) })
	}
	wg.Wait()
	kept := results[:0]
	for i, r := range results {
		if counted[i] {
			kept = append(kept, r)
		}
	}
	return kept
}
