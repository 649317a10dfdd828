package testnet_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"
	slashingtypes "github.com/cosmos/cosmos-sdk/x/slashing/types"

	"agora/testnet"
)

func TestWriteRefusesAFolderInUse(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o := testnet.Defaults()
	o.Home = dir
	if _, err := testnet.Write(o); err == nil {
		t.Fatal("a folder with somebody's file was taken")
	}
}

func TestWriteRefusesWhatCannotRun(t *testing.T) {
	for name, spoil := range map[string]func(*testnet.Options){
		"no node":          func(o *testnet.Options) { o.Nodes = 0 },
		"too many nodes":   func(o *testnet.Options) { o.Nodes = 65 },
		"ports at the top": func(o *testnet.Options) { o.BasePort = 65_530 },
		"a missing host":   func(o *testnet.Options) { o.Hosts = []string{"10.0.0.1"} },
		"a host's port":    func(o *testnet.Options) { o.Hosts = []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4:26656"} },
		"a nameless host":  func(o *testnet.Options) { o.Hosts = []string{"10.0.0.1", "", "10.0.0.3", "10.0.0.4"} },
		"a host nowhere":   func(o *testnet.Options) { o.Hosts = []string{"10.0.0.1", "0.0.0.0", "10.0.0.3", "10.0.0.4"} },
		"a host in toml":   func(o *testnet.Options) { o.Hosts = []string{"a", "b", "c", "d\"\nx = \"1"} },
		"no chain id":      func(o *testnet.Options) { o.ChainID = "" },
		"no pause":         func(o *testnet.Options) { o.BlockTime = 0 },
		"a tiny window":    func(o *testnet.Options) { o.SlashingWindow = 1 },
	} {
		o := testnet.Defaults()
		o.Home = t.TempDir()
		spoil(&o)
		if _, err := testnet.Write(o); err == nil {
			t.Errorf("%s: written all the same", name)
		}
	}
}

func TestEveryNodeHasItsOwnPortsAndKeys(t *testing.T) {
	o := testnet.Defaults()
	o.Home, o.Hosts = filepath.Join(t.TempDir(), "net"), []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"}
	if _, err := testnet.Write(o); err != nil {
		t.Fatal(err)
	}
	d, err := testnet.Read(o.Home)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i := range o.Nodes {
		for _, address := range []string{d.RPC[i], d.REST[i], d.GRPC[i], d.Metrics[i], d.Peers[i], readFile(t, d.Homes[i], "priv_validator_key.json")} {
			if seen[address] {
				t.Errorf("two nodes share %s", address)
			}
			seen[address] = true
		}
	}
	if d.RPC[2] != "http://10.0.0.3:26621" {
		t.Errorf("node 2 answers at %s, want its own host and port", d.RPC[2])
	}
	config := readFile(t, d.Homes[2], "config.toml")
	for _, want := range []string{`laddr = "tcp://0.0.0.0:26620"`, `laddr = "tcp://0.0.0.0:26621"`, `external_address = "10.0.0.3:26620"`} {
		if !strings.Contains(config, want) {
			t.Errorf("node 2, which others reach at 10.0.0.3, is not configured with %s", want)
		}
	}
	if len(d.Accounts) != o.Nodes+1 {
		t.Errorf("%d accounts, want one for each validator and the faucet", len(d.Accounts))
	}
}

func TestTheWindowIsInTheGenesis(t *testing.T) {
	o := testnet.Defaults()
	o.Home, o.SlashingWindow = filepath.Join(t.TempDir(), "net"), 77
	d, err := testnet.Write(o)
	if err != nil {
		t.Fatal(err)
	}
	if got := slashing(t, d.Homes[0]).SignedBlocksWindow; got != 77 {
		t.Fatalf("window of %d blocks, want 77", got)
	}
}

func TestInitWritesThePublicParameters(t *testing.T) {
	dir := t.TempDir()
	first := testnet.InitOptions{Home: dir, Moniker: "mine", ChainID: "agora-9", Start: time.Now()}
	if _, err := testnet.Init(first); err != nil {
		t.Fatal(err)
	}
	if app := readFile(t, dir, "app.toml"); !strings.Contains(app, "snapshot-interval = 1000\n") {
		t.Error("the node makes no snapshots for others")
	}
	p := slashing(t, dir)
	if p.SignedBlocksWindow != 10_800 || p.DowntimeJailDuration != 10*time.Minute {
		t.Fatalf("slashing parameters are %v, not the public network's", p)
	}
	if _, err := testnet.Init(first); err == nil {
		t.Fatal("a node's home was written over")
	}
}

// slashing reads the slashing parameters of a home's genesis; durations are text there.
func slashing(t *testing.T, home string) slashingtypes.Params {
	t.Helper()
	g, err := genutiltypes.AppGenesisFromFile(filepath.Join(home, "config", "genesis.json"))
	if err != nil {
		t.Fatal(err)
	}
	var state struct {
		Slashing struct {
			Params struct {
				Window int64  `json:"signed_blocks_window,string"`
				Jail   string `json:"downtime_jail_duration"`
			} `json:"params"`
		} `json:"slashing"`
	}
	if err := json.Unmarshal(g.AppState, &state); err != nil {
		t.Fatal(err)
	}
	jail, err := time.ParseDuration(state.Slashing.Params.Jail)
	if err != nil {
		t.Fatal(err)
	}
	return slashingtypes.Params{SignedBlocksWindow: state.Slashing.Params.Window, DowntimeJailDuration: jail}
}

func readFile(t *testing.T, home, name string) string {
	t.Helper()
	bz, err := os.ReadFile(filepath.Join(home, "config", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(bz)
}
