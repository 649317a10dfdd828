package testnet

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	cmtcfg "github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	cmttypes "github.com/cometbft/cometbft/types"
	dbm "github.com/cosmos/cosmos-db"

	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"

	"agora/chain/app"
)

// BlockTime is the pause between two blocks of a public network.
const BlockTime = 2 * time.Second

// SnapshotInterval is how many blocks lie between two snapshots that a node makes for those who join: about half an hour.
const SnapshotInterval = 1000

// treeCache is how many nodes of each store's tree stay in memory. Every block adds some until it is full, and 15 stores
// have one: the SDK's default of 781,250 lets a node grow for weeks, this ends at some hundred MB.
const treeCache = 20_000

// home is the folder of one node, with its configuration as it will be written.
type home struct {
	comet *cmtcfg.Config
	app   *serverconfig.Config
	ring  string // kind of keyring that `agora tx --home` opens here
}

// CometConfig is the configuration of a node's networking and consensus before anybody edits it.
func CometConfig() *cmtcfg.Config {
	c := cmtcfg.DefaultConfig()
	c.DBBackend = "goleveldb"
	c.Consensus.TimeoutCommit = BlockTime
	c.Mempool.Size, c.Mempool.CacheSize = app.PoolSize, 2*app.PoolSize
	return c
}

// AppConfig is the configuration of a node's application before anybody edits it.
func AppConfig() *serverconfig.Config {
	c := serverconfig.DefaultConfig()
	c.MinGasPrices = "0.01rao"
	c.IAVLCacheSize = treeCache
	c.StateSync.SnapshotInterval, c.StateSync.SnapshotKeepRecent = SnapshotInterval, 2
	return c
}

// newHome plans a node in dir whose operator's keys are in a keyring of kind ring. A folder that holds a node already is an error.
func newHome(dir, moniker, ring string) (*home, error) {
	if dir == "" || moniker == "" {
		return nil, errors.New("a node needs a home folder and a name")
	}
	if ring = cmp.Or(ring, keyring.BackendOS); !slices.Contains([]string{keyring.BackendOS, keyring.BackendFile, keyring.BackendTest}, ring) {
		return nil, fmt.Errorf("keyring %q: give --keyring-backend os, file or test", ring)
	}
	h := &home{comet: CometConfig(), app: AppConfig(), ring: ring}
	h.comet.SetRoot(dir)
	h.comet.Moniker = moniker
	_, err := os.Stat(h.comet.GenesisFile())
	if err == nil {
		return nil, fmt.Errorf("%s holds a node already: give another --home", dir)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, sub := range []string{"config", "data"} { // where a folder is missing, CometBFT's writers end the process
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("make the node's folder: %w", err)
		}
	}
	return h, nil
}

// keys opens the node's two keys and makes those that are missing: its name among peers and its vote.
func (h *home) keys() (p2p.ID, *privval.FilePV, error) {
	key, err := p2p.LoadOrGenNodeKey(h.comet.NodeKeyFile())
	if err != nil {
		return "", nil, fmt.Errorf("node key: %w", err)
	}
	return key.ID(), privval.LoadOrGenFilePV(h.comet.PrivValidatorKeyFile(), h.comet.PrivValidatorStateFile()), nil
}

// write saves configuration and, last, the genesis: a folder without one is no node.
func (h *home) write(genesis *genutiltypes.AppGenesis) error {
	config := filepath.Join(h.comet.RootDir, "config")
	if err := h.comet.ValidateBasic(); err != nil {
		return err
	}
	cmtcfg.WriteConfigFile(filepath.Join(config, "config.toml"), h.comet)
	serverconfig.SetConfigTemplate(serverconfig.DefaultConfigTemplate)
	serverconfig.WriteConfigFile(filepath.Join(config, "app.toml"), h.app)
	if err := writeClient(h.comet.RootDir, genesis.ChainID, h.comet.RPC.ListenAddress, h.ring); err != nil {
		return err
	}
	return genesis.SaveAs(h.comet.GenesisFile())
}

// writeClient makes `agora tx` and `agora query` find the network with --home dir alone.
func writeClient(dir, chainID, node, ring string) error {
	node = strings.Replace(node, "//0.0.0.0:", "//127.0.0.1:", 1)
	text := fmt.Sprintf("chain-id = %q\nkeyring-backend = %q\nkeyring-default-keyname = \"\"\noutput = \"text\"\nnode = %q\nbroadcast-mode = \"sync\"\n",
		chainID, ring, node)
	return os.WriteFile(filepath.Join(dir, "config", "client.toml"), []byte(text), 0o600)
}

// InitOptions say what a new network and its first node are called.
type InitOptions struct {
	Home, Moniker, ChainID string
	Keyring                string    // os, file or test; empty: os
	BasePort               int       // first of the node's ports on 127.0.0.1; 0: the usual ports
	Start                  time.Time // of the chain
}

// Init writes the home of a new network's first node: its keys, its configuration, and a genesis with the public
// network's parameters that holds no account yet. It returns the node's name among peers.
func Init(o InitOptions) (p2p.ID, error) {
	if err := checkChainID(o.ChainID); err != nil {
		return "", err
	}
	h, err := newHome(o.Home, o.Moniker, o.Keyring)
	if err != nil {
		return "", err
	}
	if err := h.listenFrom(o.BasePort); err != nil {
		return "", err
	}
	id, _, err := h.keys()
	if err != nil {
		return "", err
	}
	a, err := blankApp()
	if err != nil {
		return "", err
	}
	genesis, err := a.NewGenesis(app.PublicPace).Document(o.ChainID, o.Start.UTC())
	if err != nil {
		return "", err
	}
	return id, h.write(genesis)
}

func checkChainID(id string) error {
	if id == "" || len(id) > cmttypes.MaxChainIDLen {
		return fmt.Errorf("chain id %.60q: give --chain-id 1 to %d bytes, for example agora-1", id, cmttypes.MaxChainIDLen)
	}
	return nil
}

// blankApp is the application without state, for its codecs and defaults.
func blankApp() (*app.App, error) {
	return app.New(log.NewNopLogger(), dbm.NewMemDB(), false, noOptions{})
}

type noOptions struct{}

// Get implements servertypes.AppOptions.
func (noOptions) Get(string) any { return nil }
