package testnet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	rpchttp "github.com/cometbft/cometbft/rpc/client/http"

	"agora/testnet"
)

// TestProcessesJailUnjailAndJoin runs four nodes as processes: the fourth stays away and is jailed while the chain goes
// on, comes back and is unjailed, and a fifth node joins by state sync and holds the same state. The commands of docs/node.md, which
// the tests of cmd/agora run, do the same; this one compares the states too, and is of the nightly tests, for it links the program
// once more.
func TestProcessesJailUnjailAndJoin(t *testing.T) {
	if os.Getenv("AGORA_NIGHTLY") == "" {
		t.Skip("AGORA_NIGHTLY=1 links the program and waits for a slashing window: a minute and a half")
	}
	n := startNetwork(t)
	n.start(0)
	n.start(1)
	n.start(2)
	n.start(3)
	n.await("the first blocks", func() bool { return n.height(0) >= 3 })
	n.kill(3)
	before := n.height(0)

	n.await("validator3 to be jailed", func() bool { return n.validators() == 3 })
	if !n.jailed(n.file.Accounts["validator3"].Operator) {
		t.Fatal("validator3 left the set but is not jailed")
	}
	if got := n.height(0); got <= before+20 {
		t.Fatalf("the chain stood still: block %d, then %d", before, got)
	}
	n.start(3)
	n.await("node 3 to catch up", func() bool { return n.height(3) >= n.height(0)-2 })
	n.unjail(3)
	n.await("validator3 to be back", func() bool { return n.validators() == 4 })

	n.join(4)
	n.await("node 4 to have blocks", func() bool { return n.height(4) > 0 })
	if first := n.earliest(4); first <= 1 {
		t.Fatalf("node 4 begins at block %d: it replayed the chain instead of taking a snapshot", first)
	}
	n.await("node 4 to be level", func() bool { return n.height(4) >= n.height(0)-2 })
	n.agree()
}

// live is a network of processes.
type live struct {
	t       *testing.T
	binary  string
	dir     string
	file    *testnet.Description
	running map[int]*process
	ctx     context.Context
}

// process is a running node; ended is closed when it is gone.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// startNetwork links the program, unless AGORA_BINARY names one, and writes four homes on free ports.
func startNetwork(t *testing.T) *live {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	t.Cleanup(cancel)
	n := &live{t: t, binary: os.Getenv("AGORA_BINARY"), dir: filepath.Join(t.TempDir(), "net"), running: map[int]*process{}, ctx: ctx}
	if n.binary == "" {
		n.binary = filepath.Join(t.TempDir(), "agora")
		out, err := exec.CommandContext(ctx, "go", "build", "-o", n.binary, "agora/cmd/agora").CombinedOutput()
		if err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
	}
	port := freeRange(t)
	n.run("testnet", "--n", "4", "--home", n.dir, "--base-port", fmt.Sprint(port), "--block-time", "250ms", "--slashing-window", "60")
	file, err := testnet.Read(n.dir)
	if err != nil {
		t.Fatal(err)
	}
	n.file = file
	t.Cleanup(func() {
		for i := range n.running {
			n.kill(i)
		}
	})
	return n
}

// freeRange finds a port with 50 free ones after it.
func freeRange(t *testing.T) int {
	t.Helper()
	for base := 21_000; base < 60_000; base += 977 {
		if free(base) {
			return base
		}
	}
	t.Fatal("no 50 free ports in a row")
	return 0
}

