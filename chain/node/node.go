package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	cmtdb "github.com/cometbft/cometbft-db"
	abci "github.com/cometbft/cometbft/abci/types"
	cmtcfg "github.com/cometbft/cometbft/config"
	cstypes "github.com/cometbft/cometbft/consensus/types"
	cmtnode "github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/proxy"
	"github.com/cometbft/cometbft/rpc/client/local"
	cmttypes "github.com/cometbft/cometbft/types"
	dbm "github.com/cosmos/cosmos-db"
	"github.com/syndtr/goleveldb/leveldb/filter"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"golang.org/x/sync/errgroup"

	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/server"
	"github.com/cosmos/cosmos-sdk/server/api"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	servercmtlog "github.com/cosmos/cosmos-sdk/server/log"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	"github.com/cosmos/cosmos-sdk/telemetry"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"

	"agora/chain/app"
	"agora/chain/clock"
)

// Node is a running node. Only Close may be called from several goroutines.
type Node struct {
	Comet *cmtnode.Node
	App   *app.App

	clock  *clock.Clock
	log    log.Logger
	http   *errgroup.Group // REST and gRPC
	stop   context.CancelFunc
	halted chan struct{}
	late   chan struct{}
	watch  sync.WaitGroup // over what lookOut does
}

// ErrInUse says that another process has a node's store open.
var ErrInUse = errors.New("another node runs there")

// Small makes stores of a node take a tenth of the usual memory: for many nodes in one process, whose data are small. It counts for
// goleveldb alone, in bytes.
var Small = &opt.Options{
	Filter: filter.NewBloomFilter(10), BlockCacheCapacity: 1 << 18, WriteBuffer: 1 << 18, CompactionTableSize: 1 << 20,
}

// OpenDB opens the application's store. One that another process has open is ErrInUse: nothing is wrong with it.
func OpenDB(c *cmtcfg.Config, kind dbm.BackendType) (dbm.DB, error) {
	return opened(c, func(name, dir string) (dbm.DB, error) { return dbm.NewDB(name, kind, dir) })
}

// OpenSmallDB opens the application's store with the memory of Small.
func OpenSmallDB(c *cmtcfg.Config) (dbm.DB, error) {
	return opened(c, func(name, dir string) (dbm.DB, error) { return dbm.NewGoLevelDBWithOpts(name, dir, Small) })
}

// SmallDBProvider opens CometBFT's stores with the memory of Small.
func SmallDBProvider(ctx *cmtcfg.DBContext) (cmtdb.DB, error) {
	return cmtdb.NewGoLevelDBWithOpts(ctx.ID, ctx.Config.DBDir(), Small)
}

func opened(c *cmtcfg.Config, open func(name, dir string) (dbm.DB, error)) (dbm.DB, error) {
	db, err := open("application", filepath.Join(c.RootDir, "data"))
	if errors.Is(err, syscall.EAGAIN) { // the store's lock
		return nil, fmt.Errorf("%s: %w: stop it, or give another --home (the data is well, nothing needs a reset)", c.RootDir, ErrInUse)
	}
	return db, err
}

// Start opens the application on db, runs a node with it and starts making or following blocks. It refuses to run
// without the validator's key or its record where there is data. Close stops it and closes db; after an error db is closed. CometBFT's own
// stores come from stores. Where as is not nil CometBFT sees the application as it returns it.
func Start(ctx context.Context, c *cmtcfg.Config, db dbm.DB, stores cmtcfg.DBProvider, options servertypes.AppOptions, logger log.Logger, as func(abci.Application) abci.Application) (_ *Node, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	pv, err := signer(c)
	if err != nil {
		return nil, err
	}
	name, err := p2p.LoadOrGenNodeKey(c.NodeKeyFile())
	if err != nil {
		return nil, fmt.Errorf("node key: %w", err)
	}
	a, err := app.New(logger, db, true, options, server.DefaultBaseappOptions(options)...)
	if err != nil {
		return nil, err
	}
	seen := server.NewCometABCIWrapper(a)
	if as != nil {
		seen = as(seen)
	}
	said := servercmtlog.CometLoggerWrapper{Logger: logger}
	peers := clock.New()
	peers.SetLogger(said.With(log.ModuleKey, "clock"))
	comet, err := cmtnode.NewNodeWithContext(ctx, c, pv, name, proxy.NewLocalClientCreator(timed{seen, peers}), genesis(c), stores,
		cmtnode.DefaultMetricsProvider(c.Instrumentation), said, cmtnode.CustomReactors(map[string]p2p.Reactor{clock.Name: peers}))
	if err != nil {
		return nil, err
	}
	n := &Node{Comet: comet, App: a, clock: peers, log: logger, http: &errgroup.Group{}, stop: func() {}, halted: make(chan struct{}), late: make(chan struct{})}
	return n, n.begin(c.Consensus.TimeoutCommit)
}

// timed answers beside the application's queries how this machine's clock is.
type timed struct {
	abci.Application
	clock *clock.Clock
}

// Query answers clock.Query with a clock.Reading as JSON, and leaves all others to the application.
func (t timed) Query(ctx context.Context, q *abci.RequestQuery) (*abci.ResponseQuery, error) {
	if q.Path != clock.Query {
		return t.Application.Query(ctx, q)
	}
	value, err := json.Marshal(t.clock.Read())
	return &abci.ResponseQuery{Value: value}, err
}

func genesis(c *cmtcfg.Config) func() (*cmttypes.GenesisDoc, error) {
	return func() (*cmttypes.GenesisDoc, error) {
		g, err := genutiltypes.AppGenesisFromFile(c.GenesisFile())
		if err != nil {
			return nil, err
		}
		return g.ToGenesisDoc()
	}
}

