package gateway

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"slices"
	"strconv"
	"strings"
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
	NetUID uint32
	Name   string // consumers use it as model name
	Miners []Miner
}

// Miner is one place in a subnet.
type Miner struct {
	UID       uint32
	HotKey    ed25519.PublicKey
	Model     string  // of its card, empty where it has none
	Incentive uint16  // of the last epoch on the chain, 0 before the first
	Score     float64 // by the gateway's own validator, 0 where it has none
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
	rank   Rank
	tiers  [][]*candidate
}

// candidate is a miner with what the gateway itself knows of it, which outlives a snapshot.
type candidate struct {
	Miner
	*health
	name  string // "uid/peer id"
	label string // uid as a metric's label
}

// newTable orders the standings. health returns what is known of a miner so far.
func newTable(subnets []Subnet, health func(ed25519.PublicKey) *health, tierWidth float64, now time.Time) *table {
	t := &table{at: now, routes: map[string]*route{}}
	subnets = slices.Clone(subnets)
	slices.SortFunc(subnets, func(a, b Subnet) int { return cmp.Compare(a.NetUID, b.NetUID) })
	for _, s := range subnets {
		all := make([]*candidate, 0, len(s.Miners))
		for _, m := range s.Miners {
			all = append(all, newCandidate(m, health(m.HotKey)))
		}
		t.miners += len(all)
		t.offer(s, all, tierWidth)
	}
	t.list(subnets)
	return t
}

func newCandidate(m Miner, h *health) *candidate {
	uid := strconv.FormatUint(uint64(m.UID), 10)
	return &candidate{Miner: m, health: h, name: uid + "/" + wire.PeerID(m.HotKey), label: uid}
}

// offer enters a subnet under its name, its wish and its models. A subnet's name wins over a model's, and among models
// of the same name the lowest netuid's; "subnet/model" reaches the others.
func (t *table) offer(s Subnet, all []*candidate, tierWidth float64) {
	rank := rankOf(s.Miners)
	whole := &route{subnet: s.Name, rank: rank, tiers: tiers(all, rank, tierWidth)}
	t.routes[s.Name] = whole
	t.routes[s.Name+bestWish] = whole
	byModel := map[string][]*candidate{}
	for _, c := range all {
		if c.Model != "" {
			byModel[c.Model] = append(byModel[c.Model], c)
		}
	}
	for model, some := range byModel {
		r := &route{subnet: s.Name, rank: rank, tiers: tiers(some, rank, tierWidth)}
		t.routes[s.Name+"/"+model] = r
		if t.routes[model] == nil {
			t.routes[model] = r
		}
	}
}

// list names what GET /v1/models shows: subnets first, then models, each once.
func (t *table) list(subnets []Subnet) {
	seen := map[string]bool{}
	add := func(id, owner string) {
		if id == "" || seen[id] {
			return
		}
		seen[id] = true
		t.models = append(t.models, openai.Model{ID: id, Object: "model", OwnedBy: owner})
	}
	for _, s := range subnets {
		add(s.Name, "agora")
	}
	for _, s := range subnets {
		names := make([]string, 0, len(s.Miners))
		for _, m := range s.Miners {
			names = append(names, m.Model)
		}
		slices.Sort(names)
		for _, name := range names {
			add(name, s.Name)
		}
	}
}

// names are the ids of the list, for a person to choose from.
func (t *table) names() string {
	const most = 20
	ids := make([]string, 0, most+1)
	for i, m := range t.models {
		if i == most {
			ids = append(ids, "…")
			break
		}
		ids = append(ids, m.ID)
	}
	if len(ids) == 0 {
		return "nothing yet"
	}
	return strings.Join(ids, ", ")
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

// tiers groups miners so that each is at least (1 − width) times as good as the best of its tier.
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
		out = append(out, all[:n])
		all = all[n:]
	}
	return out
}