func free(base int) bool {
	for port := base; port < base+50; port++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

// run runs a command of the program to its end and returns what it printed.
func (n *live) run(args ...string) string {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.ctx, 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, n.binary, args...).CombinedOutput()
	if err != nil {
		n.t.Fatalf("agora %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (n *live) start(i int) {
	n.t.Helper()
	log, err := os.Create(n.log(i))
	if err != nil {
		n.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(n.binary, "node", "start", "--home", n.file.Homes[i], "--log_no_color")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	p := &process{cmd, make(chan struct{})}
	go func() {
		defer close(p.ended)
		cmd.Wait() // its error says how it ended, and so does its log
	}()
	n.running[i] = p
}

func (n *live) log(i int) string { return fmt.Sprintf("%s/node%d.log", n.dir, i) }

// kill ends a node as a power cut would.
func (n *live) kill(i int) {
	p := n.running[i]
	delete(n.running, i)
	if err := p.cmd.Process.Kill(); err != nil {
		n.t.Errorf("kill node %d: %v", i, err)
	}
	<-p.ended
}

// dead names a node that ended by itself.
func (n *live) dead() (int, bool) {
	for i, p := range n.running {
		select {
		case <-p.ended:
			return i, true
		default:
		}
	}
	return 0, false
}

// await polls until held, at most four minutes; then it shows the end of every log.
func (n *live) await(what string, held func() bool) {
	n.t.Helper()
	began := time.Now()
	for time.Since(began) < 4*time.Minute {
		if held() {
			n.t.Logf("%5.1fs for %s, block %d", time.Since(began).Seconds(), what, n.height(0))
			return
		}
		if i, dead := n.dead(); dead {
			n.t.Errorf("node %d ended by itself", i)
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	for i := range n.file.Homes {
		if bz, err := os.ReadFile(n.log(i)); err == nil {
			n.t.Logf("node %d:\n%s", i, bz[max(0, len(bz)-2000):])
		}
	}
	n.t.Fatalf("waited %s for %s", time.Since(began).Round(time.Second), what)
}

func (n *live) rpc(i int) *rpchttp.HTTP {
	n.t.Helper()
	c, err := rpchttp.NewWithTimeout(n.file.RPC[i], "/websocket", 10)
	if err != nil {
		n.t.Fatal(err)
	}
	return c
}

// height is node i's last block, 0 while it does not answer.
func (n *live) height(i int) int64 {
	s, err := n.rpc(i).Status(n.ctx)
	if err != nil {
		return 0
	}
	return s.SyncInfo.LatestBlockHeight
}

func (n *live) earliest(i int) int64 {
	n.t.Helper()
	s, err := n.rpc(i).Status(n.ctx)
	if err != nil {
		n.t.Fatal(err)
	}
	return s.SyncInfo.EarliestBlockHeight
}

// validators counts those who sign the next block, as node 0 sees it.
func (n *live) validators() int {
	v, err := n.rpc(0).Validators(n.ctx, nil, nil, nil)
	if err != nil {
		return 0
	}
	return v.Total
}

// unjail sends the message until its jail time has passed and a block takes it.
func (n *live) unjail(i int) {
	n.t.Helper()
	name := fmt.Sprintf("validator%d", i)
	n.await(name+" to be unjailed", func() bool {
		out, err := exec.CommandContext(n.ctx, n.binary, "tx", "slashing", "unjail", "--home", n.dir, "--from", name,
			"--gas", "200000", "--fees", "2000rao", "--yes").CombinedOutput()
		if err != nil && !bytes.Contains(out, []byte("jailed")) {
			n.t.Fatalf("agora tx slashing unjail: %v\n%s", err, out)
		}
		return err == nil && !n.jailed(n.file.Accounts[name].Operator)
	})
}

func (n *live) jailed(operator string) bool {
	n.t.Helper()
	var shown struct {
		Validator struct {
			Jailed bool `json:"jailed"`
		} `json:"validator"`
	}
	out := n.run("query", "staking", "validator", operator, "--home", n.dir, "--output", "json")
	if err := json.Unmarshal([]byte(out), &shown); err != nil {
		n.t.Fatalf("%v in %s", err, out)
	}
	return shown.Validator.Jailed
}

// join writes node i's home from what nodes 0 and 1 tell, and starts it.
func (n *live) join(i int) {
	n.t.Helper()
	home := filepath.Join(n.dir, fmt.Sprintf("node%d", i))
	_, port, err := net.SplitHostPort(strings.TrimPrefix(n.file.RPC[0], "http://"))
	if err != nil {
		n.t.Fatal(err)
	}
	var base int
	if _, err := fmt.Sscan(port, &base); err != nil {
		n.t.Fatal(err)
	}
	base += -1 + 10*i
	n.run("node", "join", "newcomer", "--home", home, "--ask", n.file.RPC[0]+","+n.file.RPC[1], "--base-port", fmt.Sprint(base))
	n.file.Homes, n.file.RPC = append(n.file.Homes, home), append(n.file.RPC, fmt.Sprintf("http://127.0.0.1:%d", base+1))
	n.start(i)
}

// agree asks every node's application for the hash of its state and compares it with what node 0's next header says.
func (n *live) agree() {
	n.t.Helper()
	for i := range n.file.RPC {
		info, err := n.rpc(i).ABCIInfo(n.ctx)
		if err != nil {
			n.t.Fatal(err)
		}
		next := info.Response.LastBlockHeight + 1
		n.await(fmt.Sprintf("the header after node %d's state", i), func() bool { return n.height(0) >= next })
		h, err := n.rpc(0).Header(n.ctx, &next)
		if err != nil {
			n.t.Fatal(err)
		}
		if !bytes.Equal(info.Response.LastBlockAppHash, h.Header.AppHash) {
			n.t.Fatalf("node %d has state %X after block %d, header %d says %s", i, info.Response.LastBlockAppHash, next-1, next, h.Header.AppHash)
		}
	}
}
