package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"

	subnettypes "agora/chain/x/subnet/types"
	"agora/client"
	"agora/task/shelf"
	"agora/validator"
	"agora/validator/exam"
)

// fetchedTasks are the tasks of a subnet for whoever examines its models once: fetched when they are asked for, from validators' gateways
// and the owner's source, and kept in a folder until close.
type fetchedTasks struct {
	modules *modules
	source  string
	dir     string

	mu     sync.Mutex
	loaded map[string]exam.Task
}

// alone is the budget of a task that runs for its user alone.
var alone = shelf.Budget{Processor: 64, Items: 1 << 20}

// ContestOf is what a subnet's mechanism examines, for whoever computes an examination again. Modules may come from private addresses:
// the caller chose the node that tells the addresses. end removes what was fetched.
func ContestOf(c *client.Client, s subnettypes.Subnet) (contest exam.Contest, end func() error, err error) {
	end = func() error { return nil }
	if s.Mechanism.Id != subnettypes.TaskModule {
		contest, err = validator.ContestOf(s, nil)
		return contest, end, err
	}
	f, err := fetchTasks(c, s.Mechanism.SourceUri)
	if err != nil {
		return contest, end, err
	}
	contest, err = validator.ContestOf(s, f.task)
	return contest, f.close, err
}

func fetchTasks(c *client.Client, source string) (*fetchedTasks, error) {
	dir, err := os.MkdirTemp("", "agora-tasks")
	if err != nil {
		return nil, err
	}
	m, err := openModules(c, dir, Tasks{AllowPrivate: true}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &fetchedTasks{modules: m, source: source, dir: dir, loaded: map[string]exam.Task{}}, nil
}

func (f *fetchedTasks) close() error { return errors.Join(f.modules.close(), os.RemoveAll(f.dir)) }

// task is ready when it returns.
func (f *fetchedTasks) task(ctx context.Context, digest string) (exam.Task, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.loaded[digest]; t != nil {
		return t, nil
	}
	d, err := shelf.ParseDigest(digest)
	if err != nil {
		return nil, err
	}
	sources, err := f.modules.sources(f.source)
	if err != nil {
		return nil, err
	}
	if err := f.modules.shelf.Fetch(ctx, d, sources); err != nil {
		return nil, err
	}
	t, err := f.modules.shelf.LoadWithin(ctx, d, alone)
	if err != nil {
		return nil, err
	}
	e, err := t.Examiner()
	if err != nil {
		return nil, err
	}
	f.loaded[digest] = e
	return e, nil
}
