package gateway

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"maps"
	"slices"
	"strconv"
	"time"

	"agora/wire"
	"agora/wire/openai"
)

// Ranking says who serves what, and how well. It is asked once per refresh, never on the path of a request.
type Ranking interface {
	// Standings returns the subnets that consumers can ask, each with its miners.
	Standings(ctx context.Context) ([]Subnet, error)
}

// Subnet is one market as a consumer sees it.
type Subnet struct {
	NetUID  uint32
	Name    string // consumers use it as model name
	Created int64  // Unix seconds, 0 where that is not known
	Miners  []Miner
}

// Miner is one place in a subnet.
type Miner struct {
	UID        uint32
	Registered uint64 // block of the registration; another one is another miner
	HotKey     ed25519.PublicKey
	Model      string         // of its card, empty where it has none
	Digest     string         // of the model's weights as the card tells it, empty where it does not
	Engine     string         // as the card tells it, empty where it does not
	Can        openai.Ability // as the card tells it, 0 where it does not
	Context    int            // tokens that the model reads, 0 where the card does not tell
	PriceIn    uint64         // rao per million tokens read, as the card tells it
	PriceOut   uint64         // rao per million tokens written
	Owner      string         // account that is paid; empty where it is not known
	Precision  string         // of the weights, as the card tells it
	Incentive  uint16         // of the last epoch on the chain, 0 before the first
	Author     string         // account of the author of an open model; empty where there is none
	Licence    string         // of an open model
	Parameters uint64         // of an open model's weights, 0 where that is not known
	Open       bool           // its subnet's models are open: it is asked nothing whose answer cannot be run again
	Capability float64        // of an open model by its examination, 0 to 1; 0 where there was none
	Place      int            // of an open model, 1 is the first; 0 for none
	Published  int64          // of an open model, Unix seconds; 0 where that is not known
	Score      float64        // by the gateway's own validator, 0 where it has none
	Tier       int            // by the same, 0 is the best
	Slots      uint64         // requests that it works on at once, as the card tells it
}

// Rank says by what a subnet's miners are ordered.
type Rank string

// The orders, best first.
const (
	RankChain Rank = "chain" // the chain's incentive
	RankOwn   Rank = "own"   // before the first epoch: the scores of the gateway's own validator
	RankNone  Rank = "none"  // neither is there: evenly
)

// bestWish is the suffix of a subnet's name that asks for what is done anyway.
const bestWish = ":best"

// smallWish is the suffix that asks for the smallest model that has a place.
const smallWish = ":small"

// table is one immutable snapshot of the ranking.
type table struct {
	at     time.Time
	routes map[string]*route // by everything that may stand in "model"
	models []openai.Model
	miners int
}

// route is where a model name leads: candidates in tiers, best first.
type route struct {
	subnet string
	opened int64 // the subnet, Unix seconds
	rank   Rank
	tiers  [][]*candidate
}

// candidate is a miner with what the gateway itself knows of it, which outlives a snapshot.
type candidate struct {
	Miner
	*health
	netuid uint32
	name   string // "uid/peer id"
	label  string // uid as a metric's label
}

// context is the most tokens that a model of the route reads, 0 where no card tells it.
func (r *route) context() (most int) {
	for _, tier := range r.tiers {
		for _, c := range tier {
			most = max(most, c.Context)
		}
	}
	return most
}

// netuid is the subnet's.
func (r *route) netuid() uint32 {
	for _, tier := range r.tiers {
		for _, c := range tier {
			return c.netuid
		}
	}
	return 0
}

// newTable orders the standings. health returns what is known of a miner so far, and c whose a name is.
func newTable(subnets []Subnet, health func(ed25519.PublicKey) *health, c *claims, tierWidth float64, now time.Time) *table {
	t := &table{at: now, routes: map[string]*route{}}
	subnets = slices.Clone(subnets)
	slices.SortFunc(subnets, func(a, b Subnet) int { return cmp.Compare(a.NetUID, b.NetUID) })
	var everybody []*candidate
	for _, s := range subnets {
		all := make([]*candidate, 0, len(s.Miners))
		for _, m := range s.Miners {
			all = append(all, newCandidate(s, m, health(m.HotKey)))
		}
		t.miners += len(all)
		everybody = append(everybody, all...)
		t.offer(s, all, tierWidth)
	}
	t.name(subnets, everybody, c, tierWidth)
	for i := range t.models {
		r := t.routes[t.models[i].ID]
		t.models[i].Created = r.created()
		t.models[i].Describe(r.told())
	}
	return t
}

