package validator

import (
	"context"
	"errors"
	"math"

	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
	"agora/mechanism/frontier"
	"agora/mechanism/score"
	"agora/validator/exam"
)

// OpenChain is what a validator reads of the chain of subnets of open models.
type OpenChain interface {
	exam.Chain
	// Open says whether a subnet's models are open now.
	Open(ctx context.Context, netuid uint32) (bool, error)
}

// holds says whether this program can hold a subnet's contest.
func (v *Validator) holds(s subnettypes.Subnet) bool {
	if v.cfg.Open == nil {
		return false
	}
	_, err := v.contest(s)
	return err == nil
}

// contest is what a subnet examines here.
func (v *Validator) contest(s subnettypes.Subnet) (exam.Contest, error) {
	return ContestOf(s, func(_ context.Context, digest string) (exam.Task, error) {
		if v.cfg.Modules == nil {
			return nil, errors.New("no task of others is run here")
		}
		return v.cfg.Modules.Task(s.Netuid, digest)
	})
}

// ServeMechanism is the id of a serving market's mechanism: its models are named, not examined.
const ServeMechanism = "serve"

// ContestOf is what a subnet's mechanism examines; nothing in a serving market. Where modules draw the items, tasks finds them.
func ContestOf(s subnettypes.Subnet, tasks exam.Tasks) (exam.Contest, error) {
	switch s.Mechanism.Id {
	case ServeMechanism:
		return exam.Contest{}, nil
	case subnettypes.TaskModule:
		return exam.Judged(tasks), nil
	}
	return exam.ParseContest(s.Mechanism.Id)
}

// opens says whether a subnet's models are examined. What is open and no contest of this program is not served.
func (v *Validator) opens(ctx context.Context, s subnettypes.Subnet) (bool, error) {
	if !v.holds(s) {
		return false, nil
	}
	return v.cfg.Open.Open(ctx, s.Netuid)
}

// takeOpen opens a seat in a subnet of open models.
func (v *Validator) takeOpen(ctx context.Context, m *market) (*seat, error) {
	contest, err := v.contest(m.Subnet)
	if err != nil {
		return nil, err
	}
	salts, err := newDrawer(m.Netuid, v.cfg.Client.ChainID(), nil, v.store)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	s := &seat{netuid: m.Netuid, family: m.Mechanism.Id, digest: m.Mechanism.Digest, heights: make(chan int64, 1), stop: stop}
	s.status = Status{Committed: -1, Revealed: -1}
	s.course = exam.NewCourse(exam.Config{
		NetUID: m.Netuid, Contest: contest, Rules: frontier.DefaultRules(), Chain: v.cfg.Open, Room: v.cfg.Room, Store: v.exams, Others: others{v}, Log: v.cfg.Log,
	})
	s.caller = &caller{Validator: v, netuid: m.Netuid, course: s.course}
	s.bursts = newBursts(s.caller)
	calendar := v.newCalendar(s, salts)
	v.sit(s)
	s.work.Go(func() { s.course.Run(ctx) })
	s.work.Go(func() { s.caller.run(ctx) })
	s.work.Go(func() { s.bursts.run(ctx) })
	s.work.Go(func() { s.keep(ctx, calendar, v.cfg.Log) })
	return s, nil
}

// voteOpen draws up the ballot of an examination. A server counts while it is connected, is who it was as the tempo began, and gives
// its model's answers, for as much as it can do.
func (v *Validator) voteOpen(ctx context.Context, s *seat) (ballot, error) {
	known := v.measured(s)
	b, err := s.course.Ballot(ctx, v.found(s.netuid, known))
	if err != nil {
		return ballot{}, err
	}
	return withinLimit(ctx, v.cfg.Client, s.netuid, ballot{uids: b.UIDs, weights: b.Weights, proven: len(b.UIDs) > 0, settled: b.Whole, because: &b, measured: known})
}

// alive tells which servers of a subnet are there now.
func (v *Validator) alive(netuid uint32) func(exam.Server) bool {
	registered := map[uint32]uint64{}
	for _, m := range v.Miners(netuid) {
		if m.Connected {
			registered[m.UID] = m.Registered
		}
	}
	return func(s exam.Server) bool {
		at, there := registered[s.UID]
		return there && at == s.Registered
	}
}

// found is what this validator goes by when it weighs servers.
func (v *Validator) found(netuid uint32, known *measured) exam.Found {
	return exam.Found{Alive: v.paid(netuid), Can: known.capacity(), Service: func(s exam.Server) uint16 {
		gate, audited := v.Gate(netuid, s)
		if !audited {
			return math.MaxUint16
		}
		return gate.Service
	}}
}

// paid tells which of them are there and give their models' answers.
func (v *Validator) paid(netuid uint32) func(exam.Server) bool {
	alive := v.alive(netuid)
	return func(s exam.Server) bool {
		gate, audited := v.Gate(netuid, s)
		return alive(s) && (!audited || gate.Open)
	}
}

// vote asks the book of a seat, or its course, for a ballot.
func (v *Validator) vote(ctx context.Context, s *seat) (ballot, error) {
	if s.course != nil {
		return v.voteOpen(ctx, s)
	}
	b, err := s.book.vote(uidsOf(v.Miners(s.netuid)), s.judge.tempoNow())
	if err != nil {
		return b, err
	}
	return withinLimit(ctx, v.cfg.Client, s.netuid, b)
}

// beginTempo tells a seat of a new tempo.
func (v *Validator) beginTempo(s *seat, c yumatypes.Schedule) {
	if m := v.directory.market(s.netuid); v.cfg.Payer != nil && m != nil {
		v.cfg.Payer.Begin(s.netuid, c.Epoch, m.stake, m.total)
	}
	if s.course != nil {
		s.course.Begin(c.Epoch)
		return
	}
	s.judge.setTempo(v.pace.of(c.Tempo))
}

// Course is the examination of a subnet's models; nil where answers are judged, or the subnet is not served.
func (v *Validator) Course(netuid uint32) *exam.Course {
	if s := v.seat(netuid); s != nil {
		return s.course
	}
	return nil
}

// examined ranks the servers of open models as a board ranks miners, best first.
func (v *Validator) examined(s *seat) []score.Standing {
	ctx := context.Background() // what is asked of the chain was asked before
	models, err := s.course.Standings(ctx)
	if err != nil {
		return nil
	}
	b, err := s.course.Ballot(ctx, v.found(s.netuid, v.measured(s)))
	if err != nil {
		return nil
	}
	weight, service := map[uint32]float64{}, map[uint32]float64{}
	for i, uid := range b.UIDs {
		weight[uid] = float64(b.Weights[i])
	}
	for i, server := range b.Servers {
		service[server.UID] = float64(b.Service[i]) / math.MaxUint16
	}
	registered, paid := map[uint32]uint64{}, v.paid(s.netuid)
	for _, m := range v.Miners(s.netuid) {
		registered[m.UID] = m.Registered
	}
	var list []score.Standing
	for _, m := range models {
		share := float64(m.Capability) / float64(frontier.Whole)
		for _, uid := range m.Servers {
			gate := 0.0
			if paid(exam.Server{UID: uid, Registered: registered[uid], Digest: m.Model.Digest}) {
				gate = 1
			}
			list = append(list, score.Standing{
				UID: uint16(uid), Registered: registered[uid], N: int(m.Items), Asked: int(m.Items), Mean: share, Lower: share, Upper: share,
				Answered: 1, Capability: share, Service: service[uid], Gate: gate, Ready: m.Why != frontier.Unready, Tier: max(0, m.Place-1), Weight: weight[uid], CopyOf: -1,
			})
		}
	}
	return list
}
