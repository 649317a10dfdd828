package localnet

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtcfg "github.com/cometbft/cometbft/config"
	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"

	"cosmossdk.io/log/v2"

	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"

	"agora/chain/app"
	"agora/chain/node"
)

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
	c.RPC.CORSAllowedOrigins = []string{"*"} // wallets in a browser ask it, as its gateway may be asked
	c.Mempool.Size, c.Mempool.CacheSize = app.PoolSize, seenTxs
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

// treeCache is how many nodes of each store's tree a node keeps in memory: every block adds some until it is full, so
// that a market of four nodes with 15 stores each grows until then.
const treeCache = 1_000

// seenTxs is how many of the latest transactions a node knows again when a peer sends them once more.
const seenTxs = 1_024

// startNode starts node i, whose blocks play proposes. A damaged store is an error that says how to start afresh.
func (p *plan) startNode(ctx context.Context, i int, play *proposer) (*node.Node, error) {
	c := p.cometConfig(i)
	db, err := node.OpenSmallDB(c)
	if errors.Is(err, node.ErrInUse) {
		return nil, err
	}
	if err != nil {
		return nil, damaged(p.Home, err)
	}
	n, err := node.Start(ctx, c, db, node.SmallDBProvider, settings{
		"home": c.RootDir, "chain-id": p.file.ChainID, "pruning": "default", "minimum-gas-prices": "0rao",
		"iavl-cache-size": treeCache, "mempool.max-txs": -1,
	}, log.NewNopLogger(), func(a abci.Application) abci.Application {
		play.Application = a
		return play
	})
	if err != nil {
		return nil, damaged(p.Home, err)
	}
	return n, nil
}

// services are REST and gRPC on the market's ports.
func (p *plan) services() serverconfig.Config {
	cfg := serverconfig.DefaultConfig()
	cfg.API.Enable, cfg.API.Address = true, fmt.Sprintf("tcp://%s:%d", host, p.file.Ports.REST)
	cfg.API.EnableUnsafeCORS = true // as above
	cfg.GRPC.Address = fmt.Sprintf("%s:%d", host, p.file.Ports.GRPC)
	return *cfg
}
