package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"agora/chain/network"
	subnettypes "agora/chain/x/subnet/types"
	"agora/client"
	"agora/engine/native/ladder"
	"agora/miner/enrolment"
	"agora/scenario/stage"
	"agora/task/kit"
	"agora/task/shelf"
	"agora/task/wasm"
)

// town is a chain with one validator, whose gateway takes modules, and a machine whose wallet holds a rich key.
type town struct {
	*machine
	client *client.Client
	shelf  *shelf.Shelf
	node   string
}

func openTown(t *testing.T) *town {
	t.Helper()
	const chainID = "agora-town"
	s, err := stage.Open(stage.Plan{
		ChainID: chainID, Validators: 1, Miners: 1, Tempo: 10, RevealDelay: 1, Purse: 10_000, Subnets: []stage.Subnet{{Name: "chat", Family: "exact"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var clock sync.WaitGroup
	clock.Go(func() {
		if err := s.Live(ctx, 100*time.Millisecond); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); clock.Wait() })
	n := &town{machine: newMachine(t), client: client.New(s, chainID)}
	if n.shelf, err = shelf.Open(t.Context(), shelf.Config{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.shelf.Close() }) // nothing is read there after the test
	node, gateway := httptest.NewServer(s.Handler()), httptest.NewServer(n.shelf.Handler(func(wasm.Digest) bool { return true }))
	t.Cleanup(func() { node.Close(); gateway.Close() })
	n.node = node.URL
	operator := stage.ValidatorKey(0)
	if _, err := n.client.Queue(client.ColdSigner(operator)).Send(t.Context(), &subnettypes.MsgSetProfile{
		Operator: stage.Address(operator), Addresses: []string{"127.0.0.1:9"}, GatewayUrl: gateway.URL + "/v1", Identity: subnettypes.Identity{Name: "validator"},
	}); err != nil {
		t.Fatal(err)
	}
	n.run("agora keys import-hex owner "+hex.EncodeToString(stage.MinerKey(0).Key)+" --keyring-backend test", "")
	return n
}

// run expects a script to print this, whether it ends well or not; its last line is the exit code.
func (n *town) run(script, want string) {
	n.t.Helper()
	out, err := n.sh(fmt.Sprintf("owner='--from owner --keyring-backend test --node %s'; { %s; } 2>&1 || echo \"exit code $?\"", n.node, script))
	if err != nil || !strings.Contains(out, want) {
		n.t.Fatalf("%s: %v, want %q in:\n%s", script, err, want, out)
	}
}

// values are a subnet's parameters.
func (n *town) values(netuid uint32) map[string]int64 {
	n.t.Helper()
	list, err := n.client.Parameters(n.t.Context(), netuid)
	if err != nil {
		n.t.Fatal(err)
	}
	values := map[string]int64{}
	for _, p := range list {
		values[p.Name] = p.Value
	}
	return values
}

// One command opens a market in which a module examines open models, and one that serves models by their digests.
func TestMarketsOfOpenModelsAreOpenedByACommand(t *testing.T) {
	n := openTown(t)
	folder, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	sums, second := filepath.Join(folder, "task/kit/sums/sums.wasm"), filepath.Join(folder, "validator/daemon/testdata/second.wasm")
	model, other := ladder.Cards()[0].Digest, ladder.Cards()[1].Digest
	for _, c := range []struct{ script, want string }{
		{"agora subnet new sums --task " + sums + " --open --dry-run $owner", "it examines open models, which stays so"},
		{"agora subnet new asks --task " + second + " --open --yes $owner", "cannot examine open ones"},
		{"agora subnet new sums --task " + sums + " --open $owner < /dev/null", "give --yes"},
		{"agora subnet new both --task " + sums + " --serve " + model + " $owner", "exit code 2"},
		{"agora subnet new neither $owner", "exit code 2"},
		{"agora subnet new bad --serve chat --yes $owner", "exit code 2"},
		{"agora subnet new sums --task " + sums + " --open --tempo 20 --reveal-delay 1 --yes $owner", "subnet 2 has started"},
		{"agora subnet new poems --serve " + model + "," + other + " --dry-run $owner", "serves 2 models; it locks at most"},
		{"agora subnet new poems --serve " + model + " --serve " + other + " --dry-run $owner", "serves 2 models; it locks at most"},
		{"agora subnet new poems --serve " + model + " " + other + " --dry-run $owner", "exit code 2"},
		{"agora subnet new poems --serve " + model + " --commons --dry-run $owner", "serves 1 models; it locks at most"},
		{"agora subnet new poems --serve " + model + " --commons --yes $owner", "subnet 3, poems, serves 1 models once they are published in it"},
	} {
		n.run(c.script, c.want)
	}
	n.examines(wasm.DigestOf(kit.Sums()))
	n.serves(model)
}

// examines holds subnet 2 to what its owner asked for.
func (n *town) examines(d wasm.Digest) {
	n.t.Helper()
	s, err := n.client.Subnet(n.t.Context(), 2)
	if err != nil || !s.Started || s.Mechanism.Id != subnettypes.TaskModule || s.Mechanism.Digest != "sha256:"+d.String() {
		n.t.Errorf("%+v, %v", s, err)
	}
	if v := n.values(2); v[subnettypes.Openness] != 1 || v[subnettypes.Tempo] != 20 || v[subnettypes.RevealDelay] != 1 {
		n.t.Errorf("parameters %v", v)
	}
	if !n.shelf.Has(d) {
		n.t.Error("the validator has no module")
	}
}

// serves holds subnet 3 to it: it names the model, and waits for its owner to publish and to start it.
func (n *town) serves(model string) {
	n.t.Helper()
	served, err := n.client.Served(n.t.Context(), 3)
	if err != nil || len(served) != 1 || served[0].Digest != model || served[0].Part != 1 || n.values(3)[subnettypes.Openness] != 1 {
		n.t.Errorf("it serves %v, %v", served, err)
	}
	if s, err := n.client.Subnet(n.t.Context(), 3); err != nil || s.Started || s.Mechanism.Id != servingMechanism {
		n.t.Errorf("%+v, %v", s, err)
	}
}

// Who mines a subnet that was just opened is told to wait, and goes on by himself once a validator has come; nothing is paid before.
func TestAMinerMayComeBeforeTheValidatorsOfANewSubnet(t *testing.T) {
	n := openTown(t)
	sums, err := filepath.Abs(filepath.Join("..", "..", "task/kit/sums/sums.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	n.run("agora subnet new sums --task "+sums+" --yes $owner", "subnet 2 has started")
	n.run("agora miner --subnet 2 --model ngram-2 --allow-private --max-price 100 --wait 0 $owner", "nothing was paid")
	n.run("agora miner --subnet 2 --model ngram-2 --allow-private --max-price 100 --wait 1s $owner", "no validator judges subnet 2 yet; waiting up to 1s (they look every 30s for new subnets)")
	ctx, cancel := context.WithTimeout(t.Context(), n.patience())
	defer cancel()
	said, end := io.Pipe()
	early := n.command(ctx, filepath.Join(n.bin, "agora"), "miner", "--subnet", "2", "--model", "ngram-2", "--allow-private", "--max-price", "100",
		"--from", "owner", "--keyring-backend", "test", "--node", n.node)
	early.Stdout, early.Stderr = end, end
	if err := early.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- early.Wait(); end.Close() }()
	lines := bufio.NewScanner(said)
	until(t, lines, "waiting up to 1h")
	if neurons, err := n.client.Neurons(ctx, 2); err != nil || len(neurons) != 0 {
		t.Errorf("before a validator came the subnet has %d neurons: %v", len(neurons), err)
	}
	n.judges(ctx, 2)
	for _, want := range []string{"a validator judges subnet 2 now", "registered for at most", "mining subnet 2 as uid 1 with ngram-2"} {
		until(t, lines, want)
	}
	cancel()
	said.Close() // nobody reads on
	<-ended      // it was killed
}

// until reads lines as far as one that holds this.
func until(t *testing.T, lines *bufio.Scanner, want string) {
	t.Helper()
	var all []string
	for lines.Scan() {
		if all = append(all, lines.Text()); strings.Contains(lines.Text(), want) {
			return
		}
	}
	t.Fatalf("it does not say %q but:\n%s", want, strings.Join(all, "\n"))
}

// judges has the validator take a voice in a subnet, at an address that can be dialled.
func (n *town) judges(ctx context.Context, netuid uint32) {
	n.t.Helper()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { l.Close() })
	operator := stage.ValidatorKey(0)
	place, err := enrolment.Enrol(ctx, n.client, enrolment.Request{NetUID: netuid, Hot: stage.ValidatorHot(0), Owner: client.ColdSigner(operator), MaxPrice: 100 * network.TAO})
	if err == nil {
		_, err = n.client.Queue(client.ColdSigner(operator)).Send(ctx,
			&subnettypes.MsgSetProfile{Operator: stage.Address(operator), Addresses: []string{l.Addr().String()}, Identity: subnettypes.Identity{Name: "validator"}},
			&subnettypes.MsgSetVoice{Operator: stage.Address(operator), Netuid: netuid, Uid: place.UID})
	}
	if err != nil {
		n.t.Fatal(err)
	}
}
