package daemon

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	modeltypes "agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
	"agora/client"
	"agora/engine/native/ladder"
	"agora/engine/native/ngram"
	"agora/scenario/stage"
)

// node is a chain's RPC that goes astray in one of these ways.
type node struct {
	t     *testing.T
	chain http.Handler
	addr  string

	mu     sync.Mutex
	way    string
	n      int           // wrong answers
	back   chan struct{} // closed when the way changes
	server *http.Server
}

const (
	refuses = "refuses"
	hangs   = "hangs"
	rubbish = "rubbish"
)

func openNode(t *testing.T, chain http.Handler) *node {
	n := &node{t: t, chain: chain, addr: "127.0.0.1:0", back: make(chan struct{})}
	n.listen()
	t.Cleanup(func() { n.turn(refuses) })
	return n
}

func (n *node) listen() {
	n.t.Helper()
	l, err := net.Listen("tcp", n.addr)
	if err != nil {
		n.t.Fatal(err)
	}
	n.addr, n.server = l.Addr().String(), &http.Server{Handler: n}
	go n.server.Serve(l) // until it is closed
}

// turn sends the node astray in another way, or back.
func (n *node) turn(way string) {
	n.t.Helper()
	n.mu.Lock()
	before := n.way
	n.way = way
	close(n.back)
	n.back = make(chan struct{})
	n.mu.Unlock()
	if way == refuses && before != refuses {
		n.server.Close()
	}
	if way != refuses && before == refuses {
		n.listen()
	}
}

func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	n.mu.Lock()
	way, back := n.way, n.back
	n.n++
	kind := n.n
	n.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	switch way {
	case hangs:
		select {
		case <-back:
		case <-r.Context().Done():
		}
		panic(http.ErrAbortHandler)
	case rubbish:
		n.talk(w, r, body, kind)
	default:
		n.chain.ServeHTTP(w, r)
	}
}

// talk answers with one sort of rubbish after the other. Before some of them the chain is asked: what was sent arrives there.
func (n *node) talk(w http.ResponseWriter, r *http.Request, body []byte, kind int) {
	var call struct{ ID json.RawMessage }
	_ = json.Unmarshal(body, &call)
	switch kind % 6 {
	case 0:
		_, _ = io.CopyN(w, rand.Reader, 4<<10)
	case 1:
		_, _ = io.WriteString(w, "<html><body>Service Unavailable: the height is not available</body></html>")
	case 2:
		http.Error(w, "bad gateway", http.StatusBadGateway)
	case 3:
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{}}`, call.ID)
	case 4:
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32603,"message":"Internal error","data":"database is locked"}}`, call.ID)
	default:
		whole := httptest.NewRecorder()
		n.chain.ServeHTTP(whole, r)
		_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
	}
}

// process is voice 0 as a program of its own, which is killed for good and started again.
type process struct {
	t     *testing.T
	setup voiceSetup
	cmd   *exec.Cmd
}

// voiceVar makes this test program a validator. It holds a voiceSetup.
const voiceVar = "AGORA_VOICE"

type voiceSetup struct{ Node, Home, Models, Wire, HTTP, Log string }

