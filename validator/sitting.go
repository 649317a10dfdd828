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
	t := exam.Sitting{Epoch: epoch, Height: seed.Height, Seed: task.Seed(seed.Seed), Items: itemsOf(now)}
	if epoch != now.Epoch {
		return t, nil
	}
	return t, p.fill(ctx, netuid, &t)
}

// itemsOf is how many items a model is asked in a tempo, at least one: exam_items in 360 blocks.
func itemsOf(s yumatypes.Snapshot) int {
	return int(max(1, s.Value(subnettypes.ExamItems)*s.Value(subnettypes.Tempo)/itemBlocks))
}

const itemBlocks = 360

// fill adds the servers, and the models that they name.
func (p publicModels) fill(ctx context.Context, netuid uint32, t *exam.Sitting) error {
	cards, err := p.node.Cards(ctx, netuid, t.Epoch)
	if err != nil {
		return err
	}
	named := map[[32]byte]bool{}
	for _, c := range cards.Cards {
		if d, ok := exam.ParseDigest(c.Digest); ok {
			named[d] = true
			t.Servers = append(t.Servers, exam.Server{UID: c.Uid, Registered: uint64(c.Registered), Digest: d})
		}
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
			t.Models = append(t.Models, listed(d, e))
		}
	}
	return nil
}

// listed is a model as an examiner wants it.
func listed(d [32]byte, e modeltypes.Entry) exam.Listed {
	m := e.Model
	l := exam.Listed{
		Model: frontier.Model{
			Digest: d, Height: m.Height, Index: uint32(m.Index), Published: m.PublishedHeight, Parameters: m.Parameters, Bytes: m.Bytes,
			Share: m.AuthorShare * 100,
		},
		Name: m.Name, Author: m.Author, Licence: m.Licence, Format: m.Format, Template: m.Template, Sources: m.Sources, Root: m.Root,
	}
	if e.Common || m.Retired {
		l.Share = 0
	}
	return l
}
