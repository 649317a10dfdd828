// Package testnet writes the folders that chain nodes start from: those of a new network, of a lone node, and of a node
// that joins a running network.
package testnet

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cometbft/cometbft/privval"

	"github.com/cosmos/cosmos-sdk/crypto/hd"
	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdk "github.com/cosmos/cosmos-sdk/types"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"

	"agora/chain/app"
	"agora/chain/network"
)

// What the accounts of a new network start with, in rao.
const (
	stake  = 10_000 * network.TAO
	purse  = 1_000 * network.TAO
	faucet = 1_000_000 * network.TAO
)

// Options say how large a new network is and where its nodes will listen.
type Options struct {
	Home           string
	Nodes          int      // 1 to 64
	Hosts          []string // address of each node's machine; empty: all on 127.0.0.1
	BasePort       int      // node i uses the ports BasePort+10·i to BasePort+10·i+4
	ChainID        string
	BlockTime      time.Duration // pause between blocks
	SlashingWindow int64         // blocks; a validator that misses half of them is jailed
	Snapshots      uint64        // blocks between two snapshots that others can sync from
}

// Defaults is the network that `agora testnet` writes.
func Defaults() Options {
	return Options{Nodes: 4, BasePort: 26600, ChainID: "agora-testnet-1", BlockTime: time.Second, SlashingWindow: 60, Snapshots: 20}
}

func (o Options) check() error {
	switch {
	case o.Home == "":
		return errors.New("no folder to write to: give --home DIR")
	case o.Nodes < 1 || o.Nodes > 64:
		return fmt.Errorf("%d nodes: give --n 1 to 64", o.Nodes)
	case len(o.Hosts) > 0 && len(o.Hosts) != o.Nodes:
		return fmt.Errorf("%d hosts for %d nodes: give --hosts one address for each node", len(o.Hosts), o.Nodes)
	case o.BasePort < 1024 || o.BasePort+portsPerNode*o.Nodes > 65536:
		return fmt.Errorf("base port %d: give --base-port 1024 to %d", o.BasePort, 65536-portsPerNode*o.Nodes)
	case o.BlockTime < 50*time.Millisecond || o.BlockTime > time.Minute:
		return fmt.Errorf("block time %s: give --block-time 50ms to 1m", o.BlockTime)
	case o.SlashingWindow < 10 || o.SlashingWindow > 1_000_000:
		return fmt.Errorf("slashing window of %d blocks: give --slashing-window 10 to 1000000", o.SlashingWindow)
	}
	for _, host := range o.Hosts {
		if err := checkHost(host); err != nil {
			return err
		}
	}
	return checkChainID(o.ChainID)
}

// checkHost refuses what others cannot dial: a host is a name or an address, without a port.
func checkHost(host string) error {
	ip := net.ParseIP(host)
	name := host != "" && len(host) <= 253 && !strings.ContainsFunc(host, func(r rune) bool { return !strings.ContainsRune(hostLetters, r) || r == ':' })
	if (ip == nil && !name) || (ip != nil && ip.IsUnspecified()) {
		return fmt.Errorf("host %.60q: give --hosts names or addresses that the other machines reach, without ports, such as 10.0.0.1", host)
	}
	return nil
}

func (o Options) host(i int) string {
	if len(o.Hosts) == 0 {
		return "127.0.0.1"
	}
	return o.Hosts[i]
}

// newNetwork is a network about to be written.
type newNetwork struct {
	Options
	app   *app.App
	nodes []*home
	votes []*privval.FilePV
	cold  map[string]*secp256k1.PrivKey
	file  *Description
}

// Write makes o.Home the home of a new network: node0, node1 and so on, each for one `agora node start`; a test keyring
// with its accounts; and testnet.json. A folder that is not empty is an error.
func Write(o Options) (*Description, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if entries, err := os.ReadDir(o.Home); err == nil && len(entries) > 0 {
		return nil, fmt.Errorf("%s is not empty: give another --home", o.Home)
	}
	if err := os.MkdirAll(filepath.Join(o.Home, "config"), 0o700); err != nil {
		return nil, err
	}
	a, err := blankApp()
	if err != nil {
		return nil, err
	}
	n := &newNetwork{Options: o, app: a, cold: map[string]*secp256k1.PrivKey{}, file: &Description{ChainID: o.ChainID, Accounts: map[string]Account{}}}
	for _, step := range []func() error{n.plan, n.writeNodes, n.writeAccounts} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return n.file, n.file.write(o.Home)
}

func validatorName(i int) string { return fmt.Sprintf("validator%d", i) }

// plan gives every node its keys, ports and peers.
func (n *newNetwork) plan() error {
	for i := range n.Nodes {
		h, err := newHome(filepath.Join(n.Home, fmt.Sprintf("node%d", i)), validatorName(i), keyring.BackendTest)
		if err != nil {
			return err
		}
		id, vote, err := h.keys()
		if err != nil {
			return err
		}
		l := listen{host: n.host(i), port: n.BasePort + portsPerNode*i}
		h.listen(l)
		h.hasten(n.BlockTime)
		h.app.StateSync.SnapshotInterval, h.app.StateSync.SnapshotKeepRecent = n.Snapshots, 10
		n.nodes, n.votes = append(n.nodes, h), append(n.votes, vote)
		n.file.add(h, id, l)
		n.cold[validatorName(i)] = secp256k1.GenPrivKey()
	}
	n.cold["faucet"] = secp256k1.GenPrivKey()
	for i, h := range n.nodes {
		h.comet.P2P.PersistentPeers = n.file.peersOf(i)
	}
	return nil
}

// genesis bonds every node's validator with the same stake.
func (n *newNetwork) genesis(start time.Time) (*genutiltypes.AppGenesis, error) {
	pace := app.LocalPace
	pace.SlashingWindow = n.SlashingWindow
	g := n.app.NewGenesis(pace)
	for i, vote := range n.votes {
		name := validatorName(i)
		g.Fund(address(n.cold[name]), stake+purse)
		if err := g.Bond(n.ChainID, n.cold[name], vote.Key.PubKey, name, stake); err != nil {
			return nil, err
		}
	}
	g.Fund(address(n.cold["faucet"]), faucet)
	return g.Document(n.ChainID, start)
}

func address(key *secp256k1.PrivKey) sdk.AccAddress { return sdk.AccAddress(key.PubKey().Address()) }

func (n *newNetwork) writeNodes() error {
	genesis, err := n.genesis(time.Now().UTC())
	if err != nil {
		return err
	}
	for i, h := range n.nodes {
		if err := h.write(genesis); err != nil {
			return fmt.Errorf("write node %d: %w", i, err)
		}
	}
	return writeClient(n.Home, n.ChainID, n.file.RPC[0], keyring.BackendTest)
}

// writeAccounts fills the test keyring, where `agora tx --home D --from NAME` finds them.
func (n *newNetwork) writeAccounts() error {
	ring, err := keyring.New(sdk.KeyringServiceName(), keyring.BackendTest, n.Home, nil, n.app.Codec)
	if err != nil {
		return err
	}
	for name, key := range n.cold {
		if err := ring.ImportPrivKeyHex(name, fmt.Sprintf("%x", key.Bytes()), string(hd.Secp256k1Type)); err != nil {
			return fmt.Errorf("keyring: %w", err)
		}
		n.file.Accounts[name] = Account{Address: address(key).String(), Operator: operatorOf(name, key)}
	}
	return nil
}

func operatorOf(name string, key *secp256k1.PrivKey) string {
	if name == "faucet" {
		return ""
	}
	return sdk.ValAddress(address(key)).String()
}
