package audit

import (
	"context"
	"errors"
	"fmt"

	"agora/engine"
	"agora/validator/exam"
	"agora/wire/receipt"
)

// Shelf is a library over the room where models are examined: its cores bound both.
type Shelf struct {
	Room *exam.Room
	// Find is a model that is published in a subnet.
	Find func(netuid uint32, digest [32]byte) (exam.Listed, bool)
}

// Replayer implements Library.
func (s Shelf) Replayer(ctx context.Context, r *receipt.Receipt) (engine.Replayer, func(), error) {
	m, done, err := s.lend(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	if i := m.Info(); i.Engine != r.Engine || i.Version != r.Version {
		done()
		return nil, nil, fmt.Errorf("%w: it was answered by %.32q %.32q, this validator runs %q %q", ErrEngine, r.Engine, r.Version, i.Engine, i.Version)
	}
	return m, done, nil
}

// Gauger implements Nearby.
func (s Shelf) Gauger(ctx context.Context, r *receipt.Receipt) (engine.Gauger, func(), error) {
	m, done, err := s.lend(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	g, ok := m.(engine.Gauger)
	if !ok {
		done()
		return nil, nil, ErrEngine
	}
	return g, done, nil
}

// exact is a model on the exact engine.
type exact interface {
	engine.Replayer
	engine.Engine
}

// lend is the model that a receipt names, whatever engine it was answered by.
func (s Shelf) lend(ctx context.Context, r *receipt.Receipt) (exact, func(), error) {
	listed, ok := s.Find(r.Netuid, r.Digest)
	if !ok {
		return nil, nil, fmt.Errorf("%w: subnet %d publishes no model %x", ErrNotHere, r.Netuid, r.Digest[:6])
	}
	model, done, err := s.Room.Lend(ctx, listed)
	if err != nil {
		return nil, nil, errors.Join(ErrNotHere, err)
	}
	m, ok := model.Subject.(exact)
	if !ok {
		done()
		return nil, nil, fmt.Errorf("%w: %s cannot be run again", ErrEngine, listed.Name)
	}
	return m, done, nil
}
