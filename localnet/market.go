package localnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	sdkclient "github.com/cosmos/cosmos-sdk/client"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"

	"agora/chain/network"
	"agora/chain/node"
	"agora/client"
	"agora/validator/cashier"
	"agora/validator/daemon"
	"agora/validator/exam"
	"agora/wire/blob"
)

// Market is a running local network.
type Market struct {
	*plan
	nodes   []*node.Node
	blocks  []*proposer // of each node
	clients []*client.Client
	judges  []*daemon.Daemon
	workers []*worker
	room    *exam.Room
	first   atomic.Pointer[daemon.Daemon] // through which the room's weights come
	log     *slog.Logger

	stop    context.CancelCauseFunc
	ctx     context.Context
	daemons sync.WaitGroup
	closed  sync.Once
}

// Start brings the market of o up: when it returns, the gateways serve and every miner is registered. Close stops it.
func Start(ctx context.Context, o Options) (_ *Market, err error) {
	began := time.Now()
	p, err := prepare(o)
	if err != nil {
		return nil, err
	}
	m := &Market{plan: p}
	m.ctx, m.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
		}
	}()
	if m.log, err = openLog(p.Home, m); err != nil {
		return nil, err
	}
	p.say("%5.1fs  %d chain nodes in %s", time.Since(began).Seconds(), p.Validators, p.Home)
	if err := m.startNodes(ctx); err != nil {
		return nil, err
	}
	p.say("%5.1fs  blocks are being made, chain %s", time.Since(began).Seconds(), p.file.ChainID)
	if err := m.startDaemons(); err != nil {
		return nil, err
	}
	p.say("%5.1fs  %d validators judge and serve", time.Since(began).Seconds(), p.Validators)
	var group errgroup.Group
	group.Go(func() error { return m.openDemo(ctx) })
	group.Go(func() error { return m.startMiners(ctx) })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	p.say("%5.1fs  %d miners are registered, and the demo keys have %d TAO at each gateway", time.Since(began).Seconds(), len(m.workers), demoDeposit/network.TAO)
	return m, p.publish()
}

// openLog sends what the programs say to HOME/localnet.log; the file is closed when the market stops.
func openLog(home string, m *Market) (*slog.Logger, error) {
	f, err := os.OpenFile(filepath.Join(home, "localnet.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(m.ctx, func() { // closes after the last program has stopped
		m.daemons.Wait()
		_ = f.Close() // nothing was written after the last line
	})
	return slog.New(slog.NewTextHandler(io.Writer(f), &slog.HandlerOptions{Level: slog.LevelInfo})), nil
}

func (m *Market) startNodes(ctx context.Context) error {
	for i := range m.Validators {
		play := &proposer{}
		n, err := m.startNode(m.ctx, i, play)
		if err != nil {
			return err
		}
		m.nodes, m.blocks = append(m.nodes, n), append(m.blocks, play)
		m.clients = append(m.clients, client.New(n.Client(), m.file.ChainID))
		m.daemons.Go(func() { m.watch(i, n) })
	}
	if err := m.nodes[0].Serve(m.ctx, m.services(), sdkclient.Context{}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("no block within a minute"))
	defer cancel()
	for i, c := range m.clients {
		if err := awaitBlock(ctx, c); err != nil {
			return fmt.Errorf("node %d: %w", i, err)
		}
	}
	return nil
}

// watch ends the market where a node's consensus ends before it.
func (m *Market) watch(i int, n *node.Node) {
	select {
	case <-n.Halted():
		m.stop(fmt.Errorf("node %d: %w", i, n.Cause(serverconfig.BaseConfig{})))
	case <-m.ctx.Done():
	}
}

