package exam

import (
	"context"
	"math"
	"slices"

	"agora/mechanism/capacity"
	"agora/mechanism/frontier"
)

// Ballot is what the servers of a tempo are worth by the tempos before it.
type Ballot struct {
	Epoch     uint64
	Servers   []Server            // as the tempo began, by uid
	Paid      []bool              // of each, whether it answers and is paid
	Service   []uint16            // of each, in 1/65,535
	Capacity  []uint64            // of each that is paid, after the price: in thousandths of a token in a second, 1 where nothing is measured
	Standings []frontier.Standing // of the models, in the order of the list
	UIDs      []uint32            // of all servers; nothing where nobody is worth anything
	Weights   []uint32
	Whole     bool // nothing of the tempos before is left to be examined
}

// Vote is the ballot's servers with their weights.
func (c *Course) Vote(ctx context.Context, alive func(Server) bool, can func(Server) uint64) (uids, weights []uint32, whole bool, err error) {
	b, err := c.Ballot(ctx, Found{Alive: alive, Can: can})
	return b.UIDs, b.Weights, b.Whole, err
}

// Found is what a voice has found out about servers.
type Found struct {
	Alive   func(Server) bool   // whether it answers and is paid: its gate
	Can     func(Server) uint64 // how much it can do; where that is nil all are alike
	Service func(Server) uint16 // how reliably it answers, in 1/65,535; nil is whole
}

// service is a server's.
func (f *Found) service(s Server) uint16 {
	if f.Service == nil {
		return math.MaxUint16
	}
	return f.Service(s)
}

// Ballot draws up the ballot of the running tempo: place × capacity × service × gate. Who cannot do anything, or asks too much for it, has no part in a place.
func (c *Course) Ballot(ctx context.Context, found Found) (b Ballot, err error) {
	t, err := c.sitting(ctx, c.now())
	if err != nil {
		return b, err
	}
	if err := c.admit(t); err != nil {
		return b, err
	}
	b = Ballot{Epoch: t.Epoch, Servers: t.Servers, Whole: true}
	for _, s := range t.Servers {
		paid := found.Alive(s)
		b.Paid, b.Service = append(b.Paid, paid), append(b.Service, found.service(s))
		b.Capacity = append(b.Capacity, capacityOf(s, paid, found.Can))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	b.Standings = c.stand(t, b.Capacity)
	afford(&b, t.MaxPrice)
	c.share(&b)
	for _, m := range t.Models {
		b.Whole = b.Whole && (c.serves() || t.Epoch == 0 || c.board.Has(m.Digest, t.Epoch-1) || t.Height <= m.Published)
	}
	return b, nil
}

// capacityOf is a server's before its price is looked at.
func capacityOf(s Server, paid bool, of func(Server) uint64) uint64 {
	switch {
	case !paid || s.UID > math.MaxUint16:
		return 0
	case of == nil:
		return 1
	}
	return of(s)
}

// afford leaves out servers that ask too much for their place, or more than the subnet takes where most is not 0.
func afford(b *Ballot, most uint64) {
	place := map[[32]byte]int{}
	for _, st := range b.Standings {
		place[st.Model.Digest] = st.Place
		if st.Why == frontier.Dominated {
			place[st.Model.Digest] = b.Standings[st.Before].Place
		}
	}
	offers := make([]capacity.Offer, len(b.Servers))
	for i, s := range b.Servers {
		offers[i] = capacity.Offer{Place: place[s.Digest], Price: capacity.Price(s.PriceIn, s.PriceOut), Capacity: b.Capacity[i]}
	}
	for i, ok := range capacity.Affordable(offers, most) {
		if !ok {
			b.Capacity[i] = 0
		}
	}
}

// share fills in the weights. The lock is held.
func (c *Course) share(b *Ballot) {
	var servers []frontier.Server
	for i, s := range b.Servers {
		if b.Capacity[i] > 0 {
			servers = append(servers, frontier.Server{UID: uint16(s.UID), Model: s.Digest, Capacity: b.Capacity[i], Service: b.Service[i], Gate: math.MaxUint16})
		}
	}
	paid := map[uint32]uint32{}
	for _, p := range c.board.Pay(before(b.Epoch), b.Standings, servers) {
		paid[uint32(p.UID)] = uint32(p.Weight)
	}
	if len(paid) == 0 {
		return
	}
	for _, s := range b.Servers {
		b.UIDs, b.Weights = append(b.UIDs, s.UID), append(b.Weights, paid[s.UID])
	}
}

// before is the last tempo that counts when weights are made in the running one.
func before(epoch uint64) uint64 { return max(epoch, 1) - 1 }

// stand is the list of the running tempo, in which those models take part that a server with capacity serves.
func (c *Course) stand(t Sitting, can []uint64) []frontier.Standing {
	served := map[[32]byte]bool{}
	for i, s := range t.Servers {
		served[s.Digest] = served[s.Digest] || can[i] > 0
	}
	if c.serves() {
		return named(t, served)
	}
	return c.board.Places(before(t.Epoch), func(d [32]byte) bool { return served[d] })
}

// serves says that nothing is examined here.
func (c *Course) serves() bool { return len(c.cfg.Contest.Parts) == 0 }

// named lists the models that a serving market names: each that is served is a place with its part for a prize.
func named(t Sitting, served map[[32]byte]bool) []frontier.Standing {
	var list []frontier.Standing
	for _, m := range t.Models {
		s := frontier.Standing{Model: m.Model, Before: -1, Why: frontier.Unserved}
		if part := t.Parts[m.Digest]; part > 0 && served[m.Digest] {
			s.Why, s.Place, s.Depth, s.Capability = frontier.Placed, len(list)+1, 1, frontier.Whole
			s.Prize = uint64(part) << 32
		}
		list = append(list, s)
	}
	return list
}

// Standing is a model with how it stands.
type Standing struct {
	frontier.Standing
	Listed  Listed
	Servers []uint32 // that a card of the running tempo names, by uid
	Fault   string   // why it cannot be run
}

// Standings lists the models of the running tempo: first those that take part, in the order of the list.
func (c *Course) Standings(ctx context.Context) ([]Standing, error) {
	t, err := c.sitting(ctx, c.now())
	if err != nil {
		return nil, err
	}
	if err := c.admit(t); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.stand(t, slices.Repeat([]uint64{1}, len(t.Servers)))
	out := make([]Standing, len(list))
	for i, s := range list {
		out[i] = Standing{Standing: s, Listed: c.listed[s.Model.Digest], Fault: c.faults[s.Model.Digest]}
		for _, server := range t.Servers {
			if server.Digest == s.Model.Digest {
				out[i].Servers = append(out[i].Servers, server.UID)
			}
		}
	}
	return out, nil
}
