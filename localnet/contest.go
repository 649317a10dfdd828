package localnet

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"agora/chain/network"
	subnettypes "agora/chain/x/subnet/types"
	"agora/engine/native/llm"
	"agora/engine/native/store"
	"agora/miner/publication"
	"agora/validator/daemon"
	"agora/validator/exam"
	"agora/wire/blob"
)

const (
	rivalName   = "chat-micro" // the model that is copied, and that takes a place
	contestName = "league"     // the market that the check opens for it
	contestTask = "exact:3+grammar:1"
	contestBy   = "nominator"      // the account that publishes and serves; the owner of a subnet is no author in it
	contestPay  = 64 * network.TAO // at most, for a place of a server
	takesWithin = 8                // epochs from the publication of a better model until it has the place and is paid
	leastLead   = 0.25             // by which it is better
	tempoItems  = 96               // asked of each model in a tempo of the market that the check opens: the models are small
	itemBlocks  = 360              // in which a subnet's parameter counts its items
	readyItems  = 32               // until a model takes part
	seenWithin  = placeWithin      // epochs until every validator has examined a new model
	idleItems   = 1                // asked in a tempo once the check is over
	tempoPaid   = 3                // epochs after which what was found out in a tempo has been paid by
	mostItems   = 3_456            // of the parameter
)

// publish lists a model in a subnet as `agora model publish` does, unless an earlier check has.
func (c *checker) publish(ctx context.Context, netuid uint32, e store.Entry) (earlier bool, err error) {
	key, err := c.coldKey(contestBy)
	if err != nil {
		return false, err
	}
	queue := c.chain.Queue(key)
	p := &publication.Publication{Netuid: netuid, Author: queue.Address(), Name: e.Name, Licence: "MIT"}
	if err := p.Read(e.Path); err != nil {
		return false, err
	}
	course := publication.Course{Chain: c.chain, Queue: queue, Dir: filepath.Join(c.home, "authors"), Say: func(string) {}}
	_, err = course.Publish(ctx, p)
	if errors.Is(err, publication.ErrPublished) {
		return true, nil
	}
	return false, err
}

// serveFile serves a model of a file, and gives the file to validators.
func (c *checker) serveFile(ctx context.Context, netuid uint32, r *rivals, e store.Entry) (uid uint32, stop func(), err error) {
	owner, err := c.coldKey(contestBy)
	if err != nil {
		return 0, nil, err
	}
	model, err := llm.Open(e.Path, llm.Options{Name: e.Name, Licence: e.Licence})
	if err != nil {
		return 0, nil, err
	}
	hot := keys(c.file.Seed).hot(fmt.Sprintf("%s of %d", e.Name, netuid))
	uid, halt, err := c.serve(ctx, guest{netuid: netuid, hot: hot, owner: owner, limit: contestPay, engine: model, weights: blob.NewServer(r.files)})
	if err != nil {
		return 0, nil, errors.Join(err, model.Close())
	}
	return uid, func() {
		halt()
		_ = model.Close() // it was read only
	}, nil
}

// given fetches the copy from the validators' gateways, as `agora model get` does, and compares the bytes.
func (c *checker) given(ctx context.Context, r *rivals) error {
	empty, err := store.Open(filepath.Join(r.dir, "elsewhere"))
	if err != nil {
		return err
	}
	digest, _ := exam.ParseDigest(r.half.Digest)
	l := exam.Listed{Name: r.half.Name}
	l.Digest, l.Bytes = digest, uint64(r.half.Bytes)
	e, err := (&daemon.Weights{Store: empty, Chain: c.chain, Private: true}).Get(ctx, l)
	if err == nil && e.SHA256 != r.half.SHA256 {
		err = fmt.Errorf("the validators give another file of %s", r.half.Digest)
	}
	return err
}

func capabilityOf(e daemon.Examined) float64 { return float64(e.Capability) / 1e6 }

// examinedBy waits until every validator's examination of a model is as wanted, and returns the last one's.
func (c *checker) examinedBy(ctx context.Context, netuid uint32, digest string, wanted func(daemon.Examined) bool) (daemon.Examined, error) {
	for range seenWithin {
		if found, all := c.examined(ctx, netuid, digest, wanted); all {
			return found, nil
		}
		if _, err := c.afterEpochs(ctx, netuid, 1); err != nil {
			return daemon.Examined{}, err
		}
	}
	return daemon.Examined{}, fmt.Errorf("in %d epochs not every validator has examined %.19s… of subnet %d as far as it should", seenWithin, digest, netuid)
}

// examined says whether every validator's examination of a model is as wanted now, with the last one's.
func (c *checker) examined(ctx context.Context, netuid uint32, digest string, wanted func(daemon.Examined) bool) (found daemon.Examined, all bool) {
	there := 0
	for i := range c.file.Gateways {
		e, err := daemon.FetchExamination(ctx, c.file.Gateways[i].URL, netuid)
		if err != nil {
			continue // it has no seat in a new market yet
		}
		for _, m := range e.Models {
			if m.Digest == digest && wanted(m) {
				found = m
				there++
			}
		}
	}
	return found, there == len(c.file.Gateways)
}

