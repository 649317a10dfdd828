package validator

import (
	"context"

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
	_, err := contestOf(s)
	return err == nil
}

// ServeMechanism is the id of a serving market's mechanism: its models are named, not examined.
const ServeMechanism = "serve"

// contestOf is what a subnet's mechanism examines; nothing in a serving market.
func contestOf(s subnettypes.Subnet) (exam.Contest, error) {
	if s.Mechanism.Id == ServeMechanism {
		return exam.Contest{}, nil
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
	contest, err := contestOf(m.Subnet)
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
		NetUID: m.Netuid, Contest: contest, Rules: frontier.DefaultRules(), Chain: v.cfg.Open, Room: v.cfg.Room, Store: v.exams, Log: v.cfg.Log,
	})
	calendar := v.newCalendar(s, salts)
	v.sit(s)
	s.work.Go(func() { s.course.Run(ctx) })
	s.work.Go(func() { s.keep(ctx, calendar, v.cfg.Log) })
	return s, nil
}

// voteOpen draws up the ballot of an examination. A server counts while it is connected and is who it was as the tempo began.
func (v *Validator) voteOpen(ctx context.Context, s *seat) (ballot, error) {
	uids, weights, whole, err := s.course.Vote(ctx, v.alive(s.netuid))
	if err != nil {
		return ballot{}, err
	}
	return withinLimit(ctx, v.cfg.Client, s.netuid, ballot{uids: uids, weights: weights, proven: len(uids) > 0, settled: whole})
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
	uids, weights, _, err := s.course.Vote(ctx, v.alive(s.netuid))
	if err != nil {
		return nil
	}
	weight := map[uint32]float64{}
	for i, uid := range uids {
		weight[uid] = float64(weights[i])
	}
	registered := map[uint32]uint64{}
	for _, m := range v.Miners(s.netuid) {
		registered[m.UID] = m.Registered
	}
	var list []score.Standing
	for _, m := range models {
		share := float64(m.Capability) / float64(frontier.Whole)
		for _, uid := range m.Servers {
			list = append(list, score.Standing{
				UID: uint16(uid), Registered: registered[uid], N: int(m.Items), Asked: int(m.Items), Mean: share, Lower: share, Upper: share,
				Answered: 1, Capability: share, Service: 1, Gate: 1, Ready: m.Why != frontier.Unready, Tier: max(0, m.Place-1), Weight: weight[uid], CopyOf: -1,
			})
		}
	}
	return list
}
