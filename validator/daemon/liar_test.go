package daemon

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	modeltypes "agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/client"
	"agora/engine"
	"agora/engine/native/llm"
	"agora/engine/native/modeltest"
	"agora/engine/native/tensor"
	"agora/gateway"
	"agora/miner"
	"agora/scenario/stage"
	"agora/validator/audit"
	"agora/validator/exam"
	"agora/wire/blob"
	"agora/wire/openai"
)

const (
	liarChain = "agora-liar"
	voices    = 3
	tempo     = 10
)

var demoKey = gateway.SecretFrom([32]byte{1})

// weightsOf writes a model of random weights; another seed is another model.
func weightsOf(t *testing.T, width int, seed uint64) *llm.Engine {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.gguf")
	file := modeltest.Model(modeltest.Shape{Architecture: "llama", Types: []tensor.Type{tensor.Q41}, Embedding: tensor.Q80, Output: true, Width: width, Seed: seed})
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := llm.Open(path, llm.Options{Name: "random"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	files.Store(e.Info().Digest, path)
	return e
}

// files are the models of these tests, by digest.
var files sync.Map

// ours gives them.
type ours struct{}

func (ours) Give(digest string) (*blob.Content, error) {
	if path, ok := files.Load(digest); ok {
		return blob.Open(path.(string), "gguf")
	}
	return nil, blob.ErrNotHere
}

func fetchFile(_ context.Context, m exam.Listed) (string, error) {
	if path, ok := files.Load(exam.SpellDigest(m.Digest)); ok {
		return path.(string), nil
	}
	return "", exam.ErrNotHere
}

// liar has a big model and a small one: whoever asks as consumers of this test do gets the small one's answers.
type liar struct{ big, small *llm.Engine }

func (l *liar) Info() engine.Info { return l.big.Info() }

func (l *liar) Chat(ctx context.Context, r *openai.ChatRequest, emit func(engine.Token) error) (openai.Usage, engine.Finish, error) {
	if strings.HasPrefix(string(r.Messages[len(r.Messages)-1].Content), consumers) {
		return l.small.Chat(ctx, r, emit)
	}
	return l.big.Chat(ctx, r, emit)
}

const consumers = "Dear server" // how consumers here begin

// contest is daemons with gateways over one chain, and miners that dial all of them.
type contest struct {
	t       *testing.T
	stage   *stage.Stage
	client  *client.Client
	tasks   Tasks
	daemons [voices]*Daemon
	wires   [voices]string // where miners dial them
	doors   [voices]string // and consumers ask
	homes   [voices]string
	stop    [voices]func()
}

func openContest(t *testing.T, model *llm.Engine, servers ...engine.Engine) *contest {
	t.Helper()
	info := model.Info()
	cards := make([]subnettypes.ModelCard, len(servers))
	for i := range cards {
		cards[i] = cardOf(info)
	}
	c := openMarkets(t, Tasks{None: true, AllowPrivate: true}, len(servers), stage.Subnet{
		Name: "language", Family: "serve", Cards: cards, Models: []modeltypes.Model{{
			Digest: info.Digest, Name: "random", Licence: "MIT", Format: modeltypes.GGUF, Bytes: 1 << 20, Parameters: uint64(model.Parameters()),
		}},
	})
	for i, e := range servers {
		c.serve(1, i, e)
	}
	return c
}

// cardOf is the card of whoever serves a model.
func cardOf(m engine.Info) subnettypes.ModelCard {
	return subnettypes.ModelCard{
		Name: m.Model, Digest: m.Digest, Licence: "MIT", Input: "text", Output: "text", Context: uint32(m.Context), Engine: m.Engine, EngineVersion: m.Version,
	}
}

// openMarkets starts a chain with these subnets, and the daemons.
func openMarkets(t *testing.T, tasks Tasks, miners int, subnets ...stage.Subnet) *contest {
	t.Helper()
	c := openChain(t, tasks, miners, 800*time.Millisecond, subnets...)
	for i := range voices {
		c.start(i)
	}
	return c
}

// openChain starts a chain with these subnets, and a block every so often.
func openChain(t *testing.T, tasks Tasks, miners int, pace time.Duration, subnets ...stage.Subnet) *contest {
	t.Helper()
	s, err := stage.Open(stage.Plan{ChainID: liarChain, Validators: voices, Miners: miners, Tempo: tempo, RevealDelay: 1, Subnets: subnets})
	if err != nil {
		t.Fatal(err)
	}
	c := &contest{t: t, stage: s, client: client.New(s, liarChain), tasks: tasks}
	ctx, cancel := context.WithCancel(context.Background())
	var clock sync.WaitGroup
	clock.Go(func() {
		if err := s.Live(ctx, pace); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); clock.Wait() })
	for i := range voices {
		c.homes[i] = t.TempDir()
	}
	return c
}

// start runs daemon i on its home.
func (c *contest) start(i int) {
	c.t.Helper()
	own := client.New(c.stage, liarChain)
	own.PollEvery(50 * time.Millisecond)
	d, err := New(Config{
		Client: own, HotKey: stage.ValidatorHot(i), Operator: stage.Address(stage.ValidatorKey(i)), Home: c.homes[i], Models: c.t.TempDir(),
		Wire: "127.0.0.1:0", HTTP: "127.0.0.1:0", Tasks: c.tasks, DemoKey: demoKey,
		Log: slog.New(slog.DiscardHandler), // weights come over the wire, from the servers that name them
	})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		if err := d.Run(ctx); err != nil {
			c.t.Error(err)
		}
	})
	c.daemons[i], c.wires[i], c.doors[i] = d, d.Wire(), d.HTTP()
	c.stop[i] = sync.OnceFunc(func() { cancel(); work.Wait() })
	c.t.Cleanup(c.stop[i])
}