// overtaken opens a market for a contest, in which what is left of a model has the only place. Then the whole model is published, better by
// at least leastLead, and takes the place. The market stays as it is until nobody uses it any more.
func (c *checker) overtaken(ctx context.Context, r *rivals, use *rounds) (_ string, err error) {
	defer close(use.open)
	s, err := c.create(ctx, contestName, subnettypes.Mechanism{Id: contestTask}, "A contest of open models that a check opens.")
	if err != nil {
		return "", err
	}
	if _, err := c.publish(ctx, s.Netuid, r.half); err != nil {
		return "", err
	}
	items := min(tempoItems*itemBlocks/c.file.Tempo, mostItems)
	if err := c.begin(ctx, s, map[string]int64{subnettypes.Openness: 1, subnettypes.ExamItems: items}); err != nil {
		return "", err
	}
	defer func() {
		err = errors.Join(err, putBack(ctx, func(ctx context.Context) error { return c.calm(ctx, s.Netuid) }))
	}()
	first, stop, err := c.serveFile(ctx, s.Netuid, r, r.half)
	if err != nil {
		return "", err
	}
	defer stop()
	use.open <- s.Netuid
	defer use.wait(ctx)
	holder, err := c.examinedBy(ctx, s.Netuid, r.half.Digest, func(e daemon.Examined) bool { return e.Place == 1 || e.Items >= readyItems })
	if err != nil {
		return "", err
	}
	if err := c.paidFirst(ctx, s.Netuid, first); err != nil {
		return "", err
	}
	earlier, err := c.publish(ctx, s.Netuid, r.whole)
	if err != nil {
		return "", err
	}
	began, err := c.chain.Schedule(ctx, s.Netuid)
	if err != nil {
		return "", err
	}
	second, halt, err := c.serveFile(ctx, s.Netuid, r, r.whole)
	if err != nil {
		return "", err
	}
	defer halt()
	taken, epochs, err := c.takes(ctx, s.Netuid, began.Epoch, r.whole.Digest, second)
	if err != nil {
		return "", err
	}
	lead := capabilityOf(taken) - capabilityOf(holder)
	detail := fmt.Sprintf("%s (%.3f, %d items) took the place of its half (%.3f) in subnet %d, %d epochs after its publication", rivalName, capabilityOf(taken), taken.Items, capabilityOf(holder), s.Netuid, epochs)
	switch {
	case lead < leastLead:
		return "", fmt.Errorf("%s: a lead of %.3f shows nothing", detail, lead)
	case earlier:
		return strings.Replace(detail, fmt.Sprintf(", %d epochs after its publication", epochs), " in an earlier check, and has it", 1), nil
	}
	return detail, nil
}

// paidFirst waits until the chain pays the only server of a new market.
func (c *checker) paidFirst(ctx context.Context, netuid, uid uint32) error {
	for range placeWithin {
		record, err := c.afterEpochs(ctx, netuid, 1)
		if err != nil {
			return err
		}
		if incentives(record)[uid] > 0 {
			return nil
		}
	}
	return fmt.Errorf("in %d epochs the chain paid uid %d of subnet %d nothing, whose model has the place alone", placeWithin, uid, netuid)
}

// takes counts the epochs from one on until all validators hold a model's place to be the first and the chain pays its server. That is
// not at once more than the other's is paid, who may still serve it for half the pay: what a server can do is the mean of eight moments.
func (c *checker) takes(ctx context.Context, netuid uint32, from uint64, digest string, uid uint32) (daemon.Examined, uint64, error) {
	for {
		record, err := c.afterEpochs(ctx, netuid, 1)
		if err != nil {
			return daemon.Examined{}, 0, err
		}
		now, err := c.chain.Schedule(ctx, netuid)
		if err != nil {
			return daemon.Examined{}, 0, err
		}
		taken, all := c.examined(ctx, netuid, digest, func(e daemon.Examined) bool { return e.Place == 1 })
		if all && incentives(record)[uid] > 0 {
			return taken, now.Epoch - from, nil
		}
		if now.Epoch-from >= takesWithin {
			return daemon.Examined{}, 0, fmt.Errorf("%d epochs after a better model was published it has no place in subnet %d, or uid %d, which serves it, no pay", now.Epoch-from, netuid, uid)
		}
	}
}

// calm lets a market that nobody serves any more ask few items.
func (c *checker) calm(ctx context.Context, netuid uint32) error {
	key, err := c.coldKey("owner")
	if err != nil {
		return err
	}
	queue := c.chain.Queue(key)
	_, err = queue.Send(ctx, &subnettypes.MsgSetParameter{
		Sender: queue.Address(), Netuid: netuid, Name: subnettypes.ExamItems, Value: idleItems * itemBlocks / c.file.Tempo,
	})
	return err
}
