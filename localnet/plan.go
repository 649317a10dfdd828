package localnet

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"agora/chain/app"
	"agora/gateway"

	dbm "github.com/cosmos/cosmos-db"

	"cosmossdk.io/log/v2"
)

// plan is a market about to run: its options, keys and description.
type plan struct {
	Options
	keys keys
	file *Description
	made bool // the home was made by this start
}

// prepare reads the home's plan or makes a new one.
func prepare(o Options) (*plan, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	file, err := ReadDescription(o.Home)
	if errors.Is(err, fs.ErrNotExist) {
		return create(o)
	}
	if err != nil {
		return nil, err
	}
	return resume(o, file)
}

// resume goes on with an existing home: its seed, size and ports hold, whatever the options say.
func resume(o Options, file *Description) (*plan, error) {
	if file.PID != 0 && file.PID != os.Getpid() && alive(file.PID) {
		return nil, fmt.Errorf("%s is in use by process %d: stop it first, or start with another --home", o.Home, file.PID)
	}
	if err := checkFree(file.Ports.all()); err != nil {
		return nil, err
	}
	o.goOn(file)
	o.Seed, o.Validators, o.Tempo = file.Seed, len(file.Validators), file.Tempo
	for i := range o.Validators {
		if _, err := os.Stat(filepath.Join(nodeHome(o.Home, i), "config", "genesis.json")); err != nil {
			return nil, damaged(o.Home, err)
		}
	}
	return &plan{Options: o, keys: keys(file.Seed), file: file}, nil
}

// goOn says what the home holds and which of the options do not change it.
func (o Options) goOn(file *Description) {
	o.say("%s holds a market with %d validators, a tempo of %d blocks and seed %q: going on with it", o.Home, len(file.Validators), file.Tempo, file.Seed)
	if o.Senses && !slices.ContainsFunc(file.Subnets, func(s Subnet) bool { return s.Task != "" }) {
		o.say("  (--senses is for a new market: give another --home)")
	}
	if o.Validators != len(file.Validators) || o.Tempo != file.Tempo || o.Seed != file.Seed {
		o.say("  (--validators %d --tempo %d --seed %q are for a new market: give another --home)", o.Validators, o.Tempo, o.Seed)
	}
}

// create makes a home: ports, keys, genesis. Until its market is open the home counts as half made and is never resumed.
func create(o Options) (*plan, error) {
	if entries, err := os.ReadDir(o.Home); err == nil && len(entries) > 0 && !unfinished(o.Home) {
		return nil, fmt.Errorf("%s is not empty and holds no market: start with another --home", o.Home)
	}
	if err := clearUnfinished(o.Home); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(o.Home, "keys"), 0o700); err != nil {
		return nil, fmt.Errorf("make the home folder: %w", err)
	}
	if err := os.WriteFile(unfinishedFile(o.Home), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return nil, err
	}
	p := &plan{Options: o, keys: keys(o.Seed), made: true}
	p.file = &Description{
		Layout: layout, Seed: o.Seed, Tempo: o.Tempo, Accounts: map[string]Account{},
		ChainID: "agora-local-" + hex.EncodeToString(p.keys.secret("chain", "id")[:3]),
	}
	if err := p.assignPorts(); err != nil {
		return nil, err
	}
	if err := p.describe(); err != nil {
		return nil, err
	}
	return p, p.writeChain()
}