// awaitBlock waits until the node of c has a first block, before which it answers nothing.
func awaitBlock(ctx context.Context, c *client.Client) error {
	for {
		height, err := c.Height(ctx)
		if err == nil && height > 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

const (
	hidden    = time.Minute      // in which an item of this market may still be asked
	joinPrice = 10 * network.TAO // that a validator pays for a voice in a new subnet
)

func (m *Market) startDaemons() error {
	here, fetched, err := m.library()
	if err != nil {
		return err
	}
	m.room = exam.NewRoom(m.shelf(here, fetched), 1) // one for all: a result is a fact about a digest
	for i, c := range m.clients {
		name := fmt.Sprintf("validator%d", i)
		home := filepath.Join(nodeHome(m.Home, i), "validator")
		if err := os.MkdirAll(home, 0o700); err != nil {
			return err
		}
		d, err := daemon.New(daemon.Config{
			Client: c, HotKey: m.keys.hot(name), Operator: m.keys.account(name).String(), Home: home,
			Wire: fmt.Sprintf("%s:%d", host, m.file.Ports.Wire[i]), HTTP: fmt.Sprintf("%s:%d", host, m.file.Ports.Gateway[i]),
			Room: m.room, Models: m.Store, Gives: []blob.Library{fetched}, Tasks: daemon.Tasks{AllowPrivate: true, Hidden: hidden},
			Join: daemon.Join{Signer: client.ColdSigner(m.keys.cold(name)), MaxPrice: joinPrice}, DemoKey: m.file.Gateways[i].Key, Log: m.log.With("program", name),
			Cold: client.ColdSigner(m.keys.cold(name)), RPC: m.file.RPC[i], Cashier: cashier.Config{Look: lookEvery, Judging: judging},
		})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		m.judges = append(m.judges, d)
		m.first.CompareAndSwap(nil, d)
		m.daemons.Go(func() {
			if err := d.Run(m.ctx); err != nil {
				m.stop(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	return nil
}

// lookEvery is how often a validator looks at the chain for what payers do: their delay may be ten seconds here.
const lookEvery = 2 * time.Second

// Settle lets every validator pay what it owes and claim what consumers have signed for, for itself and for the miners.
func (m *Market) Settle(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, d := range m.judges {
		group.Go(func() error { return d.Settle(ctx) })
	}
	return group.Wait()
}

// startMiners loads the models, registers all at once and lets each serve as soon as it is registered.
func (m *Market) startMiners(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := range m.file.Miners {
		described := &m.file.Miners[i]
		w, err := newWorker(*described, m.Home, m.Store, m.keys, m.clients[i%len(m.clients)], m.log.With("program", described.Name))
		if err != nil {
			return err
		}
		m.workers = append(m.workers, w)
		group.Go(func() error {
			uid, err := w.enrol(ctx)
			if err != nil {
				return fmt.Errorf("miner %s: %w", w.Name, err)
			}
			described.UID = uid
			return w.start(m.ctx)
		})
	}
	return group.Wait()
}

// Description is what HOME/localnet.json says.
func (m *Market) Description() *Description { return m.file }

// Done is closed when the market stops by itself; Cause says why.
func (m *Market) Done() <-chan struct{} { return m.ctx.Done() }

// Cause is the failure that stopped the market, nil while it runs.
func (m *Market) Cause() error { return context.Cause(m.ctx) }

// StopMiner takes a miner off the network, as if its machine had been switched off.
func (m *Market) StopMiner(name string) error { return m.withWorker(name, (*worker).halt) }

// StartMiner brings a stopped miner back.
func (m *Market) StartMiner(name string) (err error) {
	return errors.Join(m.withWorker(name, func(w *worker) { err = w.start(m.ctx) }), err)
}

func (m *Market) withWorker(name string, do func(*worker)) error {
	i := slices.IndexFunc(m.workers, func(w *worker) bool { return w.Name == name })
	if i < 0 {
		return fmt.Errorf("no miner %q: localnet.json lists the names under miners[].name", name)
	}
	do(m.workers[i])
	return nil
}

// Close stops miners, validators and nodes, in that order, and leaves a home that can be started again.
func (m *Market) Close() error {
	var err error
	m.closed.Do(func() {
		for _, w := range m.workers {
			w.halt()
			if c, ok := w.engine.(io.Closer); ok {
				err = errors.Join(err, c.Close())
			}
		}
		m.stop(context.Canceled)
		m.daemons.Wait()
		if m.room != nil {
			err = errors.Join(err, m.room.Close())
		}
		var nodes errgroup.Group
		for _, n := range m.nodes {
			nodes.Go(n.Close)
		}
		err = errors.Join(err, nodes.Wait())
		if m.file.PID != 0 {
			m.file.PID = 0
			err = errors.Join(err, m.file.write(m.Home))
		}
	})
	return err
}
