// Package daemon is the validator as one program: the judge, the hub that miners dial, the gateway that consumers ask
// and the pages that people look at.
package daemon

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"agora/client"
	"agora/engine/native/store"
	"agora/gateway"
	"agora/gateway/ledger"
	"agora/gateway/receipts"
	"agora/mechanism/score"
	"agora/task"
	"agora/task/continuation"
	"agora/task/exact"
	"agora/task/shelf"
	"agora/validator"
	"agora/validator/cashier"
	"agora/validator/exam"
	"agora/validator/oracle"
	"agora/web"
	"agora/wire"
	"agora/wire/blob"
)

// Config says for whom the program judges and where it listens.
type Config struct {
	Client   *client.Client
	HotKey   ed25519.PrivateKey
	Operator string         // account address of the validator's operator
	Home     string         // folder of the judge's store and the gateway's keys
	Models   string         // folder of model files, which are given to whoever asks; the user's cache folder if empty
	Wire     string         // host:port that miners dial
	HTTP     string         // host:port of gateway and pages
	Gateway  gateway.Config // its limits; the rest is set here
	Tasks    Tasks          // what tasks that others wrote may do here
	Join     Join           // in which new subnets a voice is taken
	Cold     client.Signer  // of the operator: claims what consumers pay, and pays miners; without it nobody pays here
	Ledger   string         // file, or postgres:// URL, of what is owed; HOME/ledger.db
	RPC      string         // of a node that consumers can open channels through
	Cashier  cashier.Config // its times and sums; the rest is set here
	DemoKey  string         // shown in the pages and accepted by the gateway: local networks only
	Cores    int            // that examinations may keep busy, at least one
	Room     *exam.Room     // shared with other validators of this process; nil for one of its own
	Gives    []blob.Library // of models that are given to whoever asks, beside Models and what ships
	Log      *slog.Logger
}

// Daemon is a running validator program.
type Daemon struct {
	cfg     Config
	judge   *validator.Validator
	hub     *wire.Hub
	gateway *gateway.Gateway
	site    *web.Site
	market  *market
	modules *modules
	oracle  *oracle.Oracle
	joinNow chan struct{}
	ledger  *ledger.Ledger
	cashier *cashier.Cashier
	till    *gateway.Till // nil where nobody pays
	keys    *gateway.Keys
	proofs  *receipts.Store
	weights *Weights
	room    *exam.Room // nil where others use it too
	http    net.Listener
}

// Families are the task families that this program can judge, by name.
func Families() map[string]task.Family {
	families := map[string]task.Family{}
	for _, f := range []task.Family{exact.Family{}, continuation.New()} {
		families[f.Name()] = f
	}
	return families
}

// rules are the judge's settings where a family asks for others than the defaults.
func rules() map[string]score.Params {
	p := score.DefaultParams()
	p.Chance = continuation.Chance
	return map[string]score.Params{continuation.Name: p}
}

// New opens the store and listens. Nothing is served before Run.
func New(cfg Config) (_ *Daemon, err error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	models, err := store.Open(cfg.Models)
	if err != nil {
		return nil, err
	}
	d := &Daemon{joinNow: make(chan struct{}, 1)}
	d.weights = &Weights{Store: models, Chain: cfg.Client, Private: cfg.Tasks.AllowPrivate, Servers: d.Servers}
	if cfg.Room == nil {
		d.room = exam.NewRoom(&exam.Shelf{Fetch: d.Fetch, Mend: d.weights.Mend, Within: exam.FetchWithin}, cfg.Cores)
		cfg.Room = d.room
	}
	d.cfg = cfg
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	d.oracle = oracle.New(oracle.Config{Open: judgeModel(cfg.Models), Program: askProgram, Subnet: d.askSubnet})
	if d.modules, err = openModules(cfg.Client, cfg.Home, cfg.Tasks, d.oracle, cfg.Log); err != nil {
		return nil, err
	}
	starting, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := d.openTill(starting); err != nil {
		return nil, err
	}
	judge := validator.Config{
		Client: cfg.Client, HotKey: cfg.HotKey, Operator: cfg.Operator, Store: filepath.Join(cfg.Home, "judge.db"),
		Families: Families(), Rules: rules(), Open: validator.PublicModels(cfg.Client), Room: cfg.Room, Private: cfg.Tasks.AllowPrivate, Log: cfg.Log,
	}
	judge.Modules = d.modules
	if d.cashier != nil {
		judge.Payer = d.cashier
	}
	if d.judge, err = validator.New(judge); err != nil {
		return nil, err
	}
	d.modules.ready = d.judge.Reread
	if d.hub, err = wire.Listen(cfg.Wire, cfg.HotKey, d.judge.Allow, wire.Options{
		Known: filepath.Join(cfg.Home, "miners.addresses"), Log: cfg.Log,
	}); err != nil {
		return nil, fmt.Errorf("listen for miners: %w", err)
	}
	if d.http, err = net.Listen("tcp", cfg.HTTP); err != nil {
		return nil, fmt.Errorf("listen for consumers: %w", err)
	}
	return d, d.makeGateway()
}

