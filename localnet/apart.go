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

// apart examines the chat models in this process, from chain and weights alone, and compares the bits with what a validator publishes.
func (c *checker) apart(ctx context.Context) (string, error) {
	own, close, err := c.examine(ctx)
	if err != nil {
		return "", err
	}
	defer close()
	for {
		theirs, err := c.examination(ctx, len(c.file.Gateways)-1)
		if err != nil {
			return "", err
		}
		if same, err := theirs.Compare(own); err != nil || same > 0 {
			return fmt.Sprintf("%d scores of %d models are equal to the bit", same, len(theirs.Models)), err
		}
		if err := c.nextBlock(ctx); err != nil {
			return "", err
		}
	}
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
		Room: exam.NewRoom(&exam.Shelf{Fetch: exam.Folder(modelsDir(c.home))}, 1), Store: store, Log: slog.New(slog.DiscardHandler),
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

// frontierNoise is by how much of its share a server's pay may differ from what this process computes: items of some tempos lie between.
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
		uids, weights, _, err := own.Vote(ctx, func(exam.Server) bool { return true })
		if err != nil {
			return "", err
		}
		record, err := c.afterEpochs(ctx, chatNet, 1)
		if err != nil {
			return "", err
		}
		if why = differs(uids, weights, incentives(record)); why == "" {
			return c.placed(ctx, own)
		}
		if err := c.catchUp(ctx, own); err != nil {
			return "", err
		}
	}
	return "", errors.New(why)
}

// differs says whose part of the incentive is not that of the weights; empty if all are.
func differs(uids, weights []uint32, incentive map[uint32]uint32) string {
	var paid, due float64
	want := map[uint32]float64{}
	for i, uid := range uids {
		want[uid] = float64(weights[i])
		due += float64(weights[i])
	}
	for _, x := range incentive {
		paid += float64(x)
	}
	if paid == 0 || due == 0 {
		return "nobody is paid yet"
	}
	for uid, x := range incentive {
		is, should := float64(x)/paid, want[uid]/due
		if math.Abs(is-should) > frontierNoise*should+1e-4 {
			return fmt.Sprintf("uid %d has %.4f of the incentive, this process computes %.4f", uid, is, should)
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
