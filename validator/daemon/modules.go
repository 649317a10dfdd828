package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	subnettypes "agora/chain/x/subnet/types"
	"agora/client"
	"agora/task"
	"agora/task/shelf"
	"agora/task/wasm"
	"agora/validator/exam"
	"agora/wire"
)

// Tasks is an operator's policy on tasks that others wrote.
type Tasks struct {
	None         bool                    // judge no subnet whose task is a module
	Only         []uint32                // netuids whose modules are judged; all if empty
	Never        []uint32                // netuids whose modules are not judged
	Budget       shelf.Budget            // of each module
	Each         map[uint32]shelf.Budget // of the modules of these subnets instead
	Hidden       time.Duration           // see shelf.Config
	AllowPrivate bool                    // fetch modules from private and loopback addresses: local networks only
}

// runs says whether a subnet's module is judged here.
func (t Tasks) runs(netuid uint32) bool {
	return !t.None && !slices.Contains(t.Never, netuid) && (len(t.Only) == 0 || slices.Contains(t.Only, netuid))
}

// budget is what a subnet's module may use.
func (t Tasks) budget(netuid uint32) shelf.Budget {
	if b, own := t.Each[netuid]; own {
		return b
	}
	return t.Budget
}

// modules are the tasks that others wrote: fetched when a subnet names one, from validators and the owner's source.
// It implements validator.Modules.
type modules struct {
	client *client.Client
	shelf  *shelf.Shelf
	policy Tasks
	ready  func() // told when one more module can judge
	log    *slog.Logger
	work   sync.WaitGroup
	ctx    context.Context
	stop   context.CancelFunc

	mu    sync.Mutex
	tasks map[wasm.Digest]*module
}

// module is one that a subnet names.
type module struct {
	task    *shelf.Task // nil until it can judge
	busy    bool        // being fetched
	retry   time.Time   // not before
	lastErr string
}

const (
	retryModule   = 5 * time.Second // after nobody had a module
	forbidModule  = time.Hour       // after one that does not run: it will not later
	quietFailures = time.Minute     // between two lines of the log about one module's failures
)

