package validator

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cosmos/cosmos-sdk/types/tx"

	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
	"agora/client"
	"agora/engine/native/ngram"
	"agora/mechanism/score"
	"agora/miner"
	"agora/scenario/stage"
	"agora/task"
	"agora/task/continuation"
	"agora/wire"
)

// models are the miners of the market, best first; the last answers nothing that can be judged.
var models = []string{"ngram-4", "ngram-2", "ngram-1", "canned"}

func handler(t *testing.T, model string) http.Handler {
	t.Helper()
	if model == "canned" {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"choices":[{"text":"I am the best."}]}`)
		})
	}
	e, err := ngram.Open(model)
	if err != nil {
		t.Fatal(err)
	}
	return miner.NewServer(e, miner.Options{})
}

// live lets the chain make blocks until the test ends.
func live(t *testing.T, s *stage.Stage, every time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var clock sync.WaitGroup
	clock.Go(func() {
		if err := s.Live(ctx, every); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); clock.Wait() })
}

// running is a validator with its hub.
type running struct {
	*Validator
	hub  *wire.Hub
	stop func()
}

func start(t *testing.T, s *stage.Stage, n int, home string, log io.Writer) running {
	t.Helper()
	return startWith(t, s, n, home, log, nil)
}

// startWith is start with the tasks of others.
func startWith(t *testing.T, s *stage.Stage, n int, home string, log io.Writer, modules Modules) running {
	t.Helper()
	c := client.New(s, chainID)
	c.PollEvery(20 * time.Millisecond)
	rules := score.DefaultParams()
	rules.Chance = continuation.Chance
	v, err := New(Config{
		Client: c, HotKey: stage.ValidatorHot(n), Operator: stage.Address(stage.ValidatorKey(n)),
		Store: filepath.Join(home, "judge.db"), Families: map[string]task.Family{continuation.Name: continuation.New()}, Modules: modules,
		Rules: map[string]score.Params{continuation.Name: rules}, Settling: 2 * time.Second,
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	hub, err := wire.Listen("127.0.0.1:0", stage.ValidatorHot(n), v.Allow, wire.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		if err := v.Run(ctx, hub); err != nil {
			t.Error(err)
		}
	})
	stop := sync.OnceFunc(func() {
		cancel()
		work.Wait()
		hub.Close()
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return running{v, hub, stop}
}

// serve connects miner i to a validator until the test ends.
func serve(t *testing.T, i int, to running, n int, h http.Handler) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		err := wire.Serve(ctx, wire.ServeConfig{
			Key: stage.MinerHot(1, i), NetUID: 1, Validator: stage.ValidatorHot(n).Public().(ed25519.PublicKey), Addr: to.hub.Addr(),
			Handler: h, AllowPrivate: true, MaxBackoff: time.Second, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); work.Wait() })
}

// ear keeps what a validator asks.
type ear struct {
	next http.Handler
	mu   sync.Mutex
	asks map[string]bool
}

func (e *ear) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	e.mu.Lock()
	e.asks[formless(body)] = true
	e.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	e.next.ServeHTTP(w, r)
}

// formless is an item's body as it was before it was asked in one of the forms.
func formless(body []byte) string {
	open := strings.TrimSuffix(string(body), "}")
	for _, form := range forms {
		if whole, ok := strings.CutSuffix(open, form); ok && form != "" {
			open = whole
		}
	}
	return open + "}"
}

func (e *ear) heard(body []byte) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asks[string(body)]
}

// Two validators judge four miners over real connections; the chain pays in the order of their true quality. A
// validator that is stopped goes on where it was, and what it reveals tells everybody which items it asked.
func TestMarketPaysInTheOrderOfQuality(t *testing.T) {
	s := openStage(t, len(models))
	live(t, s, 400*time.Millisecond)
	home, log := t.TempDir(), &logged{}
	first := start(t, s, 0, home, log)
	second := start(t, s, 1, t.TempDir(), io.Discard)
	listener := &ear{next: handler(t, models[0]), asks: map[string]bool{}}
	serve(t, 0, first, 0, listener)
	serve(t, 0, second, 1, handler(t, models[0]))
	for i, model := range models[1:] {
		serve(t, i+1, first, 0, handler(t, model))
		serve(t, i+1, second, 1, handler(t, model))
	}
	c := client.New(s, chainID)
	wait(t, func() bool { return ranked(t, c) })

	wait(t, func() bool { return first.Status()[0].Agreement > 0 })
	before := first.Status()[0]
	if before.Items < 100 || before.Voice != 0 || before.Connected != len(models) || !before.Settled {
		t.Errorf("status is %+v", before)
	}
	first.stop()
	again := start(t, s, 0, home, log)
	wait(t, func() bool { return len(again.Status()) == 1 })
	if now := again.Status()[0]; now.Items < before.Items {
		t.Errorf("after a restart %d items are known, before it %d", now.Items, before.Items)
	}
	wait(t, func() bool { return len(again.Status()) == 1 && again.Status()[0].Revealed > before.Revealed })
	s.Down(true) // the node is away for a while: the validator waits and goes on
	time.Sleep(time.Second)
	s.Down(false)
	seen := again.Status()[0].Revealed
	wait(t, func() bool { return again.Status()[0].Revealed > seen })
	items := revealedItems(t, c, s)
	found := 0
	for _, body := range items {
		if listener.heard(body) {
			found++
		}
	}
	if found == 0 {
		t.Errorf("none of %d items drawn from revealed salts was asked", len(items))
	}
	if log.has("prompt") || log.has("I am the best") {
		t.Error("a prompt or an answer is in the log")
	}
}

// ranked says whether the last epoch paid the models in their order.
func ranked(t *testing.T, c *client.Client) bool {
	t.Helper()
	graph, err := c.Metagraph(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	last := uint32(1 << 16)
	for i := range models {
		incentive := graph.Uids[2+i].Incentive
		if incentive >= last && models[i] != "canned" || models[i] != "canned" && incentive == 0 || models[i] == "canned" && incentive > 0 {
			return false
		}
		last = incentive
	}
	return true
}

// revealedItems draws the first items of every seed that validator 0 has revealed.
func revealedItems(t *testing.T, c *client.Client, s *stage.Stage) [][]byte {
	t.Helper()
	committed := map[uint64]int64{} // height by epoch
	var bodies [][]byte
	account := subnettypes.HotAccount(stage.ValidatorHot(0).Public().(ed25519.PublicKey)).String()
	for h := int64(1); h < s.Height(); h++ {
		for _, m := range messages(t, s, h) {
			switch m := m.(type) {
			case *yumatypes.MsgCommitWeights:
				if m.HotAccount == account {
					committed[m.Epoch] = h
				}
			case *yumatypes.MsgRevealWeights:
				if m.HotAccount == account {
					bodies = append(bodies, firstItems(t, c, m.Salt, committed[m.Epoch])...)
				}
			}
		}
	}
	return bodies
}

func firstItems(t *testing.T, c *client.Client, salt []byte, committed int64) [][]byte {
	t.Helper()
	after, err := c.Block(t.Context(), committed+1)
	if err != nil {
		t.Fatal(err)
	}
	seed := seedRecord{Salt: salt, Mix: after.Hash}.seed(chainID, 1)
	var bodies [][]byte
	for index := range uint64(32) { // of which each miner was asked some
		bodies = append(bodies, continuation.New().Item(seed, index).Body)
	}
	return bodies
}

// messages decodes the commits and reveals of a block.
func messages(t *testing.T, s *stage.Stage, height int64) (list []any) {
	t.Helper()
	block, err := s.Block(t.Context(), &height)
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range block.Block.Txs {
		var envelope tx.TxRaw
		var body tx.TxBody
		if err := envelope.Unmarshal(raw); err != nil {
			t.Fatal(err)
		}
		if err := body.Unmarshal(envelope.BodyBytes); err != nil {
			t.Fatal(err)
		}
		for _, packed := range body.Messages {
			m := map[string]interface{ Unmarshal([]byte) error }{
				"/agora.yuma.v1.MsgCommitWeights": &yumatypes.MsgCommitWeights{},
				"/agora.yuma.v1.MsgRevealWeights": &yumatypes.MsgRevealWeights{},
			}[packed.TypeUrl]
			if m == nil {
				continue
			}
			if err := m.Unmarshal(packed.Value); err != nil {
				t.Fatal(err)
			}
			list = append(list, m)
		}
	}
	return list
}

// logged is a log that can be searched.
type logged struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *logged) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.all.Bytes(), []byte(text))
}

func TestNewcomerIsAdmittedOnceItIsRegistered(t *testing.T) {
	s := openStage(t, 1)
	live(t, s, 50*time.Millisecond)
	v := start(t, s, 0, t.TempDir(), io.Discard)
	wait(t, func() bool { return len(v.Miners(1)) == 1 })
	key := ed25519.NewKeyFromSeed([]byte("the hot key of one who is new..."))
	public := key.Public().(ed25519.PublicKey)
	if err := v.Allow(1, public); err == nil {
		t.Fatal("a key that is not registered is allowed")
	}
	c := client.New(s, chainID)
	c.PollEvery(20 * time.Millisecond)
	owner, expiry := stage.Address(stage.MinerKey(0)), s.Height()+10_000
	_, err := c.Queue(client.ColdSigner(stage.MinerKey(0))).Send(t.Context(), &subnettypes.MsgRegister{
		Owner: owner, Netuid: 1, HotKey: public, ProofExpiry: expiry, MaxPrice: 500_000_000_000,
		Proof: subnettypes.SignProof(key, chainID, 1, owner, expiry),
	})
	if err != nil {
		t.Fatal(err)
	}
	wait(t, func() bool { return v.Allow(1, public) == nil })
	if n := len(v.Miners(1)); n != 2 {
		t.Errorf("%d miners are listed, want 2", n)
	}
	if err := v.Allow(1, stage.ValidatorHot(1).Public().(ed25519.PublicKey)); err == nil {
		t.Error("a voice may connect as a miner")
	}
}
