package localnet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// layout is the version of what a home folder holds; another layout cannot be continued.
const layout = 3

// Description is HOME/localnet.json: what a program needs to use the running market. Its names are stable.
type Description struct {
	Layout     int                `json:"layout"`
	ChainID    string             `json:"chain_id"`
	Seed       string             `json:"seed"`
	Gateways   []Gateway          `json:"gateways"`
	Web        string             `json:"web"`
	RPC        []string           `json:"rpc"`
	REST       string             `json:"rest"`
	GRPC       string             `json:"grpc"`
	Accounts   map[string]Account `json:"accounts"`
	Subnets    []Subnet           `json:"subnets"`
	Miners     []Miner            `json:"miners"`
	Validators []Validator        `json:"validators"`
	Ports      Ports              `json:"ports"`
	Tempo      int64              `json:"tempo"`
	PID        int                `json:"pid"` // of the process that runs it; 0 when stopped
}

// Gateway is a consumer's door.
type Gateway struct {
	URL string `json:"url"` // base URL for an OpenAI client, ends in /v1
	Key string `json:"key"` // demo key
}

// Account is a cold account. KeyFile holds its private key, unencrypted: the money is play money.
type Account struct {
	Address string `json:"address"`
	KeyFile string `json:"keyfile"`
}

// Subnet is a market for one task.
type Subnet struct {
	NetUID  uint32 `json:"netuid"`
	Name    string `json:"name"`
	Task    string `json:"task,omitempty"` // digest of the module that judges; empty for a built-in task
	Purpose string `json:"purpose,omitempty"`
}

// Miner is a running model. UID is known once it has registered.
type Miner struct {
	NetUID uint32 `json:"netuid"`
	UID    uint32 `json:"uid"`
	HotKey string `json:"hotkey"` // hex
	Model  string `json:"model"`
	Engine string `json:"engine"`
	Name   string `json:"name"` // of its owner's account

	Programs []string `json:"programs,omitempty"` // of this machine that it serves
}

// Validator is a chain validator that also judges.
type Validator struct {
	Operator string `json:"operator"` // agoravaloper1...
	HotKey   string `json:"hotkey"`   // hex
}

// Ports are the loopback ports of each node and validator.
type Ports struct {
	P2P     []int `json:"p2p"`
	RPC     []int `json:"rpc"`
	Wire    []int `json:"wire"`
	Gateway []int `json:"gateway"`
	REST    int   `json:"rest"`
	GRPC    int   `json:"grpc"`
}

func (p Ports) all() []int {
	list := []int{p.REST, p.GRPC}
	for _, group := range [][]int{p.P2P, p.RPC, p.Wire, p.Gateway} {
		list = append(list, group...)
	}
	return list
}

// DescriptionFile is the path of the description in a home folder.
func DescriptionFile(home string) string { return filepath.Join(home, "localnet.json") }

// ReadDescription reads a home's description. A missing file is fs.ErrNotExist.
func ReadDescription(home string) (*Description, error) {
	bz, err := os.ReadFile(DescriptionFile(home))
	if err != nil {
		return nil, err
	}
	d := &Description{}
	if err := json.Unmarshal(bz, d); err != nil {
		return nil, damaged(home, err)
	}
	if d.Layout != layout {
		return nil, fmt.Errorf("%s holds a market of layout %d, this program runs layout %d: use the program that made it, or start with another --home",
			home, d.Layout, layout)
	}
	return d, nil
}

// write replaces the description atomically.
func (d *Description) write(home string) error {
	bz, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(DescriptionFile(home), append(bz, '\n'), 0o600)
}

// writeFile writes beside path and renames, so that a crash leaves the old or the new file.
func writeFile(path string, bz []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(bz)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// damaged says that a home cannot be continued and what to do. Nothing in it was changed.
func damaged(home string, err error) error {
	return fmt.Errorf("%s is damaged (%w): nothing was changed; restore it from a copy, or start with another --home", home, err)
}