func newCandidate(s Subnet, m Miner, h *health) *candidate {
	uid := strconv.FormatUint(uint64(m.UID), 10)
	return &candidate{Miner: m, health: h, netuid: s.NetUID, name: uid + "/" + wire.PeerID(m.HotKey), label: uid}
}

// offer enters a subnet under its name and its wish.
func (t *table) offer(s Subnet, all []*candidate, tierWidth float64) {
	rank := rankOf(s.Miners)
	whole := &route{subnet: s.Name, opened: s.Created, rank: rank, tiers: tiers(all, rank, tierWidth)}
	t.routes[s.Name] = whole
	t.routes[s.Name+bestWish] = whole
	t.list(s.Name, "agora")
	if small := smallest(all); len(small) > 0 {
		t.routes[s.Name+smallWish] = &route{subnet: s.Name, opened: s.Created, rank: rank, tiers: tiers(small, rank, tierWidth)}
		t.list(s.Name+smallWish, "agora")
	}
}

// smallest are the servers of the model with the fewest parameters of those that have a place.
func smallest(all []*candidate) (list []*candidate) {
	for _, c := range all {
		switch {
		case c.Place == 0 || c.Parameters == 0 || len(list) > 0 && c.Parameters > list[0].Parameters:
		case len(list) > 0 && c.Parameters == list[0].Parameters:
			list = append(list, c)
		default:
			list = []*candidate{c}
		}
	}
	return list
}

// name enters the models: "subnet/model@uid" is each miner's own, "subnet/model" belongs to who holds the name there, the
// name alone to who holds it among all subnets. What is longer wins, and a subnet's name wins over a model's.
func (t *table) name(subnets []Subnet, everybody []*candidate, c *claims, tierWidth float64) {
	byID := map[uint32]Subnet{}
	for _, s := range subnets {
		byID[s.NetUID] = s
	}
	enter := func(id string, holders []*candidate) {
		if t.routes[id] == nil {
			t.routes[id] = named(byID[holders[0].netuid], holders, tierWidth)
		}
	}
	alone, inside := map[string][]*candidate{}, map[string][]*candidate{}
	for _, m := range everybody {
		if m.Model == "" {
			continue
		}
		s := byID[m.netuid].Name + "/" + m.Model
		alone[m.Model], inside[s] = append(alone[m.Model], m), append(inside[s], m)
		enter(s+"@"+m.label, []*candidate{m})
	}
	t.identify(everybody, enter)
	served := map[*candidate]bool{} // under a name of more than one
	for _, id := range slices.Sorted(maps.Keys(inside)) {
		holders := c.holders("subnet "+id, inside[id])
		enter(id, holders)
		for _, m := range holders {
			served[m] = true
		}
	}
	for _, model := range slices.Sorted(maps.Keys(alone)) {
		holders := c.holders("model "+model, alone[model])
		enter(model, holders)
		t.list(model, byID[holders[0].netuid].Name)
		for _, m := range alone[model] {
			s := byID[m.netuid].Name
			switch {
			case !served[m]:
				t.list(s+"/"+model+"@"+m.label, s)
			case !slices.Contains(holders, m):
				t.list(s+"/"+model, s)
			}
		}
	}
	c.forget(alone, inside)
}

// identify enters what names an open model beyond doubt: its digest, and "author/name" with the author's account.
func (t *table) identify(everybody []*candidate, enter func(string, []*candidate)) {
	exact := map[string][]*candidate{}
	for _, m := range everybody {
		if m.Parameters == 0 { // a card's digest alone is only a word
			continue
		}
		exact[m.Digest] = append(exact[m.Digest], m)
		if m.Author != "" && m.Model != "" {
			id := m.Author + "/" + m.Model
			exact[id] = append(exact[id], m)
		}
	}
	for id, servers := range exact {
		first := servers[0].netuid
		enter(id, slices.DeleteFunc(servers, func(m *candidate) bool { return m.netuid != first }))
	}
}

