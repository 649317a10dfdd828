//go:build unix

package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"agora/engine/native/llm"
	"agora/engine/native/modeltest"
	"agora/engine/native/tensor"
	"agora/gateway"
	"agora/miner"
	"agora/wire"
)

// servingVar makes this test program a miner: uid, the hub's address, the weights that it serves, the digest that it signs for.
const servingVar = "AGORA_TEST_SERVING"

// TestServing is that process: a miner with the native engine, until it is killed, told to end, or nobody is there to kill it.
func TestServing(t *testing.T) {
	told := strings.Fields(os.Getenv(servingVar))
	if len(told) != 4 {
		t.Skip("it is run by another test")
	}
	uid, err := strconv.ParseUint(told[0], 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	e, err := llm.Open(told[2], llm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	info := e.Info()
	info.Digest = told[3]
	quiet := slog.New(slog.DiscardHandler)
	m, err := miner.New(miner.Config{
		Key: hotOf(uint32(uid)), NetUID: 1, Handler: miner.NewServer(e, miner.Options{Log: quiet}), AllowPrivate: true, Log: quiet,
		Directory: miner.Static{{HotKey: public(voiceHot), Addr: told[1]}}, MaxBackoff: 200 * time.Millisecond,
		Seat: func() (miner.Seat, bool) {
			return miner.Seat{ChainID: "agora-test", NetUID: 1, UID: uint32(uid), Registered: 5, Model: info}, true
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := signal.NotifyContext(t.Context(), syscall.SIGTERM)
	defer end()
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, os.Stdin)
		end()
	}()
	if err := m.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

var voiceHot = hotOf(1 << 20)

func hotOf(n uint32) ed25519.PrivateKey {
	seed := sha256.Sum256(fmt.Appendf(nil, "hot key %d", n))
	return ed25519.NewKeyFromSeed(seed[:])
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// field is a voice with its gateway whose miners are processes, and consumers who ask without a pause. It audits every answer.
type field struct {
	t      *testing.T
	hub    *wire.Hub
	url    string // of the gateway
	secret string
	engine *llm.Engine
	path   string // of the model that its miners serve
	store  string // of the auditor
	tempo  *clock
	miners []*process

	mu       sync.RWMutex // held for writing while the auditor is started again
	auditor  *Auditor
	stop     func()       // of it
	whole    atomic.Int64 // answers that consumers got
	cut      atomic.Int64 // that began and had no end
	unsigned atomic.Int64 // that were whole when their server was killed, before it had signed
	restarts uint64       // of the auditor
	before   Counts       // of the auditors before it
}

// process is a miner.
type process struct {
	*exec.Cmd
	end io.Closer // of its input
}

func weights(t *testing.T, seed uint64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "random.gguf")
	shape := modeltest.Shape{Architecture: "llama", Types: []tensor.Type{tensor.Q41}, Embedding: tensor.Q80, Output: true, Width: 64, Seed: seed}
	if err := os.WriteFile(path, modeltest.Model(shape), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func newField(t *testing.T, miners int) *field {
	t.Helper()
	f := &field{t: t, path: weights(t, 1), store: filepath.Join(t.TempDir(), "audits.db"), tempo: &clock{}, miners: make([]*process, miners)}
	var err error
	if f.engine, err = llm.Open(f.path, llm.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.engine.Close() })
	quiet := slog.New(slog.DiscardHandler)
	f.hub, err = wire.Listen("127.0.0.1:0", voiceHot, func(uint32, ed25519.PublicKey) error { return nil }, wire.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.hub.Close() })
	f.audit()
	t.Cleanup(func() { f.stop() })
	f.open(quiet)
	for uid := range miners {
		f.serve(uid, f.path)
	}
	return f
}

// open starts the gateway.
func (f *field) open(quiet *slog.Logger) {
	f.t.Helper()
	keys, err := gateway.OpenKeys(filepath.Join(f.t.TempDir(), "keys.json"))
	if err != nil {
		f.t.Fatal(err)
	}
	if f.secret, _, err = keys.Create("consumer", gateway.Limits{PerMinute: 1 << 20, Burst: 1 << 20, InFlight: 64, Tokens: 1 << 30}); err != nil {
		f.t.Fatal(err)
	}
	g, err := gateway.New(gateway.Config{
		Miners: f.hub, Ranking: f, Keys: keys, Log: quiet,
		Proofs: &gateway.Proofs{ChainID: "agora-test", Voice: public(voiceHot), Checked: f.offer},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { g.Run(ctx) })
	srv := httptest.NewServer(g)
	f.url = srv.URL
	f.t.Cleanup(func() { srv.Close(); cancel(); work.Wait() })
}

// Standings implements gateway.Ranking: all miners are equally good.
func (f *field) Standings(context.Context) ([]gateway.Subnet, error) {
	info := f.engine.Info()
	s := gateway.Subnet{NetUID: 1, Name: "chat"}
	for uid := range uint32(len(f.miners)) {
		s.Miners = append(s.Miners, gateway.Miner{
			UID: uid, Registered: 5, HotKey: public(hotOf(uid)), Model: "random", Digest: info.Digest, Engine: info.Engine, Context: info.Context, Incentive: 1, Open: true,
		})
	}
	return []gateway.Subnet{s}, nil
}

func (f *field) offer(c gateway.Checked) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	f.auditor.Offer(c)
	switch {
	case c.Err == nil:
	case c.Signed == "":
		f.unsigned.Add(1)
	default:
		f.t.Errorf("uid %d, %s: %v", c.Miner.UID, c.Body, c.Err)
	}
}

// audit starts the auditor on what it remembers.
func (f *field) audit() {
	a := auditor(f.t, f.store, f.engine, f.tempo)
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { a.Run(ctx) })
	f.auditor, f.stop = a, func() { cancel(); work.Wait() }
}

// waiting is how many answers wait to be audited.
func (f *field) waiting() int {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return len(f.auditor.work)
}

// counts are those of all auditors so far.
func (f *field) counts() Counts {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return plus(f.before, f.auditor.Counts())
}

// again stops the auditor, when nothing waits for it, and starts it once more.
func (f *field) again() {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.auditor.work) > 0 {
		time.Sleep(time.Millisecond)
	}
	f.stop()
	f.before = plus(f.before, f.auditor.Counts())
	if err := f.auditor.store.Close(); err != nil {
		f.t.Fatal(err)
	}
	f.restarts++
	f.audit()
}

// serve starts a miner.
func (f *field) serve(uid int, path string) {
	f.t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestServing$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s %s %s", servingVar, uid, f.hub.Addr(), path, f.engine.Info().Digest))
	in, err := cmd.StdinPipe()
	if err != nil {
		f.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.miners[uid] = &process{cmd, in}
	f.t.Cleanup(func() { _ = in.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
}

// busy waits until a miner answers something.
func (f *field) busy(uid int) bool {
	key := public(hotOf(uint32(uid)))
	for range 60_000 {
		for _, p := range f.hub.Peers() {
			if p.InFlight > 0 && key.Equal(p.Key) {
				return true
			}
		}
		time.Sleep(time.Millisecond)
	}
	return false
}

// end ends a miner by a signal while it answers, and waits until it is gone.
func (f *field) end(uid int, by syscall.Signal) {
	f.t.Helper()
	time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
	if !f.busy(uid) {
		f.t.Fatalf("miner %d answers nothing", uid)
	}
	if err := f.miners[uid].Process.Signal(by); err != nil {
		f.t.Fatal(err)
	}
	_ = f.miners[uid].Wait() // it was killed
}

// consume asks in every form until ctx ends, without a pause but while many answers wait to be audited.
func (f *field) consume(ctx context.Context, asker int) {
	for n := 0; ctx.Err() == nil; n++ {
		form := forms[n%len(forms)] + `,"max_tokens":` + strconv.Itoa(8+rand.IntN(120))
		if n%3 > 0 {
			form += `,"stream":true`
		}
		body := fmt.Sprintf(`{"model":"chat","messages":[{"role":"user","content":"Say something about %d and %d."}]%s}`, asker, n, form)
		if !f.ask(ctx, body) {
			time.Sleep(5 * time.Millisecond)
		}
		for f.waiting() > maxWaiting/4 {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// ask counts what becomes of an answer, and says whether it was whole.
func (f *field) ask(ctx context.Context, body string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return false
	}
	r.Header.Set("Authorization", "Bearer "+f.secret)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK || ctx.Err() != nil {
		return false
	}
	whole := err == nil && (bytes.HasSuffix(text, []byte("data: [DONE]\n\n")) || bytes.Contains(text, []byte(`"chat.completion"`)))
	if whole {
		f.whole.Add(1)
	} else {
		f.cut.Add(1)
	}
	return whole
}

// consumers lets some ask until the function returned is called.
func (f *field) consumers(n int) (stop func()) {
	ctx, cancel := context.WithCancel(f.t.Context())
	var work sync.WaitGroup
	for i := range n {
		work.Go(func() { f.consume(ctx, i) })
	}
	stop = sync.OnceFunc(func() { cancel(); work.Wait() })
	f.t.Cleanup(stop)
	return stop
}

// Honest servers stay open whose processes are killed in the middle of answers and start again, while every answer that was signed is
// audited, by an auditor that starts again too.
func TestHonestServersThatAreKilledStayOpen(t *testing.T) {
	kills, audits := 12, 360
	if os.Getenv("AGORA_NIGHTLY") != "" {
		kills, audits = 500, 10_000
	}
	f := newField(t, 3)
	stop := f.consumers(8)
	for ended := range kills {
		f.await(uint64(audits * (ended + 1) / kills))
		uid := ended % len(f.miners)
		f.end(uid, []syscall.Signal{syscall.SIGKILL, syscall.SIGKILL, syscall.SIGKILL, syscall.SIGTERM}[ended%4])
		f.serve(uid, f.path)
		if ended%10 == 9 {
			f.again()
		}
		if ended%100 == 99 {
			t.Logf("%d processes ended while they answered; %d answers were cut; %+v", ended+1, f.cut.Load(), f.counts())
		}
	}
	stop()
	f.settled()
	sum, whole := f.counts(), uint64(f.whole.Load())
	t.Logf("%d processes ended while they answered; consumers got %d answers whole, %d of them unsigned, %d were cut; %+v", kills, whole, f.unsigned.Load(), f.cut.Load(), sum)
	// An auditor that stops lets the one answer go that it runs again.
	if sum.False+sum.Near+sum.Void+sum.Unknown+sum.LetGo > 0 || sum.Drawn+uint64(f.unsigned.Load()) < whole || f.unsigned.Load() > int64(kills) || sum.Right+f.restarts < sum.Drawn || f.cut.Load() == 0 {
		t.Errorf("%+v, %d whole, %d cut", sum, whole, f.cut.Load())
	}
	for uid := range uint32(len(f.miners)) {
		if s := f.auditor.Standing(ServerID{1, uid, 5}, digestOf(t, f.engine)); !s.Open || s.Closings > 0 || s.Watched > 0 {
			t.Errorf("uid %d: %+v", uid, s)
		}
	}
}

// await waits until so many answers were found to be their model's.
func (f *field) await(right uint64) {
	f.t.Helper()
	for until := time.Now().Add(2 * time.Minute); f.counts().Right < right; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			f.t.Fatalf("in two minutes no %d answers were run again: %+v", right, f.counts())
		}
	}
}

// settled waits until every answer that a consumer got whole, and that was signed, has been audited.
func (f *field) settled() {
	f.t.Helper()
	for until := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		c := f.counts()
		if c.Drawn+uint64(f.unsigned.Load()) >= uint64(f.whole.Load()) && c.Right+c.False+c.Near+c.Void+c.Unknown+c.LetGo+f.restarts >= c.Drawn {
			return
		}
		if time.Now().After(until) {
			f.t.Fatalf("of %d answers some are not audited: %+v", f.whole.Load(), c)
		}
	}
}

// A server that was honest is closed if another model comes back after a kill.
func TestAServerThatComesBackWithAnotherModelIsClosed(t *testing.T) {
	f := newField(t, 1)
	stop := f.consumers(2)
	f.end(0, syscall.SIGKILL)
	f.serve(0, f.path)
	f.end(0, syscall.SIGKILL)
	before := f.counts()
	f.serve(0, weights(t, 2))
	closed := func() bool { return f.auditor.Standing(ServerID{1, 0, 5}, digestOf(t, f.engine)).Closed }
	for began := time.Now(); !closed() && time.Since(began) < time.Minute; {
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	if !closed() || before.False > 0 {
		t.Errorf("closed %t; before %+v, then %+v", closed(), before, f.counts())
	}
}

func plus(a, b Counts) Counts {
	return Counts{
		a.Answers + b.Answers, a.Drawn + b.Drawn, a.Right + b.Right, a.False + b.False, a.Near + b.Near, a.Void + b.Void,
		a.Unknown + b.Unknown, a.LetGo + b.LetGo,
	}
}

func digestOf(t *testing.T, e *llm.Engine) [32]byte {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimPrefix(e.Info().Digest, "sha256:"))
	if err != nil || len(b) != 32 {
		t.Fatalf("%q: %v", e.Info().Digest, err)
	}
	return [32]byte(b)
}
