package validator

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"agora/mechanism/score"
)

// Pace of judging.
const (
	look       = 200 * time.Millisecond // between two looks at who is there and whom the board asks about
	firstTempo = 10 * time.Second       // assumed until two blocks have shown how long a tempo takes
	maxFiled   = 1024                   // answers that wait to be written
)

// judge asks one subnet's miners, each in a lane of its own, and fills its book.
type judge struct {
	netuid   uint32
	hub      Hub
	pool     *pool
	book     *book
	beside   beside
	miners   func() []Miner
	judges   func() int    // voices of the subnet: they share what a miner can do
	slots    chan struct{} // requests open at once, over all subnets
	idle     int           // items to everyone per tempo when nothing is in doubt
	deadline time.Duration // for one answer
	settling time.Duration // after the start, in which an absent miner is not blamed
	payer    Payer         // nil where nobody pays
	log      *slog.Logger
	began    time.Time
	answers  chan filed

	mu     sync.Mutex
	tempo  time.Duration
	known  map[uint32]Miner // by uid, at the last look
	wanted map[uint32]bool  // whom the board asks about, at the last look
}

// filed is what became of an item with one miner.
type filed struct {
	item   [32]byte
	result score.Result
}

// run judges until ctx ends, and returns when no request is open any more and all that came is written.
func (j *judge) run(ctx context.Context) {
	j.began = time.Now()
	j.answers = make(chan filed, maxFiled)
	var filing sync.WaitGroup
	filing.Go(j.write)
	var lanes sync.WaitGroup
	open := map[uint32]openLane{}
	for ctx.Err() == nil {
		j.look()
		j.pool.look(j.crowd(), j.itemAge(), time.Now())
		j.keepLanes(ctx, open, &lanes)
		pause(ctx, look)
	}
	for _, l := range open {
		l.stop()
	}
	lanes.Wait()
	close(j.answers)
	filing.Wait()
}

// openLane is a lane that runs.
type openLane struct {
	registered uint64
	stop       context.CancelFunc
}

// keepLanes opens lanes for miners that are new and ends those of miners that are gone.
func (j *judge) keepLanes(ctx context.Context, open map[uint32]openLane, lanes *sync.WaitGroup) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for uid, l := range open {
		if m, there := j.known[uid]; !there || m.Registered != l.registered {
			l.stop()
			delete(open, uid)
		}
	}
	for uid, m := range j.known {
		if _, has := open[uid]; has {
			continue
		}
		ctx, stop := context.WithCancel(ctx)
		open[uid] = openLane{m.Registered, stop}
		l := &lane{judge: j, miner: m}
		lanes.Go(func() { l.run(ctx) })
	}
}

// look notes who is there and whom the board asks about.
func (j *judge) look() {
	miners := j.miners()
	known, wanted := make(map[uint32]Miner, len(miners)), map[uint32]bool{}
	for _, m := range miners {
		known[m.UID] = m
	}
	for _, uid := range j.book.need(uidsOf(miners)) {
		wanted[uint32(uid)] = true
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.known, j.wanted = known, wanted
}

// now is what was last seen of a miner.
func (j *judge) now(uid uint32) (Miner, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	m, there := j.known[uid]
	return m, there
}

// wants says whether the board asks about a miner.
func (j *judge) wants(uid uint32) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.wanted[uid]
}

// crowd is how many miners get items now: those that the board asks about or, when there is none, all.
func (j *judge) crowd() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n := len(j.wanted); n > 1 {
		return n
	}
	return len(j.known)
}

// setTempo tells how long a tempo takes.
func (j *judge) setTempo(d time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.tempo = d
}

func (j *judge) tempoNow() time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.tempo == 0 {
		return firstTempo
	}
	return j.tempo
}

// itemAge is how long an item may be given out.
func (j *judge) itemAge() time.Duration { return max(leastAge, j.tempoNow()) }

// file passes a result on to be written.
func (j *judge) file(f filed) { j.answers <- f }

// write counts results as they come: all that came while the disk was busy in one entry.
func (j *judge) write() {
	for f := range j.answers {
		batch := []filed{f}
		for len(batch) < maxFiled && len(j.answers) > 0 {
			batch = append(batch, <-j.answers)
		}
		if err := j.book.add(batch); err != nil {
			j.log.Error("answers not counted", "netuid", j.netuid, "err", err)
		}
	}
}