// named is the route of a model's name. Its holder comes first, with those of the same weights that are ranked alike; the
// others of the same weights are there for fail-over.
func named(s Subnet, holders []*candidate, tierWidth float64) *route {
	rank := rankOf(s.Miners)
	best := rank.value(holders[0].Miner)
	var alike, others []*candidate
	for _, m := range holders {
		if v := rank.value(m.Miner); v >= best*(1-tierWidth) && v*(1-tierWidth) <= best {
			alike = append(alike, m)
			continue
		}
		others = append(others, m)
	}
	return &route{subnet: s.Name, opened: s.Created, rank: rank, tiers: append([][]*candidate{alike}, tiers(others, rank, tierWidth)...)}
}

// list adds an id to what GET /v1/models shows, once.
func (t *table) list(id, owner string) {
	for _, m := range t.models {
		if m.ID == id {
			return
		}
	}
	t.models = append(t.models, openai.Model{ID: id, Object: "model", OwnedBy: owner})
}

// open is the open model that is asked first, where there is one.
func (r *route) open() *openai.Open {
	first := r.tiers[0][0]
	if first.Parameters == 0 {
		return nil
	}
	return &openai.Open{
		Name: first.Model, Digest: first.Digest, Author: first.Author, Licence: first.Licence,
		Parameters: first.Parameters, Capability: first.Capability, Place: first.Place,
	}
}

// created is when the open model that is asked first was published; where there is none, when the subnet was opened.
func (r *route) created() int64 {
	if len(r.tiers) > 0 && len(r.tiers[0]) > 0 && r.tiers[0][0].Published > 0 {
		return r.tiers[0][0].Published
	}
	return r.opened
}

// told is what the cards of a route's miners tell together: all that one of them can do, and the most that one of them reads.
func (r *route) told() (can openai.Ability, context int) {
	for _, tier := range r.tiers {
		for _, m := range tier {
			can |= m.Can
			context = max(context, m.Context)
		}
	}
	return can, context
}

func rankOf(miners []Miner) Rank {
	rank := RankNone
	for _, m := range miners {
		if m.Incentive > 0 {
			return RankChain
		}
		if m.Score > 0 {
			rank = RankOwn
		}
	}
	return rank
}

func (r Rank) value(m Miner) float64 {
	switch r {
	case RankChain:
		return float64(m.Incentive)
	case RankOwn:
		return m.Score
	}
	return 1
}

// tiers groups miners so that each is paid at least (1 − width) times as much as the best paid of its tier, and none whom the
// gateway's own validator holds to be of another tier. Judges give a tier one prize, which its members share: three that are
// equally good each earn a third. So the tier that earns most together comes first, not the one whose members do.
func tiers(all []*candidate, rank Rank, width float64) [][]*candidate {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b *candidate) int { return cmp.Compare(rank.value(b.Miner), rank.value(a.Miner)) })
	var out [][]*candidate
	for len(all) > 0 {
		floor := rank.value(all[0].Miner) * (1 - width)
		n := 1
		for n < len(all) && rank.value(all[n].Miner) >= floor {
			n++
		}
		out = append(out, apart(all[:n])...)
		all = all[n:]
	}
	prize := func(tier []*candidate) (sum float64) {
		for _, c := range tier {
			sum += rank.value(c.Miner)
		}
		return sum
	}
	if rank != RankNone {
		slices.SortStableFunc(out, func(a, b []*candidate) int { return cmp.Compare(prize(b), prize(a)) })
	}
	return out
}

// apart divides miners of equal pay by the tiers of the gateway's own validator: three of the best may each earn as much as the
// one that comes after them.
func apart(group []*candidate) (out [][]*candidate) {
	slices.SortStableFunc(group, func(a, b *candidate) int { return cmp.Compare(a.Tier, b.Tier) })
	for len(group) > 0 {
		n := 1
		for n < len(group) && group[n].Tier == group[0].Tier {
			n++
		}
		out = append(out, group[:n])
		group = group[n:]
	}
	return out
}