// consensus is what a node needs to see of CometBFT's.
type consensus interface {
	Wait()
	GetRoundState() *cstypes.RoundState
}

// begin starts the node and the watches over its consensus, which CometBFT lets die, or wait, without a word to the process. pause is
// the one between two blocks.
func (n *Node) begin(pause time.Duration) (err error) {
	defer func() { // what CometBFT meets in a block that it plays again it does not return
		if p := recover(); p != nil {
			n.log.Error("CONSENSUS FAILURE", "err", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("start the node: consensus failed again where it had failed before: %v", p)
		}
	}()
	env, err := n.Comet.ConfigureRPC()
	if err != nil {
		return err
	}
	state, ok := env.ConsensusState.(consensus)
	if !ok {
		return fmt.Errorf("consensus of type %T cannot be waited for", env.ConsensusState)
	}
	if err := n.Comet.Start(); err != nil {
		return fmt.Errorf("start the node: %w", err)
	}
	go func() { // Close waits for it, unless consensus has not begun yet: CometBFT then never ends this wait
		defer close(n.halted)
		state.Wait()
	}()
	n.watch.Go(func() { n.lookOut(state, pause) })
	return nil
}

// lookOut closes late once consensus waits for the moment of its next block for longer than it may, and ends with the node.
func (n *Node) lookOut(state consensus, pause time.Duration) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-n.Comet.Quit():
			return
		case <-tick.C:
		}
		if !n.Comet.ConsensusReactor().WaitSync() && late(state.GetRoundState(), time.Now(), pause) {
			close(n.late)
			return
		}
	}
}

// late says whether a height's first round waits for a moment that a right clock would not show it: CometBFT notes by the machine's clock
// when a block was committed, and waits for as long as the clock is set back before it reads it again.
func late(r *cstypes.RoundState, now time.Time, pause time.Duration) bool {
	const most = 10 * time.Second // more than a block takes, and than a clock is set back without harm
	return r.Step == cstypes.RoundStepNewHeight && r.StartTime.Sub(now.Round(0)) > pause+most
}

// SetBack is closed when the machine's clock was set back as a block was committed, for which this node would wait as long as that. It
// waits no longer when it is started again.
func (n *Node) SetBack() <-chan struct{} { return n.late }

// Halted is closed when consensus has ended: by Close, at a height where it was told to, for an upgrade, or by a failure.
func (n *Node) Halted() <-chan struct{} { return n.halted }

// Cause says why consensus ended although nobody closed the node; nil where it was told to halt there.
func (n *Node) Cause(halt serverconfig.BaseConfig) error {
	next := n.App.LastBlockHeight() + 1
	if plan, err := n.App.Upgrade.ReadUpgradeInfoFromDisk(); err == nil && plan.Height == next && plan.Name != "" {
		return fmt.Errorf("upgrade %q is due at block %d and this program does not have it: start the one that does on the same home", plan.Name, next)
	}
	if halt.HaltHeight > 0 && uint64(next) >= halt.HaltHeight || halt.HaltTime > 0 && n.timeOf(next) >= int64(halt.HaltTime) {
		return nil
	}
	if r := n.clock.Read(); r.Wrong() {
		return fmt.Errorf("consensus failed at block %d: %s", next, r)
	}
	return fmt.Errorf("consensus failed at block %d: the log says why, at CONSENSUS FAILURE", next)
}

// timeOf is a stored block's time in seconds: a block is stored before it is executed, so a halt time has been held
// against it. 0 where there is no such block.
func (n *Node) timeOf(height int64) int64 {
	if meta := n.Comet.BlockStore().LoadBlockMeta(height); meta != nil {
		return meta.Header.Time.Unix()
	}
	return 0
}

// Client asks this node without a socket.
func (n *Node) Client() *local.Local { return local.New(n.Comet) }

// Serve starts REST and gRPC, those that cfg enables, until ctx or the node ends.
func (n *Node) Serve(ctx context.Context, cfg serverconfig.Config, base client.Context) error {
	if !cfg.API.Enable && !cfg.GRPC.Enable {
		return nil
	}
	ctx, n.stop = context.WithCancel(ctx)
	c := base.WithCodec(n.App.Codec).WithInterfaceRegistry(n.App.Registry).WithTxConfig(n.App.TxConfig).
		WithClient(n.Client()).WithChainID(n.Comet.GenesisDoc().ChainID)
	n.App.RegisterTxService(c)
	n.App.RegisterTendermintService(c)
	n.App.RegisterNodeService(c, cfg)
	context0 := server.NewDefaultContext()
	context0.Logger = n.log
	g, c, err := server.StartGrpcServer(ctx, n.http, cfg.GRPC, c, context0, n.App)
	if err != nil || !cfg.API.Enable {
		return err
	}
	rest := api.New(c, n.log.With(log.ModuleKey, "api-server"), g)
	//lint:ignore SA1019 config/app.toml has it still
	if cfg.Telemetry.Enabled {
		//lint:ignore SA1019 as above
		metrics, err := telemetry.New(cfg.Telemetry)
		if err != nil {
			return fmt.Errorf("telemetry: %w", err)
		}
		//lint:ignore SA1019 as above
		rest.SetTelemetry(metrics)
	}
	n.App.RegisterAPIRoutes(rest, cfg.API)
	n.http.Go(func() error { return rest.Start(ctx, cfg) })
	return nil
}

// Close stops the node and closes its stores.
func (n *Node) Close() error {
	var errs []error
	n.stop()
	if err := n.http.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		errs = append(errs, err)
	}
	errs = append(errs, n.Comet.Stop())
	n.Comet.Wait()
	n.watch.Wait()
	if !n.Comet.ConsensusReactor().WaitSync() {
		<-n.halted
	}
	return errors.Join(append(errs, n.App.Close())...)
}