// TestVoiceOfItsOwn is the validator of another test's process.
func TestVoiceOfItsOwn(t *testing.T) {
	var s voiceSetup
	if json.Unmarshal([]byte(os.Getenv(voiceVar)), &s) != nil {
		t.Skip("it runs for other tests")
	}
	file, err := os.OpenFile(s.Log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := client.Dial(s.Node)
	for ; err != nil; chain, err = client.Dial(s.Node) {
		time.Sleep(200 * time.Millisecond) // as whoever starts it again and again
	}
	chain.PollEvery(50 * time.Millisecond)
	d, err := New(Config{
		Client: chain, HotKey: stage.ValidatorHot(0), Operator: stage.Address(stage.ValidatorKey(0)), Home: s.Home, Models: s.Models,
		Wire: s.Wire, HTTP: s.HTTP, Tasks: Tasks{None: true, AllowPrivate: true}, DemoKey: demoKey, Log: slog.New(slog.NewTextHandler(file, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(d.Wire(), d.HTTP())
	t.Fatal(d.Run(context.Background()))
}

// start runs the process and waits for where it listens.
func (p *process) start() {
	p.t.Helper()
	text, err := json.Marshal(p.setup)
	if err != nil {
		p.t.Fatal(err)
	}
	p.cmd = exec.Command(os.Args[0], "-test.run", "^TestVoiceOfItsOwn$")
	p.cmd.Env = append(os.Environ(), voiceVar+"="+string(text))
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		p.t.Fatalf("the validator did not start; its log ends with\n%s", p.said())
	}
	fmt.Sscan(lines.Text(), &p.setup.Wire, &p.setup.HTTP)
	go io.Copy(io.Discard, out) // until it is killed
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // it was killed
}

// said is the end of its log.
func (p *process) said() string {
	text, _ := os.ReadFile(p.setup.Log)
	return string(text[max(0, len(text)-4<<10):])
}

// The markets of this test.
const (
	answersNet = 1 + iota // whose answers are judged
	modelsNet             // whose models are examined
)

// separated is a validator of its own process whose node goes astray, beside two others, over a market of each kind.
func separated(t *testing.T) (c *contest, n *node, p *process) {
	t.Helper()
	names := ladder.Names()
	var published []modeltypes.Model
	var cards []subnettypes.ModelCard
	for _, name := range []string{names[0], names[len(names)-1]} {
		card, _ := ladder.Named(name)
		e := ladderModel(t, name)
		published = append(published, modeltypes.Model{
			Digest: card.Digest, Name: card.Name, Licence: card.Licence, Format: modeltypes.GGUF, Bytes: uint64(card.Bytes), Parameters: uint64(card.Parameters),
		})
		cards = append(cards, cardOf(e.Info()))
	}
	c = openChain(t, Tasks{None: true, AllowPrivate: true}, 2, 800*time.Millisecond,
		stage.Subnet{Name: "answers", Family: "continuation"},
		stage.Subnet{Name: "language", Family: "exact", Models: published, Cards: cards, Items: 720}, // 20 of a tempo
	)
	n = openNode(t, c.stage.Handler())
	p = &process{t: t, setup: voiceSetup{
		Node: "http://" + n.addr, Home: c.homes[0], Models: t.TempDir(), Wire: "127.0.0.1:0", HTTP: "127.0.0.1:0", Log: filepath.Join(t.TempDir(), "log"),
	}}
	p.start()
	t.Cleanup(p.kill)
	c.wires[0], c.doors[0] = p.setup.Wire, p.setup.HTTP
	c.start(1)
	c.start(2)
	for i, name := range []string{"ngram-1", "ngram-4"} {
		e, err := ngram.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		c.serve(answersNet, i, e)
		c.serve(modelsNet, i, ladderModel(t, published[i].Name))
	}
	return c, n, p
}

// tale is what the chain tells of voice 0's weights in one subnet, by epoch.
type tale struct{ commits, reveals map[uint64]int }

// read reads every block, and holds it against whoever sent a transaction that had no effect: a commit or reveal twice, or out of its
// time, is one.
func (c *contest) read() map[uint32]tale {
	c.t.Helper()
	tales := map[uint32]tale{}
	for _, netuid := range []uint32{answersNet, modelsNet} {
		tales[netuid] = tale{map[uint64]int{}, map[uint64]int{}}
	}
	for h := int64(1); h <= c.stage.Height(); h++ {
		b, err := c.client.Block(c.t.Context(), h)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, tx := range b.Txs {
			if tx.Code != 0 {
				c.t.Errorf("block %d has a transaction without effect: %s", h, tx.Log)
			}
		}
		for _, e := range b.Events {
			switch e := e.(type) {
			case *yumatypes.WeightsCommitted:
				if e.Uid == 0 {
					tales[e.Netuid].commits[e.Epoch]++
				}
			case *yumatypes.WeightsRevealed:
				if e.Uid == 0 {
					tales[e.Netuid].reveals[e.Epoch]++
				}
			}
		}
	}
	return tales
}

// now is the running epoch.
func (c *contest) now(netuid uint32) uint64 {
	c.t.Helper()
	s, err := c.client.Schedule(c.t.Context(), netuid)
	if err != nil {
		c.t.Fatal(err)
	}
	return s.Epoch
}

// revealed waits until voice 0 has revealed an epoch from one on in both markets.
func (c *contest) revealed(from uint64) {
	c.t.Helper()
	c.until(fmt.Sprintf("weights of epoch %d or later are revealed in both markets", from), func() bool {
		done := 0
		for _, tale := range c.read() {
			for epoch := range tale.reveals {
				if epoch >= from {
					done++
					break
				}
			}
		}
		return done == 2
	})
}

// gauge is a figure of voice 0's metrics, of all its labels together.
func (c *contest) gauge(name string) (sum float64) {
	c.t.Helper()
	resp, err := http.Get("http://" + c.doors[0] + "/metrics")
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), name); ok {
			var v float64
			fmt.Sscan(rest[strings.LastIndexByte(rest, ' ')+1:], &v)
			sum += v
		}
	}
	return sum
}

// absence sends the node astray for so many blocks in each of these ways, and brings it back. Consumers ask all the time and are answered;
// the receipts that they are told of are returned. A kill comes in the middle of the last way.
func (c *contest) absence(n *node, p *process, blocks int64, kill bool, ways ...string) (receipts []string) {
	c.t.Helper()
	for i, way := range ways {
		n.turn(way)
		for until, half := c.stage.Height()+blocks, c.stage.Height()+blocks/2; c.stage.Height() < until; time.Sleep(100 * time.Millisecond) {
			if kill && i == len(ways)-1 && c.stage.Height() >= half {
				p.kill()
				n.turn("") // the end of the absence: nobody starts without a chain
				p.start()
				return receipts
			}
			h := c.ask(0, len(receipts), nil)
			if h == nil {
				c.t.Errorf("a consumer was not answered while the node %s", way)
				continue
			}
			receipts = append(receipts, h.Get("X-Agora-Receipt"))
		}
		if silent := c.gauge("agora_chain_silent_seconds"); silent == 0 {
			c.t.Errorf("the node %s, and it is not said", way)
		}
	}
	n.turn("")
	return receipts
}

// A validator whose node refuses, hangs and talks rubbish, for longer than a tempo, judges and serves meanwhile and goes on by itself
// when the node is back: weights of no epoch are committed twice or out of time, all are revealed whose time came, and no receipt is
// lost, with a kill −9 in the middle too.
func TestAValidatorWhoseNodeIsAwayGoesOn(t *testing.T) {
	t.Parallel()
	c, n, p := separated(t)
	t.Cleanup(func() {
		if t.Failed() {
			for netuid, told := range c.read() {
				t.Logf("subnet %d: commits %v, reveals %v", netuid, told.commits, told.reveals)
			}
			t.Logf("the validator's log ends with\n%s", p.said())
		}
	})
	c.revealed(0)
	type fault struct {
		blocks int64
		kill   bool
		ways   []string
	}
	list := []fault{{6, false, []string{refuses, hangs, rubbish}}, {6, true, []string{rubbish}}}
	if os.Getenv("AGORA_NIGHTLY") != "" {
		for _, way := range []string{refuses, hangs, rubbish} {
			list = append(list, fault{25, false, []string{way}}, fault{25, true, []string{way}})
		}
	}
	away := map[uint64]bool{} // epochs in which the node was
	var receipts []string
	for _, f := range list {
		began := c.now(answersNet)
		receipts = append(receipts, c.absence(n, p, f.blocks, f.kill, f.ways...)...)
		for epoch := began; epoch <= c.now(answersNet); epoch++ {
			away[epoch] = true
		}
		c.revealed(c.now(answersNet) + 1)
		if c.gauge("agora_chain_silent_seconds") != 0 {
			t.Error("the node is back and counts as silent")
		}
	}
	c.check(away)
	c.kept(receipts)
	for _, words := range []string{"does not answer", "answers again"} {
		if text, err := os.ReadFile(p.setup.Log); err != nil || !bytes.Contains(text, []byte(words)) {
			t.Errorf("the log has no %q (%v)", words, err)
		}
	}
}

// check wants one commit and one reveal of every epoch whose time the node was there for, after the first that was revealed, and of no
// epoch two.
func (c *contest) check(away map[uint64]bool) {
	c.t.Helper()
	for netuid, tale := range c.read() {
		first := c.now(netuid)
		for epoch := range tale.reveals {
			first = min(first, epoch)
		}
		for epoch := first; epoch+1 < c.now(netuid); epoch++ {
			commits, reveals := tale.commits[epoch], tale.reveals[epoch]
			if commits > 1 || reveals > commits || reveals == 0 && !away[epoch] && !away[epoch+1] {
				c.t.Errorf("subnet %d, epoch %d: %d commits and %d reveals, the node away %v and %v", netuid, epoch, commits, reveals, away[epoch], away[epoch+1])
			}
		}
		c.t.Logf("subnet %d: %d epochs committed, %d revealed of %d since the first, in %d of which the node was away", netuid, len(tale.commits), len(tale.reveals), c.now(netuid)-first, len(away))
	}
}

// kept wants every receipt.
func (c *contest) kept(receipts []string) {
	c.t.Helper()
	lost := 0
	for _, name := range receipts {
		resp, err := http.Get("http://" + c.doors[0] + "/v1/receipts/" + name)
		if err != nil {
			c.t.Fatal(err)
		}
		if resp.Body.Close(); resp.StatusCode != http.StatusOK {
			lost++
		}
	}
	if lost > 0 || len(receipts) == 0 {
		c.t.Errorf("%d of %d receipts are lost", lost, len(receipts))
	}
	c.t.Logf("%d consumers were answered while the node was away", len(receipts))
}