// serve runs miner i of a subnet.
func (c *contest) serve(netuid uint32, i int, e engine.Engine) {
	c.t.Helper()
	var directory miner.Static
	for n, addr := range c.wires {
		directory = append(directory, miner.Endpoint{HotKey: stage.ValidatorHot(n).Public().(ed25519.PublicKey), Addr: addr})
	}
	quiet := slog.New(slog.DiscardHandler)
	m, err := miner.New(miner.Config{
		Key: stage.MinerHot(netuid, i), NetUID: netuid, Handler: miner.NewServer(e, miner.Options{Weights: blob.NewServer(ours{}), Log: quiet}), Directory: directory, AllowPrivate: true, MaxBackoff: time.Second, Log: quiet,
		Seat: func() (miner.Seat, bool) {
			return miner.Seat{ChainID: liarChain, NetUID: netuid, UID: uint32(voices + i), Model: e.Info()}, true
		},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { _ = m.Run(ctx) }) // always nil
	c.t.Cleanup(func() { cancel(); work.Wait() })
}

// ask asks a gateway as a consumer and returns the answer's headers; nil where it was not answered.
func (c *contest) ask(i, n int, header http.Header) http.Header {
	c.t.Helper()
	body := fmt.Sprintf(`{"model":"language","max_tokens":20,"messages":[{"role":"user","content":"%s, tell me something about %d."}]}`, consumers, n)
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, "http://"+c.doors[i]+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("Authorization", "Bearer "+demoKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		return nil
	}
	return resp.Header
}

func (c *contest) get(i int, path string, v any) {
	c.t.Helper()
	resp, err := http.Get("http://" + c.doors[i] + path)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: %s %v %.200s", path, resp.Status, err, text)
	}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(v); err != nil {
		c.t.Fatalf("%s: %v: %.200s", path, err, text)
	}
}

// incentives are what the last epoch gave the miners, and which it was.
func (c *contest) incentives() (list []uint32, epoch uint64) {
	c.t.Helper()
	g, err := c.client.Metagraph(c.t.Context(), 1)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, u := range g.Uids[voices:] {
		list = append(list, u.Incentive)
	}
	return list, g.Epoch
}

func (c *contest) until(what string, done func() bool) {
	c.t.Helper()
	for end := time.Now().Add(3 * time.Minute); !done(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			paid, epoch := c.incentives()
			c.t.Fatalf("not within 3 minutes: %s (epoch %d pays %v)", what, epoch, paid)
		}
	}
}

// closedBy lists the validators that have shut the gate of miner i.
func (c *contest) closedBy(i int) (list []int) {
	for n, d := range c.daemons {
		for _, s := range d.judge.Status() {
			if slices.Contains(s.Closed, uint32(voices+i)) {
				list = append(list, n)
			}
		}
	}
	return list
}

// A server that gives a smaller model's answers to consumers and its own model's to challenges is paid like an honest one until
// consumers ask; then most validators close it within three epochs, it is paid nothing, and they send no consumer to it. (Nobody is
// told here what others have found: a validator whose consumers are sent elsewhere, since the chain pays the liar nothing, may never see
// a lie.)
func TestAServerThatLiesToConsumersIsClosed(t *testing.T) {
	t.Parallel()
	big, small := weightsOf(t, 128, 1), weightsOf(t, 64, 2)
	c := openContest(t, big, big, big, &liar{big, small})
	c.until("all three are paid", func() bool {
		paid, _ := c.incentives()
		return min(paid[0], paid[1], paid[2]) > 0
	})
	if list := c.closedBy(2); len(list) > 0 {
		t.Fatalf("validators %v closed a server that has not lied yet", list)
	}
	_, began := c.incentives()
	asked := 0
	c.until("most validators have closed the liar", func() bool {
		c.ask(asked%voices, asked, nil)
		asked++
		return len(c.closedBy(2)) > voices/2
	})
	closed := c.closedBy(2)
	_, now := c.incentives()
	t.Logf("closed by validators %v after %d requests and %d epochs", closed, asked, now-began)
	if now > began+3 {
		t.Errorf("closed in epoch %d, the lies began in epoch %d", now, began)
	}
	c.until("it is paid nothing", func() bool {
		paid, _ := c.incentives()
		return paid[2] == 0 && min(paid[0], paid[1]) > 0
	})
	for n := range 20 {
		h := c.ask(closed[n%len(closed)], 1000+n, nil)
		if h == nil || strings.HasPrefix(h.Get("X-Agora-Miner"), fmt.Sprint(voices+2)) {
			t.Errorf("a consumer was sent to the liar, or to nobody: %v", h)
		}
	}
	c.auditAll()
	var line struct{ Reasons []string }
	c.get(closed[0], fmt.Sprintf("/subnets/1/miners/%d.json", voices+2), &line)
	if text := strings.Join(line.Reasons, " "); !strings.Contains(text, "closed until tempo") || !strings.Contains(text, "is another") {
		t.Errorf("its page says %q", text)
	}
	c.stop[closed[0]]()
	c.start(closed[0])
	c.until("it stays closed over a restart", func() bool { return slices.Contains(c.closedBy(2), closed[0]) })
}