func openModules(c *client.Client, home string, policy Tasks, ask wasm.Asker, log *slog.Logger) (*modules, error) {
	guarded := &http.Client{
		Transport:     &http.Transport{DialContext: wire.Dialer(policy.AllowPrivate).DialContext, ResponseHeaderTimeout: 30 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	ctx, stop := context.WithCancel(context.Background())
	s, err := shelf.Open(ctx, shelf.Config{Dir: filepath.Join(home, "tasks"), Client: guarded, Ask: ask, Hidden: policy.Hidden})
	if err != nil {
		stop()
		return nil, err
	}
	return &modules{client: c, shelf: s, policy: policy, log: log, ready: func() {}, ctx: ctx, stop: stop, tasks: map[wasm.Digest]*module{}}, nil
}

func (m *modules) close() error {
	m.stop()
	m.work.Wait()
	return m.shelf.Close()
}

// Family implements validator.Modules.
func (m *modules) Family(s subnettypes.Subnet) (task.Family, bool) {
	return m.family(s.Netuid, s.Mechanism)
}

// Task implements validator.Modules. A task that asks models is refused: two validators might hear different answers.
func (m *modules) Task(netuid uint32, digest string) (exam.Task, error) {
	if !m.policy.runs(netuid) {
		return nil, fmt.Errorf("the operator runs no task of subnet %d", netuid)
	}
	t := m.want(netuid, subnettypes.Mechanism{Id: subnettypes.TaskModule, Digest: digest})
	if t == nil {
		return nil, fmt.Errorf("%w: %s", shelf.ErrMissing, digest)
	}
	return t.Examiner()
}

// Next implements validator.Modules.
func (m *modules) Next(s subnettypes.Subnet) (task.Family, bool) {
	if s.Next == nil || s.Next.Mechanism.Digest == s.Mechanism.Digest {
		return nil, false
	}
	return m.family(s.Netuid, s.Next.Mechanism)
}

func (m *modules) family(netuid uint32, named subnettypes.Mechanism) (task.Family, bool) {
	if !m.policy.runs(netuid) {
		return nil, false
	}
	t := m.want(netuid, named)
	if t == nil {
		return nil, false
	}
	return t.Family(m.teller(netuid)), true
}

// want returns a module that is ready, or begins to fetch it.
func (m *modules) want(netuid uint32, named subnettypes.Mechanism) *shelf.Task {
	d, err := shelf.ParseDigest(named.Digest)
	if err != nil || named.Id != subnettypes.TaskModule {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	mod := m.tasks[d]
	if mod == nil {
		mod = &module{}
		m.tasks[d] = mod
	}
	if mod.task == nil && !mod.busy && time.Now().After(mod.retry) && m.ctx.Err() == nil {
		mod.busy = true
		m.work.Go(func() { m.bring(netuid, d, named.SourceUri, mod) })
	}
	return mod.task
}

// bring fetches and loads a module.
func (m *modules) bring(netuid uint32, d wasm.Digest, source string, mod *module) {
	began := time.Now()
	t, err := m.load(netuid, d, source)
	m.mu.Lock()
	mod.busy, mod.task, mod.lastErr = false, t, ""
	switch {
	case err == nil:
	case errors.Is(err, wasm.ErrModule):
		mod.retry, mod.lastErr = time.Now().Add(forbidModule), err.Error()
	default:
		mod.retry, mod.lastErr = time.Now().Add(retryModule), err.Error()
	}
	m.mu.Unlock()
	if err != nil {
		m.log.Warn("a subnet's task is not ready here", "netuid", netuid, "digest", d.String(), "err", err)
		return
	}
	m.log.Info("a subnet's task is ready", "netuid", netuid, "task", t.Description().Name, "digest", d.String(), "took", time.Since(began))
	m.ready()
}

func (m *modules) load(netuid uint32, d wasm.Digest, source string) (*shelf.Task, error) {
	if !m.shelf.Has(d) {
		sources, err := m.sources(source)
		if err != nil {
			return nil, err
		}
		if err := m.shelf.Fetch(m.ctx, d, sources); err != nil {
			return nil, err
		}
	}
	return m.shelf.LoadWithin(m.ctx, d, m.policy.budget(netuid))
}

// sources are the gateways of all validators, and the owner's own.
func (m *modules) sources(owner string) ([]string, error) {
	profiles, err := m.client.Profiles(m.ctx)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, p := range profiles {
		if p.GatewayUrl != "" {
			list = append(list, strings.TrimSuffix(strings.TrimSuffix(p.GatewayUrl, "/"), "/v1")+"/") // as OpenAI clients want it, with /v1
		}
	}
	if strings.HasPrefix(owner, "http") {
		list = append(list, strings.TrimSuffix(owner, "/"))
	}
	return list, nil
}

// teller logs a module's failures, not each of them.
func (m *modules) teller(netuid uint32) func(error) {
	var mu sync.Mutex
	var last time.Time
	return func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); now.Sub(last) > quietFailures {
			last = now
			m.log.Warn("a subnet's task gives no item or score", "netuid", netuid, "err", err)
		}
	}
}

// handler serves modules, and takes those that a subnet names.
func (m *modules) handler() http.Handler {
	return m.shelf.Handler(func(d wasm.Digest) bool {
		subnets, err := m.client.Subnets(m.ctx)
		if err != nil {
			return false
		}
		names := func(named subnettypes.Mechanism) bool {
			return named.Id == subnettypes.TaskModule && named.Digest == "sha256:"+d.String()
		}
		return slices.ContainsFunc(subnets, func(s subnettypes.Subnet) bool {
			return names(s.Mechanism) || s.Next != nil && names(s.Next.Mechanism)
		})
	})
}

// running is a subnet's module, for its page; nil where there is none here, and why.
func (m *modules) running(named subnettypes.Mechanism) (t *shelf.Task, problem string) {
	d, err := shelf.ParseDigest(named.Digest)
	if err != nil {
		return nil, err.Error()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	mod := m.tasks[d]
	if mod == nil {
		return nil, ""
	}
	return mod.task, mod.lastErr
}
