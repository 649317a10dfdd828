package validator

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"

	yumatypes "agora/chain/x/yuma/types"
	"agora/client"
	"agora/validator/exam"
)

// seat is a validator's work in one subnet: a judge and a calendar over one book, or over a course of examinations.
type seat struct {
	netuid  uint32
	family  string
	digest  string // of the module that judges, "" where none does
	book    *book
	judge   *judge
	course  *exam.Course // nil where answers are judged; then book and judge are there
	caller  *caller      // of the servers of course
	bursts  *bursts      // likewise
	heights chan int64   // the latest height, for the calendar
	stop    context.CancelFunc
	work    sync.WaitGroup

	mu     sync.Mutex
	status Status
}

// take opens a seat in a subnet; nil where its task is not here any more.
func (v *Validator) take(ctx context.Context, m *market) (*seat, error) {
	if m.open {
		return v.takeOpen(ctx, m)
	}
	family := m.Mechanism.Id
	book, err := openBook(m.Netuid, family, v.rules(family), v.store)
	if err != nil {
		return nil, err
	}
	judged, known := v.family(m.Subnet)
	if !known {
		return nil, nil
	}
	items, err := newDrawer(m.Netuid, v.cfg.Client.ChainID(), judged, v.store)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	s := &seat{netuid: m.Netuid, family: family, digest: m.Mechanism.Digest, book: book, heights: make(chan int64, 1), stop: stop}
	s.status = Status{Committed: -1, Revealed: -1}
	s.judge = v.newJudge(s, items)
	calendar := v.newCalendar(s, items)
	v.sit(s)
	s.work.Go(func() { s.judge.run(ctx) })
	s.work.Go(func() { s.keep(ctx, calendar, v.cfg.Log) })
	return s, nil
}

// sit makes a seat one of the validator's.
func (v *Validator) sit(s *seat) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seats[s.netuid] = s
}

func (v *Validator) newJudge(s *seat, items *drawer) *judge {
	return &judge{
		netuid: s.netuid, hub: v.hub, pool: &pool{draw: items.numbered, seed: items.count}, book: s.book,
		miners: func() []Miner { return v.Miners(s.netuid) }, judges: func() int { return v.voices(s.netuid) },
		slots: v.slots, idle: v.rules(s.family).Idle, deadline: v.cfg.Deadline,
		settling: v.cfg.Settling, payer: v.cfg.Payer, log: v.cfg.Log,
	}
}

func (v *Validator) newCalendar(s *seat, items *drawer) *calendar {
	return &calendar{
		netuid: s.netuid, chainID: v.cfg.Client.ChainID(), operator: v.cfg.Operator, hotKey: v.directory.hotKey,
		store: v.store, chain: v.cfg.Client, queue: v.queue, items: items, log: v.cfg.Log, report: s.edit,
		voice: func() (uint32, bool) { return v.voice(s.netuid) },
		vote:  func(ctx context.Context) (ballot, error) { return v.vote(ctx, s) },
		begin: func(c yumatypes.Schedule) error {
			v.beginTempo(s, c)
			return nil
		},
		keep: func(b ballot) error { return v.keepBallot(s, b) },
	}
}

// keep follows the calendar until ctx ends. What fails is tried again with the next block.
func (s *seat) keep(ctx context.Context, c *calendar, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case height := <-s.heights:
			err := c.step(ctx, height)
			if ctx.Err() != nil {
				continue
			}
			text := ""
			if err != nil {
				text = err.Error()
			}
			if err != nil && !errors.Is(err, client.ErrUnreachable) { // of which watch tells
				log.Warn("weights", "netuid", s.netuid, "height", height, "err", err)
			}
			s.edit(func(st *Status) { st.LastError = text })
		}
	}
}

// tell passes the height on. The calendar wants the latest only.
func (s *seat) tell(height int64) {
	select {
	case <-s.heights:
	default:
	}
	s.heights <- height
}

func (s *seat) edit(change func(*Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.status)
}

// leaveExcept ends the work in every subnet that is not among netuids. What is in the store stays.
func (v *Validator) leaveExcept(netuids []uint32) {
	v.mu.Lock()
	var gone []*seat
	for netuid, s := range v.seats {
		if !slices.Contains(netuids, netuid) {
			gone = append(gone, s)
			delete(v.seats, netuid)
		}
	}
	v.mu.Unlock()
	for _, s := range gone {
		s.stop()
		s.work.Wait()
	}
}

// leave ends the work in one subnet.
func (v *Validator) leave(netuid uint32) {
	v.leaveExcept(slices.DeleteFunc(v.directory.netuids(), func(n uint32) bool { return n == netuid }))
}

func (v *Validator) leaveAll() { v.leaveExcept(nil) }

// voice is the uid of this validator's voice in a subnet.
func (v *Validator) voice(netuid uint32) (uint32, bool) {
	m := v.directory.market(netuid)
	if m == nil || m.voice == nil {
		return 0, false
	}
	return *m.voice, true
}

// voices is how many voices a subnet has, at least 1: as many judges share what a miner can do.
func (v *Validator) voices(netuid uint32) int {
	if m := v.directory.market(netuid); m != nil {
		return max(1, m.voices)
	}
	return 1
}

// Open says whether a miner may be answering one of these prompts as an item now. It is the gateway's reason to refuse them: a miner
// that passes its items on to a better one by this validator's own gateway gets no answer.
func (v *Validator) Open(prompts [][]byte) bool {
	open := v.openPrompts()
	return slices.ContainsFunc(prompts, func(prompt []byte) bool { return isOpen(prompt, open) })
}

// openPrompts are those of each seat that judges.
func (v *Validator) openPrompts() (all []openPrompts) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	all = make([]openPrompts, 0, len(v.seats))
	for _, s := range v.seats {
		if s.judge == nil {
			continue
		}
		if open := s.judge.pool.asked.Load(); open != nil {
			all = append(all, *open)
		}
	}
	return all
}

func (v *Validator) seat(netuid uint32) *seat {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.seats[netuid]
}
