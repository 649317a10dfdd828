package wire

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for something that must happen; a passing test never uses it up.
const patience = 10 * time.Second

func hotKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func public25519(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func everyone(uint32, ed25519.PublicKey) error { return nil }

func openHub(t testing.TB, allow Admission, opt Options) *Hub {
	t.Helper()
	if opt.Log == nil {
		opt.Log = quiet()
	}
	h, err := Listen("127.0.0.1:0", hotKey("validator"), allow, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("close hub: %v", err)
		}
	})
	return h
}

// state is one call of OnChange.
type state struct {
	connected bool
	reason    error
}

type miner struct {
	states chan state
	stop   func() // ends Serve and waits for it
}

func startMiner(t testing.TB, h *Hub, name string, handler http.Handler, edit ...func(*ServeConfig)) *miner {
	t.Helper()
	m := &miner{states: make(chan state, 64)}
	c := ServeConfig{
		Key: hotKey(name), NetUID: 1, Validator: public25519(hotKey("validator")), Addr: h.Addr(), Handler: handler,
		AllowPrivate: true, MinBackoff: 5 * time.Millisecond, MaxBackoff: 20 * time.Millisecond, Log: quiet(),
		OnChange: func(connected bool, reason error) {
			select {
			case m.states <- state{connected, reason}:
			default: // the test has seen enough
			}
		},
	}
	for _, f := range edit {
		f(&c)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := Serve(ctx, c); err != nil {
			t.Errorf("serve: %v", err)
		}
	}()
	m.stop = func() { cancel(); <-done }
	t.Cleanup(m.stop)
	return m
}

// next waits for the miner's next change of state.
func (m *miner) next(t testing.TB) state {
	t.Helper()
	select {
	case s := <-m.states:
		return s
	case <-time.After(patience):
		t.Fatal("the miner's state did not change")
		return state{}
	}
}

// connect starts a miner and waits until the hub lists it.
func connect(t testing.TB, h *Hub, name string, handler http.Handler, edit ...func(*ServeConfig)) (*miner, *http.Client) {
	t.Helper()
	m := startMiner(t, h, name, handler, edit...)
	key := public25519(hotKey(name))
	eventually(t, "the hub lists the miner", func() bool { return h.Connected(1, key) })
	return m, &http.Client{Transport: h.RoundTripper(1, key)}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never came true: %s", what)
}

// echo answers with the request's body.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Write(body)
})

func ask(t testing.TB, c *http.Client, body string) string {
	t.Helper()
	resp, err := c.Post("http://miner/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", resp.StatusCode, got)
	}
	return string(got)
}

// checkNoLeak fails the test if goroutines are left over once everything registered after it has been cleaned up.
func checkNoLeak(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			if runtime.NumGoroutine() <= before {
				return
			}
		}
		buf := make([]byte, 1<<20)
		t.Errorf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
	})
}