// publish writes the description of a market that is open: whoever finds it finds everything in it true. The home is
// whole from then on.
func (p *plan) publish() error {
	p.file.PID = os.Getpid()
	if err := p.file.write(p.Home); err != nil || !p.made {
		return err
	}
	if err := os.Remove(unfinishedFile(p.Home)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// unfinishedFile marks a home whose making was cut off, with the process that makes it; such a home is made again.
func unfinishedFile(home string) string { return filepath.Join(home, ".unfinished") }

func unfinished(home string) bool {
	_, err := os.Stat(unfinishedFile(home))
	return err == nil
}

// clearUnfinished removes what a cut-off start has made, and nothing else.
func clearUnfinished(home string) error {
	text, err := os.ReadFile(unfinishedFile(home))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if pid, err := strconv.Atoi(string(text)); err == nil && pid != os.Getpid() && alive(pid) {
		return fmt.Errorf("%s is being made by process %d: stop it first, or start with another --home", home, pid)
	}
	made, err := filepath.Glob(filepath.Join(home, "node*"))
	if err != nil {
		return err
	}
	for _, name := range append(made, filepath.Join(home, "keys"), filepath.Join(home, "keyring-test"), filepath.Join(home, "config")) {
		if err := os.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) assignPorts() error {
	from := newPorts(p.BasePort)
	var err error
	take := func() int {
		if err != nil {
			return 0
		}
		var port int
		port, err = from.take()
		return port
	}
	f := &p.file.Ports
	for range p.Validators {
		f.Gateway, f.Wire = append(f.Gateway, take()), append(f.Wire, take())
		f.P2P, f.RPC = append(f.P2P, take()), append(f.RPC, take())
	}
	f.REST, f.GRPC = take(), take()
	return err
}

// describe fills the description from keys, ports and the models that ship.
func (p *plan) describe() error {
	f := p.file
	for i := range p.Validators {
		name := fmt.Sprintf("validator%d", i)
		f.Gateways = append(f.Gateways, Gateway{
			URL: fmt.Sprintf("http://%s:%d/v1", host, f.Ports.Gateway[i]), Key: gateway.SecretFrom([32]byte(p.keys.secret("gateway", name))),
		})
		f.RPC = append(f.RPC, fmt.Sprintf("http://%s:%d", host, f.Ports.RPC[i]))
		f.Validators = append(f.Validators, Validator{Operator: p.keys.operator(name), HotKey: hotHex(p.keys, name)})
	}
	f.Web = fmt.Sprintf("http://%s:%d/", host, f.Ports.Gateway[0])
	f.REST, f.GRPC = fmt.Sprintf("http://%s:%d", host, f.Ports.REST), fmt.Sprintf("%s:%d", host, f.Ports.GRPC)
	f.Subnets = []Subnet{{NetUID: chatNet, Name: "chat"}, {NetUID: textNet, Name: "continuation"}}
	if len(p.Models) > 0 {
		f.Subnets = append(f.Subnets, Subnet{NetUID: languageNet, Name: languageName})
	}
	f.Miners = p.ladder()
	if p.Senses {
		if err := p.openSenses(); err != nil {
			return err
		}
	}
	for _, name := range p.accountNames() {
		file := filepath.Join(p.Home, "keys", name+".json")
		if err := p.writeKey(name, file); err != nil {
			return err
		}
		f.Accounts[name] = Account{Address: p.keys.account(name).String(), KeyFile: file}
	}
	return nil
}

func hotHex(k keys, name string) string { return hex.EncodeToString(publicOf(k.hot(name))) }

// writeKey writes a demonstration account's cold key.
func (p *plan) writeKey(name, path string) error {
	bz, err := json.MarshalIndent(map[string]string{
		"name": name, "address": p.keys.account(name).String(), "algorithm": "secp256k1",
		"private_key": hex.EncodeToString(p.keys.cold(name).Bytes()),
	}, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(path, append(bz, '\n'), 0o600)
}

// writeChain writes the genesis and every node's folder.
func (p *plan) writeChain() error {
	tmp, err := app.New(log.NewNopLogger(), dbm.NewMemDB(), false, settings{})
	if err != nil {
		return err
	}
	genesis, err := p.genesis(tmp, time.Now().UTC())
	if err != nil {
		return err
	}
	for i := range p.Validators {
		if err := p.writeNode(i, genesis); err != nil {
			return fmt.Errorf("write node %d: %w", i, err)
		}
	}
	if err := p.writeClient(); err != nil {
		return err
	}
	return p.fillKeyring(tmp)
}

// writeClient makes `agora tx` and `agora query` find this chain with --home alone.
func (p *plan) writeClient() error {
	if err := os.MkdirAll(filepath.Join(p.Home, "config"), 0o700); err != nil {
		return err
	}
	text := fmt.Sprintf("chain-id = %q\nkeyring-backend = \"test\"\noutput = \"text\"\nnode = \"tcp://%s:%d\"\nbroadcast-mode = \"sync\"\n",
		p.file.ChainID, host, p.file.Ports.RPC[0])
	return writeFile(filepath.Join(p.Home, "config", "client.toml"), []byte(text), 0o600)
}
