package testnet

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cometbft/cometbft/p2p"
)

// Description is D/testnet.json: what a program needs to use the network. Entry i of each list belongs to node i.
type Description struct {
	ChainID  string             `json:"chain_id"`
	Homes    []string           `json:"homes"`
	RPC      []string           `json:"rpc"`     // http://host:port
	REST     []string           `json:"rest"`    // http://host:port
	GRPC     []string           `json:"grpc"`    // host:port
	Metrics  []string           `json:"metrics"` // http://host:port/metrics, for Prometheus
	Peers    []string           `json:"peers"`   // id@host:port
	Accounts map[string]Account `json:"accounts"`
}

// Account is a cold account whose key lies, unencrypted, in the test keyring of D.
type Account struct {
	Address  string `json:"address"`
	Operator string `json:"operator,omitempty"` // of a validator: agoravaloper1…
}

// Read returns the description of the network in dir.
func Read(dir string) (*Description, error) {
	bz, err := os.ReadFile(filepath.Join(dir, "testnet.json"))
	if err != nil {
		return nil, err
	}
	d := &Description{}
	if err := json.Unmarshal(bz, d); err != nil {
		return nil, fmt.Errorf("%s/testnet.json: %w", dir, err)
	}
	return d, nil
}

func (d *Description) write(dir string) error {
	bz, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "testnet.json"), append(bz, '\n'), 0o600)
}

func (d *Description) add(h *home, id p2p.ID, l listen) {
	d.Homes = append(d.Homes, h.comet.RootDir)
	d.RPC, d.REST = append(d.RPC, l.url(portRPC)), append(d.REST, l.url(portREST))
	d.GRPC, d.Metrics = append(d.GRPC, l.at(portGRPC)), append(d.Metrics, l.url(portMetrics)+"/metrics")
	d.Peers = append(d.Peers, fmt.Sprintf("%s@%s", id, l.at(portP2P)))
}

// peersOf lists the peers of node i as CometBFT takes them.
func (d *Description) peersOf(i int) string {
	others := append(append([]string{}, d.Peers[:i]...), d.Peers[i+1:]...)
	return strings.Join(others, ",")
}
