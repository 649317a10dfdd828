package localnet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"

	"agora/mechanism/frontier"
	"agora/validator"
	"agora/validator/daemon"
	"agora/validator/exam"
)

// apart examines the chat models in this process, from chain and weights alone, and compares the bits with what every validator publishes.
func (c *checker) apart(ctx context.Context) (string, error) {
	own, close, err := c.examine(ctx)
	if err != nil {
		return "", err
	}
	defer close()
	equal, models := 0, 0
	for i := range c.file.Gateways {
		same, of, err := c.equals(ctx, i, own)
		if err != nil {
			return "", fmt.Errorf("validator%d: %w", i, err)
		}
		equal, models = equal+same, of
	}
	return fmt.Sprintf("%d scores of %d models at %d validators are equal to the bit", equal, models, len(c.file.Gateways)), nil
}

// equals counts the scores that a validator publishes and that are the same here, and of how many models it publishes any.
func (c *checker) equals(ctx context.Context, gateway int, own *exam.Course) (same, models int, err error) {
	err = c.await(ctx, placeWithin, "it publishes a score of what was examined here", func() (bool, error) {
		theirs, err := c.examination(ctx, gateway)
		if err != nil {
			return false, err
		}
		models = len(theirs.Models)
		same, err = theirs.Compare(own)
		return same > 0, err
	})
	return same, models, err
}

// examine makes an examination of the chat market that knows what the chain tells so far. The function ends it.
func (c *checker) examine(ctx context.Context) (*exam.Course, func(), error) {
	dir, err := os.MkdirTemp("", "agora-exam")
	if err != nil {
		return nil, nil, err
	}
	store, err := exam.OpenStore(filepath.Join(dir, "exam.db"))
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	close := func() {
		_ = store.Close()
		_ = os.RemoveAll(dir) // a folder of the system's
	}
	subnet, err := c.chain.Subnet(ctx, chatNet)
	if err != nil {
		close()
		return nil, nil, err
	}
	contest, err := exam.ParseContest(subnet.Mechanism.Id)
	if err != nil {
		close()
		return nil, nil, err
	}
	course := exam.NewCourse(exam.Config{
		NetUID: chatNet, Contest: contest, Rules: frontier.DefaultRules(), Chain: validator.PublicModels(c.chain),
		Room: c.room, Store: store, Log: slog.New(slog.DiscardHandler),
	})
	if err := c.catchUp(ctx, course); err != nil {
		close()
		return nil, nil, err
	}
	return course, close, nil
}

// catchUp examines what lies before the running tempo.
func (c *checker) catchUp(ctx context.Context, course *exam.Course) error {
	s, err := c.chain.Schedule(ctx, chatNet)
	if err != nil {
		return err
	}
	course.Begin(s.Epoch)
	if course.Work(ctx) {
		return errors.Join(context.Cause(ctx), errors.New(course.Progress().LastError))
	}
	return nil
}

// examination is what a validator publishes of the chat market.
func (c *checker) examination(ctx context.Context, gateway int) (*daemon.Examination, error) {
	return daemon.FetchExamination(ctx, c.file.Gateways[gateway].URL, chatNet)
}

// frontierNoise is by how much of its share the pay of a model's servers may differ from what this process computes: items of some tempos
// lie between. How servers share it is their capacities' matter, of which each voice has its own figures.
const frontierNoise = 0.2

// frontier waits until the chain pays the servers of the chat market what an examination made here says, and nobody else.
func (c *checker) frontier(ctx context.Context) (string, error) {
	own, close, err := c.examine(ctx)
	if err != nil {
		return "", err
	}
	defer close()
	why := "no epoch has run"
	for range placeWithin {
		uids, weights, _, err := own.Vote(ctx, c.ours(), nil)
		if err != nil {
			return "", err
		}
		record, err := c.afterEpochs(ctx, chatNet, 1)
		if err != nil {
			return "", err
		}
		if why = differs(c.modelsOf(chatNet), uids, weights, incentives(record)); why == "" {
			return c.placed(ctx, own)
		}
		if err := c.catchUp(ctx, own); err != nil {
			return "", err
		}
	}
	return "", errors.New(why)
}

// modelsOf says which model a uid serves; "" for who is not of the market's own.
func (c *checker) modelsOf(netuid uint32) map[uint32]string {
	names := map[uint32]string{}
	for _, m := range c.minersOf(netuid) {
		names[m.UID] = m.Model
	}
	return names
}

// differs says which model's part of the incentive is not that of the weights; empty if none.
func differs(models map[uint32]string, uids, weights []uint32, incentive map[uint32]uint32) string {
	var paid, due float64
	is, should := map[string]float64{}, map[string]float64{}
	for i, uid := range uids {
		should[models[uid]] += float64(weights[i])
		due += float64(weights[i])
	}
	for uid, x := range incentive {
		is[models[uid]] += float64(x)
		paid += float64(x)
	}
	if paid == 0 || due == 0 {
		return "nobody is paid yet"
	}
	for model, x := range is {
		if is, should := x/paid, should[model]/due; math.Abs(is-should) > frontierNoise*should+1e-4 {
			return fmt.Sprintf("servers of %q have %.4f of the incentive, this process computes %.4f", model, is, should)
		}
	}
	return ""
}

// placed names who holds which place.
func (c *checker) placed(ctx context.Context, own *exam.Course) (string, error) {
	list, err := own.Standings(ctx)
	if err != nil {
		return "", err
	}
	var parts []string
	for _, s := range list {
		if s.Place > 0 {
			parts = append(parts, fmt.Sprintf("%d. %s (%.3f, %d items)", s.Place, s.Listed.Name, float64(s.Capability)/float64(frontier.Whole), s.Items))
		}
	}
	return strings.Join(parts, ", "), nil
}
