package daemon

import (
	"context"
	"slices"
	"sync"

	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
	"agora/client"
	"agora/engine"
	"agora/gateway"
	"agora/gateway/ledger"
	"agora/mechanism/frontier"
	"agora/mechanism/score"
	"agora/validator"
	"agora/validator/exam"
)

// market is what this program knows of the market: the chain's view, read when it changes, and its own judgement.
// It is the ranking of the gateway and the source of the pages.
type market struct {
	client  *client.Client
	judge   *validator.Validator
	modules *modules
	keys    *gateway.Keys  // which end by the chain's time too
	started func()         // told when a subnet may have begun
	ledger  *ledger.Ledger // nil where nobody pays
	markup  uint64         // basis points

	mu     sync.Mutex
	stale  bool // something happened on the chain since the metagraphs were read
	graphs map[uint32]yumatypes.QueryMetagraphResponse
}

// follow notes when the chain's view changes, until ctx ends.
func (m *market) follow(ctx context.Context) {
	for b := range m.client.Blocks(ctx) {
		m.keys.BlockAt(b.Time)
		for _, e := range b.Events {
			switch e.(type) {
			case *yumatypes.EpochRun, *subnettypes.NeuronRegistered, *subnettypes.SubnetStarted, *subnettypes.SubnetDissolved, *subnettypes.HotKeyRotated:
				m.mu.Lock()
				m.stale = true
				m.mu.Unlock()
				m.started()
			}
		}
	}
}

// metagraph is the last epoch of a subnet, from memory unless something happened.
func (m *market) metagraph(ctx context.Context, netuid uint32) (yumatypes.QueryMetagraphResponse, error) {
	m.mu.Lock()
	if m.stale || m.graphs == nil {
		m.graphs, m.stale = map[uint32]yumatypes.QueryMetagraphResponse{}, false
	}
	graphs := m.graphs
	g, ok := graphs[netuid]
	m.mu.Unlock()
	if ok {
		return g, nil
	}
	g, err := m.client.Metagraph(ctx, netuid)
	if err != nil {
		return g, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	graphs[netuid] = g // of the generation that was asked for: a newer one is read anew
	return g, nil
}

// Standings implements gateway.Ranking. Who was found to give another model's answers is not asked.
func (m *market) Standings(ctx context.Context) ([]gateway.Subnet, error) {
	var list []gateway.Subnet
	for _, status := range m.judge.Status() {
		g, err := m.metagraph(ctx, status.NetUID)
		if err != nil {
			return nil, err
		}
		miners := m.miners(status.NetUID, g)
		for i := range miners {
			miners[i].Open = m.judge.Course(status.NetUID) != nil
		}
		m.identify(ctx, status.NetUID, miners)
		miners = slices.DeleteFunc(miners, func(s gateway.Miner) bool { return slices.Contains(status.Closed, s.UID) })
		list = append(list, gateway.Subnet{NetUID: status.NetUID, Name: status.Name, Created: max(0, status.Created.Unix()), Miners: miners})
	}
	return list, nil
}

func (m *market) miners(netuid uint32, g yumatypes.QueryMetagraphResponse) []gateway.Miner {
	incentive := map[uint32]uint16{}
	for _, u := range g.Uids {
		incentive[u.Uid] = uint16(u.Incentive)
	}
	own := scores(m.judge.Scores(netuid))
	var list []gateway.Miner
	for _, n := range m.judge.Miners(netuid) {
		miner := gateway.Miner{UID: n.UID, Registered: n.Registered, HotKey: n.HotKey, Owner: n.Owner, Incentive: incentive[n.UID], Score: own[uint16(n.UID)].Weight, Tier: own[uint16(n.UID)].Tier, Slots: uint64(n.Capacity())}
		if n.Card != nil {
			miner.Model, miner.Digest, miner.Engine = n.Card.Name, n.Card.Digest, n.Card.Engine
			miner.PriceIn, miner.PriceOut = n.Card.PriceIn, n.Card.PriceOut
			miner.Can, miner.Context = engine.AbilitiesOf(n.Card.Metadata), int(n.Card.Context)
			miner.Precision = n.Card.Precision
		}
		list = append(list, miner)
	}
	return list
}

// identify says of the servers of open models what they serve. Where that cannot be told now they are ranked all the same.
func (m *market) identify(ctx context.Context, netuid uint32, miners []gateway.Miner) {
	course := m.judge.Course(netuid)
	if course == nil {
		return
	}
	list, err := course.Standings(ctx)
	if err != nil {
		return
	}
	for _, s := range list {
		for i := range miners {
			if slices.Contains(s.Servers, miners[i].UID) {
				miners[i].Author, miners[i].Licence, miners[i].Parameters = s.Listed.Author, s.Listed.Licence, s.Model.Parameters
				miners[i].Published = s.Listed.Time
				if miners[i].Place = s.Place; s.Items > 0 {
					miners[i].Capability = float64(s.Capability) / float64(frontier.Whole)
				}
				miners[i].Digest = exam.SpellDigest(s.Model.Digest)
				if s.Listed.Name != "" {
					miners[i].Model = s.Listed.Name
				}
			}
		}
	}
}

func scores(list []score.Standing) map[uint16]score.Standing {
	byUID := map[uint16]score.Standing{}
	for _, s := range list {
		byUID[s.UID] = s
	}
	return byUID
}
