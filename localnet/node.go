package localnet

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	cmtcfg "github.com/cometbft/cometbft/config"
	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/proxy"
	"github.com/cometbft/cometbft/rpc/client/local"
	cmttypes "github.com/cometbft/cometbft/types"
	dbm "github.com/cosmos/cosmos-db"
	"golang.org/x/sync/errgroup"

	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/server"
	"github.com/cosmos/cosmos-sdk/server/api"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	servercmtlog "github.com/cosmos/cosmos-sdk/server/log"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"

	"agora/chain/app"
)

// chainNode is one CometBFT node with our application, in this process.
type chainNode struct {
	comet *node.Node
	app   *app.App
	http  *errgroup.Group // REST and gRPC; nil where they are not served
	stop  context.CancelFunc
}

// nodeHome is the folder of node i.
func nodeHome(home string, i int) string { return filepath.Join(home, fmt.Sprintf("node%d", i)) }

// nodeID is the p2p name of a node key.
func nodeID(key ed25519.PrivateKey) p2p.ID {
	return p2p.PubKeyToID(cmted25519.PrivKey(key).PubKey())
}

// writeNode writes node i's keys, configuration and genesis.
func (p *plan) writeNode(i int, genesis *genutiltypes.AppGenesis) error {
	c := p.cometConfig(i)
	cmtcfg.EnsureRoot(c.RootDir)
	cmtcfg.WriteConfigFile(filepath.Join(c.RootDir, "config", "config.toml"), c)
	name := fmt.Sprintf("validator%d", i)
	key := &p2p.NodeKey{PrivKey: cmted25519.PrivKey(p.keys.node("p2p", name))}
	if err := key.SaveAs(c.NodeKeyFile()); err != nil {
		return err
	}
	consensus := cmted25519.PrivKey(p.keys.node("consensus", name))
	privval.NewFilePV(consensus, c.PrivValidatorKeyFile(), c.PrivValidatorStateFile()).Save()
	return genesis.SaveAs(c.GenesisFile())
}

// cometConfig is node i's CometBFT configuration: loopback only, peers fixed, timeouts for one machine.
func (p *plan) cometConfig(i int) *cmtcfg.Config {
	c := cmtcfg.DefaultConfig()
	c.SetRoot(nodeHome(p.Home, i))
	c.Moniker = fmt.Sprintf("validator%d", i)
	c.DBBackend = "goleveldb"
	c.LogLevel = "error"
	c.P2P.ListenAddress = fmt.Sprintf("tcp://%s:%d", host, p.file.Ports.P2P[i])
	c.P2P.AddrBookStrict, c.P2P.AllowDuplicateIP, c.P2P.PexReactor = false, true, false
	c.P2P.PersistentPeers = p.peers(i)
	c.RPC.ListenAddress = fmt.Sprintf("tcp://%s:%d", host, p.file.Ports.RPC[i])
	c.RPC.PprofListenAddress = ""
	c.Mempool.Size, c.Mempool.CacheSize = app.PoolSize, 2*app.PoolSize
	c.Consensus.TimeoutCommit = p.BlockTime
	c.Consensus.TimeoutPropose = 500 * time.Millisecond
	c.Consensus.PeerGossipSleepDuration = 25 * time.Millisecond
	c.Instrumentation.Prometheus = false
	return c
}

func (p *plan) peers(self int) string {
	var list []string
	for j := range p.Validators {
		if j != self {
			id := nodeID(p.keys.node("p2p", fmt.Sprintf("validator%d", j)))
			list = append(list, fmt.Sprintf("%s@%s:%d", id, host, p.file.Ports.P2P[j]))
		}
	}
	return strings.Join(list, ",")
}

// settings answers the application's look-ups.
type settings map[string]any

// Get implements servertypes.AppOptions.
func (s settings) Get(key string) any { return s[key] }

// startNode starts node i. A damaged store is an error that says how to start afresh.
func (p *plan) startNode(i int) (_ *chainNode, err error) {
	c := p.cometConfig(i)
	db, err := dbm.NewDB("application", dbm.GoLevelDBBackend, filepath.Join(c.RootDir, "data"))
	if err != nil {
		return nil, damaged(p.Home, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	opts := settings{
		"home": c.RootDir, "chain-id": p.file.ChainID, "pruning": "default", "minimum-gas-prices": "0rao",
		"iavl-cache-size": 50_000, "mempool.max-txs": -1,
	}
	a, err := app.New(log.NewNopLogger(), db, true, opts, server.DefaultBaseappOptions(opts)...)
	if err != nil {
		return nil, damaged(p.Home, err)
	}
	n, err := newComet(c, a)
	if err != nil {
		return nil, damaged(p.Home, err)
	}
	if err := n.Start(); err != nil {
		return nil, fmt.Errorf("start node %d: %w", i, err)
	}
	return &chainNode{comet: n, app: a}, nil
}

func newComet(c *cmtcfg.Config, a *app.App) (*node.Node, error) {
	key, err := p2p.LoadNodeKey(c.NodeKeyFile())
	if err != nil {
		return nil, err
	}
	for _, f := range []string{c.PrivValidatorKeyFile(), c.PrivValidatorStateFile()} {
		if _, err := os.Stat(f); err != nil { // LoadFilePV ends the process where a file is missing
			return nil, err
		}
	}
	genesis := func() (*cmttypes.GenesisDoc, error) {
		g, err := genutiltypes.AppGenesisFromFile(c.GenesisFile())
		if err != nil {
			return nil, err
		}
		return g.ToGenesisDoc()
	}
	return node.NewNode(c, privval.LoadFilePV(c.PrivValidatorKeyFile(), c.PrivValidatorStateFile()), key,
		proxy.NewLocalClientCreator(server.NewCometABCIWrapper(a)), genesis, cmtcfg.DefaultDBProvider,
		node.DefaultMetricsProvider(c.Instrumentation), servercmtlog.CometLoggerWrapper{Logger: log.NewNopLogger()})
}

// serve starts REST and gRPC on this node.
func (n *chainNode) serve(ctx context.Context, rest, grpc int) error {
	ctx, n.stop = context.WithCancel(ctx)
	cfg := serverconfig.DefaultConfig()
	cfg.API.Enable, cfg.API.Address = true, fmt.Sprintf("tcp://%s:%d", host, rest)
	cfg.GRPC.Address = fmt.Sprintf("%s:%d", host, grpc)
	c := client.Context{}.WithCodec(n.app.Codec).WithInterfaceRegistry(n.app.Registry).WithTxConfig(n.app.TxConfig).
		WithClient(local.New(n.comet)).WithChainID(n.comet.GenesisDoc().ChainID)
	n.app.RegisterTxService(c)
	n.app.RegisterTendermintService(c)
	n.app.RegisterNodeService(c, *cfg)

	n.http = &errgroup.Group{}
	server0 := server.NewDefaultContext()
	server0.Logger = log.NewNopLogger()
	g, c, err := server.StartGrpcServer(ctx, n.http, cfg.GRPC, c, server0, n.app)
	if err != nil {
		return err
	}
	rests := api.New(c, log.NewNopLogger(), g)
	n.app.RegisterAPIRoutes(rests, cfg.API)
	n.http.Go(func() error { return rests.Start(ctx, *cfg) })
	return nil
}

// close stops the node and closes its stores.
func (n *chainNode) close() error {
	var errs []error
	if n.stop != nil {
		n.stop()
		if err := n.http.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			errs = append(errs, err)
		}
	}
	errs = append(errs, n.comet.Stop())
	n.comet.Wait()
	return errors.Join(append(errs, n.app.Close())...)
}