// One validator's consumers alone are lied to, and let others see it: it proves that to the others, who close the liar too without having
// been lied to.
func TestWhatOneValidatorProvesClosesALiarEverywhere(t *testing.T) {
	t.Parallel()
	big, small := weightsOf(t, 128, 3), weightsOf(t, 64, 4)
	c := openContest(t, big, big, &liar{big, small})
	c.publishGateways()
	c.until("both are paid", func() bool {
		paid, _ := c.incentives()
		return min(paid[0], paid[1]) > 0
	})
	_, began := c.incentives()
	asked := 0
	c.until("every validator has closed the liar", func() bool {
		if h := c.ask(0, asked, http.Header{"X-Agora-Proof": {"public"}}); h != nil && h.Get("X-Agora-Verified") != "pending" {
			t.Errorf("x-agora-verified is %q", h.Get("X-Agora-Verified"))
		}
		asked++
		return len(c.closedBy(1)) == voices
	})
	_, now := c.incentives()
	t.Logf("closed by all after %d requests to one gateway and %d epochs", asked, now-began)
	if now > began+3 {
		t.Errorf("closed in epoch %d, the lies began in epoch %d", now, began)
	}
	for i := range voices { // others repeat it
		var told struct{ Proofs []audit.Proof }
		c.get(i, "/v1/proofs/1", &told)
		if len(told.Proofs) == 0 {
			t.Fatalf("validator %d tells no proof", i)
		}
		s, err := told.Proofs[0].Open(liarChain)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check(t.Context(), big); err != nil || s.Server.UID != voices+1 {
			t.Errorf("%v of uid %d", err, s.Server.UID)
		}
		if err := s.Check(t.Context(), small); !errors.Is(err, audit.ErrClean) {
			t.Errorf("by the other model it is %v", err)
		}
	}
}

// publishGateways tells the chain where the gateways are.
func (c *contest) publishGateways() {
	c.t.Helper()
	for i, d := range c.daemons {
		_, err := c.client.Queue(client.ColdSigner(stage.ValidatorKey(i))).Send(c.t.Context(), &subnettypes.MsgSetProfile{
			Operator: stage.Address(stage.ValidatorKey(i)), Addresses: []string{d.Wire()}, GatewayUrl: "http://" + d.HTTP() + "/v1",
			Identity: subnettypes.Identity{Name: fmt.Sprintf("validator%d", i)},
		})
		if err != nil {
			c.t.Fatal(err)
		}
	}
	c.until("every validator knows the others", func() bool {
		list, err := c.client.Voices(c.t.Context(), 1)
		if err != nil {
			c.t.Fatal(err)
		}
		known := 0
		for _, v := range list {
			if v.GatewayUrl != "" {
				known++
			}
		}
		for _, d := range c.daemons {
			d.judge.Reread()
		}
		return known == voices
	})
}

// auditAll computes the weights of every voice in a late epoch again.
func (c *contest) auditAll() {
	c.t.Helper()
	_, epoch := c.incentives()
	for i, d := range c.daemons {
		again := &Again{Client: c.client, Gateway: "http://" + d.HTTP() + "/v1", NetUID: 1, Epoch: epoch - 1, Fetch: fetchFile, Samples: -1}
		r, err := again.Run(c.t.Context())
		if err != nil {
			c.t.Errorf("validator %d: %v", i, err)
			continue
		}
		if r.Servers != 3 || r.Paid < 2 || r.Examples != r.Paid || r.Models != 1 {
			c.t.Errorf("validator %d: %+v", i, r)
		}
		again.Epoch = epoch + 2
		if _, err := again.Run(c.t.Context()); err == nil {
			c.t.Errorf("validator %d tells of weights that are not revealed", i)
		}
	}
}
