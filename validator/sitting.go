package validator

import (
	"context"
	"errors"
	"fmt"

	modeltypes "agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
	"agora/client"
	"agora/mechanism/frontier"
	"agora/task"
	"agora/validator/exam"
)

// publicModels is what a node tells of subnets of open models.
type publicModels struct{ node *client.Client }

// PublicModels reads sittings from a node.
func PublicModels(node *client.Client) OpenChain { return publicModels{node} }

// Open implements OpenChain by the tempo that runs.
func (p publicModels) Open(ctx context.Context, netuid uint32) (bool, error) {
	s, err := p.node.Snapshot(ctx, netuid)
	return err == nil && s.Value(subnettypes.Openness) == 1, err
}

// Sitting implements exam.Chain. Models and servers are told of the running tempo only.
func (p publicModels) Sitting(ctx context.Context, netuid uint32, epoch uint64) (exam.Sitting, error) {
	seed, err := p.node.Seed(ctx, netuid, epoch)
	if errors.Is(err, client.ErrUnreachable) || ctx.Err() != nil {
		return exam.Sitting{}, err
	}
	if err != nil {
		return exam.Sitting{}, fmt.Errorf("%w: %w", exam.ErrNoSitting, err)
	}
	now, err := p.node.Snapshot(ctx, netuid)
	if err != nil {
		return exam.Sitting{}, err
	}
	t := exam.Sitting{
		Epoch: epoch, Height: seed.Height, Seed: task.Seed(seed.Seed), Items: itemsOf(now), Task: seed.Task, Margin: now.Value(subnettypes.Margin) * 100,
		MaxPrice: uint64(max(0, now.Value(subnettypes.MaxPrice))),
	}
	if epoch != now.Epoch {
		return t, nil
	}
	if t.Servers, err = p.servers(ctx, netuid, epoch); err != nil {
		return t, err
	}
	return t, p.fill(ctx, netuid, &t)
}

// servers are those whose cards name a model as a tempo begins. The chain keeps them for some tempos.
func (p publicModels) servers(ctx context.Context, netuid uint32, epoch uint64) (list []exam.Server, err error) {
	cards, err := p.node.Cards(ctx, netuid, epoch)
	if err != nil {
		return nil, err
	}
	for _, c := range cards.Cards {
		if d, ok := exam.ParseDigest(c.Digest); ok {
			list = append(list, exam.Server{UID: c.Uid, Registered: uint64(c.Registered), Digest: d, PriceIn: c.PriceIn, PriceOut: c.PriceOut})
		}
	}
	return list, nil
}

// past is the chain as it was in a tempo.
type past struct {
	publicModels
	netuid  uint32
	epoch   uint64
	servers []exam.Server
}

// Past tells of a subnet as if a tempo ran that is over, with these servers.
func Past(node *client.Client, netuid uint32, epoch uint64, servers []exam.Server) exam.Chain {
	return past{publicModels{node}, netuid, epoch, servers}
}

// ServersOf are the servers of a tempo as the chain has them; the error says that it has them no more.
func ServersOf(ctx context.Context, node *client.Client, netuid uint32, epoch uint64) ([]exam.Server, error) {
	return publicModels{node}.servers(ctx, netuid, epoch)
}

// Sitting implements exam.Chain.
func (p past) Sitting(ctx context.Context, netuid uint32, epoch uint64) (exam.Sitting, error) {
	t, err := p.publicModels.Sitting(ctx, netuid, epoch)
	t.Servers, t.Models, t.Parts = nil, nil, nil
	if err != nil || epoch != p.epoch {
		return t, err
	}
	t.Servers = p.servers
	return t, p.fill(ctx, netuid, &t)
}

// itemsOf is how many items a model is asked in a tempo, at least one: exam_items in 360 blocks.
func itemsOf(s yumatypes.Snapshot) int {
	return int(max(1, s.Value(subnettypes.ExamItems)*s.Value(subnettypes.Tempo)/itemBlocks))
}

const itemBlocks = 360

// fill adds the models that the servers name.
func (p publicModels) fill(ctx context.Context, netuid uint32, t *exam.Sitting) error {
	named := map[[32]byte]bool{}
	for _, s := range t.Servers {
		named[s.Digest] = true
	}
	entries, err := p.node.Models(ctx, netuid)
	if err != nil {
		return err
	}
	served, err := p.node.Served(ctx, netuid)
	if err != nil {
		return err
	}
	t.Parts = map[[32]byte]uint32{}
	for _, s := range served {
		if d, ok := exam.ParseDigest(s.Digest); ok {
			t.Parts[d] = s.Part
		}
	}
	for _, e := range entries {
		if d, ok := exam.ParseDigest(e.Model.Digest); ok && named[d] {
			t.Models = append(t.Models, Listed(d, e))
		}
	}
	return nil
}

// Listed is a published model as an examiner wants it.
func Listed(d [32]byte, e modeltypes.Entry) exam.Listed {
	m := e.Model
	l := exam.Listed{
		Model: frontier.Model{
			Digest: d, Height: m.Height, Index: uint32(m.Index), Published: m.PublishedHeight, Parameters: m.Parameters, Bytes: m.Bytes,
			Share: m.AuthorShare * 100,
		},
		Name: m.Name, Author: m.Author, Licence: m.Licence, Format: m.Format, Template: m.Template, Sources: m.Sources, Root: m.Root, Time: m.PublishedUnix,
	}
	if e.Common || m.Retired {
		l.Share = 0
	}
	return l
}