func (d *Daemon) makeGateway() error {
	keys, err := OpenKeys(d.cfg.Home, d.cfg.Ledger)
	if err != nil {
		return err
	}
	d.keys = keys
	if d.cfg.DemoKey != "" {
		if _, err := keys.Import(d.cfg.DemoKey, "demo", gateway.Limits{}); err != nil {
			return err
		}
	}
	d.market = &market{client: d.cfg.Client, judge: d.judge, modules: d.modules, keys: keys, started: d.wake}
	if d.proofs, err = receipts.Open(filepath.Join(d.cfg.Home, "receipts.db")); err != nil {
		return err
	}
	c := d.cfg.Gateway
	c.Proofs = &gateway.Proofs{ChainID: d.cfg.Client.ChainID(), Voice: d.cfg.HotKey.Public().(ed25519.PublicKey), Store: d.proofs, Tempo: d.judge.Tempo, Checked: d.judge.Offer, Audited: d.judge.Audited, Outcome: d.judge.Verified}
	c.Miners, c.Ranking, c.Judge, c.Keys, c.Log = d.hub, d.market, d.judge, keys, d.cfg.Log
	c.Weights = d.gives()
	c.Gauges = append(c.Gauges, gauges{d.judge, d.cfg.Client})
	c.Names = filepath.Join(d.cfg.Home, "names.json")
	c.KeyHelp = "the operator makes one with `agora validator key create NAME`; a local network's is in its localnet.json"
	if c.Till = d.till; c.Till != nil {
		d.market.ledger, d.market.markup = d.ledger, c.Till.Markup
		c.Gauges = append(c.Gauges, d.cashier.Metrics()...)
	}
	d.gateway, err = gateway.New(c)
	d.site = web.New(d.market, web.Options{DemoKey: d.cfg.DemoKey, Log: d.cfg.Log})
	return err
}

// OpenKeys opens the keys of a gateway with this home: in a file there, or in the database where its ledger is shared.
func OpenKeys(home, where string) (*gateway.Keys, error) {
	file := filepath.Join(home, "keys.json")
	if !ledger.IsShared(where) {
		return gateway.OpenKeys(file)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return gateway.OpenSharedKeys(ctx, where, file)
}

// Run judges and serves until ctx ends, then stops everything within some seconds. The error is the first failure.
func (d *Daemon) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	start := func(work func(context.Context) error) {
		group.Go(func() {
			if err := work(ctx); err != nil {
				cancel(err)
			}
		})
	}
	start(func(ctx context.Context) error { return d.judge.Run(ctx, d.hub) })
	start(func(ctx context.Context) error { d.gateway.Run(ctx); return nil })
	start(func(ctx context.Context) error { d.market.follow(ctx); return nil })
	start(func(ctx context.Context) error { d.site.Run(ctx); return nil })
	if d.cfg.Join.Signer != nil && d.cfg.Join.MaxPrice > 0 {
		start(func(ctx context.Context) error { d.joinAll(ctx); return nil })
	}
	if d.cashier != nil {
		start(func(ctx context.Context) error { d.cashier.Run(ctx); return nil })
	}
	start(d.serve)
	<-ctx.Done()
	group.Wait()
	err := d.close()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		err = errors.Join(cause, err)
	}
	return err
}

// Wire is the address that miners dial, with the port that was taken.
func (d *Daemon) Wire() string { return d.hub.Addr() }

// HTTP is the address of gateway and pages, with the port that was taken.
func (d *Daemon) HTTP() string { return d.http.Addr().String() }

// serve answers HTTP until ctx ends; open requests get two seconds to finish.
func (d *Daemon) serve(ctx context.Context) error {
	modules := d.modules.handler()
	s := gateway.Server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, ExaminationPath) {
			d.serveExamination(w, r)
			return
		}
		if strings.HasPrefix(r.URL.Path, validator.ProofsPath) {
			d.judge.ServeProofs(w, r)
			return
		}
		if strings.HasPrefix(r.URL.Path, validator.ResultsPath) {
			d.judge.ServeResults(w, r)
			return
		}
		if strings.HasPrefix(r.URL.Path, validator.CapacityPath) {
			d.judge.ServeCapacity(w, r)
			return
		}
		if strings.HasPrefix(r.URL.Path, validator.EvidencePath) {
			d.judge.ServeEvidence(w, r)
			return
		}
		if strings.HasPrefix(r.URL.Path, shelf.Path) {
			modules.ServeHTTP(w, r)
			return
		}
		if gateway.Serves(r) {
			d.gateway.ServeHTTP(w, r)
			return
		}
		d.site.ServeHTTP(w, r)
	}))
	s.MaxConns, s.PerAddress = d.cfg.Gateway.MaxConns, d.cfg.Gateway.PerAddress
	stopped := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if s.Shutdown(grace) != nil {
			_ = s.Close() // what is left is cut off; its listener is closed already
		}
	})
	defer stopped()
	if err := s.Serve(d.http); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("gateway: %w", err)
	}
	return nil
}

func (d *Daemon) close() error {
	var errs []error
	if d.hub != nil {
		errs = append(errs, d.hub.Close())
	}
	if d.http != nil {
		if err := d.http.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if d.proofs != nil {
		errs = append(errs, d.proofs.Close())
	}
	if d.judge != nil {
		errs = append(errs, d.judge.Close())
	}
	if d.room != nil {
		errs = append(errs, d.room.Close())
	}
	if d.modules != nil {
		errs = append(errs, d.modules.close())
	}
	if d.oracle != nil {
		d.oracle.Close()
	}
	if d.ledger != nil {
		errs = append(errs, d.ledger.Close())
	}
	if d.keys != nil {
		errs = append(errs, d.keys.Close())
	}
	return errors.Join(errs...)
}
