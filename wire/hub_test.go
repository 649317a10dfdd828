package wire

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestMinerAnswersOverTheConnectionItDialled(t *testing.T) {
	checkNoLeak(t)
	h := openHub(t, everyone, Options{})
	_, client := connect(t, h, "a", echo)
	for i := range 50 {
		want := fmt.Sprintf("request %d", i)
		if got := ask(t, client, want); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	peers := h.Peers()
	if len(peers) != 1 || !peers[0].Key.Equal(public25519(hotKey("a"))) || peers[0].InFlight != 0 {
		t.Fatalf("peers: %+v", peers)
	}
}

func TestUnlistedMinerLearnsWhy(t *testing.T) {
	checkNoLeak(t)
	h := openHub(t, func(uint32, ed25519.PublicKey) error {
		return errors.New("hot key is in no subnet: register it first\n")
	}, Options{})
	m := startMiner(t, h, "a", echo)
	s := m.next(t)
	if s.connected || !errors.Is(s.reason, ErrRefused) || !strings.Contains(s.reason.Error(), "register it first") {
		t.Fatalf("state: %+v", s)
	}
	if len(h.Peers()) != 0 {
		t.Fatal("a refused miner is listed")
	}
}

func TestMinerComesInOnceAllowed(t *testing.T) {
	var listed atomic.Bool
	h := openHub(t, func(uint32, ed25519.PublicKey) error {
		if !listed.Load() {
			return errors.New("not registered")
		}
		return nil
	}, Options{})
	m := startMiner(t, h, "a", echo)
	if s := m.next(t); s.connected {
		t.Fatal("connected before it was listed")
	}
	listed.Store(true)
	eventually(t, "the miner is connected", func() bool { return h.Connected(1, public25519(hotKey("a"))) })
}

func TestRecheckDropsMinersNoLongerAllowed(t *testing.T) {
	var banned atomic.Bool
	h := openHub(t, func(_ uint32, k ed25519.PublicKey) error {
		if banned.Load() && k.Equal(public25519(hotKey("a"))) {
			return errors.New("deregistered")
		}
		return nil
	}, Options{})
	a, _ := connect(t, h, "a", echo)
	_, clientB := connect(t, h, "b", echo)
	banned.Store(true)
	h.Recheck()
	if s := a.next(t); !s.connected {
		t.Fatalf("first state: %+v", s)
	}
	if s := a.next(t); s.connected || !errors.Is(s.reason, ErrDropped) {
		t.Fatalf("a was told %v", s.reason)
	}
	if h.Connected(1, public25519(hotKey("a"))) {
		t.Fatal("a is still connected")
	}
	if got := ask(t, clientB, "b lives"); got != "b lives" {
		t.Fatal(got)
	}
}

func TestNewestConnectionOfAHotKeyWins(t *testing.T) {
	h := openHub(t, everyone, Options{})
	old := startMiner(t, h, "a", named("old"), func(c *ServeConfig) { c.MinBackoff, c.MaxBackoff = time.Hour, time.Hour })
	if s := old.next(t); !s.connected {
		t.Fatalf("old: %v", s.reason)
	}
	startMiner(t, h, "a", named("new"))
	if s := old.next(t); !errors.Is(s.reason, ErrReplaced) {
		t.Fatalf("old was told %v", s.reason)
	}
	client := &http.Client{Transport: h.RoundTripper(1, public25519(hotKey("a")))}
	if got := ask(t, client, ""); got != "new" {
		t.Fatalf("answered by %q", got)
	}
	if n := len(h.Peers()); n != 1 {
		t.Fatalf("%d peers", n)
	}
}

func named(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(name)) })
}

func TestMinerReconnectsAfterTheValidatorRestarts(t *testing.T) {
	checkNoLeak(t)
	first, err := Listen("127.0.0.1:0", hotKey("validator"), everyone, Options{Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	addr := first.Addr()
	m := startMiner(t, first, "a", echo)
	if s := m.next(t); !s.connected {
		t.Fatal(s.reason)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if s := m.next(t); s.connected || !errors.Is(s.reason, ErrClosing) {
		t.Fatalf("miner was told %v", s.reason)
	}
	second, err := Listen(addr, hotKey("validator"), everyone, Options{Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	eventually(t, "the miner is back", func() bool { return second.Connected(1, public25519(hotKey("a"))) })
}

func TestOnChangeTellsComingAndGoingInOrder(t *testing.T) {
	var mu sync.Mutex
	var seen []bool
	h := openHub(t, everyone, Options{OnChange: func(_ ed25519.PublicKey, up bool) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, up)
	}})
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(seen) }
	for i := range 5 {
		m, _ := connect(t, h, "a", echo)
		m.stop()
		eventually(t, "the hub noticed", func() bool { return count() == 2*(i+1) })
	}
	for i, up := range seen {
		if up != (i%2 == 0) {
			t.Fatalf("order: %v", seen)
		}
	}
}

func TestFullHubRefusesWithAReason(t *testing.T) {
	h := openHub(t, everyone, Options{MaxConns: 2})
	connect(t, h, "a", echo)
	connect(t, h, "b", echo)
	s := startMiner(t, h, "c", echo).next(t)
	if s.connected || !strings.Contains(fmt.Sprint(s.reason), ErrFull.Error()) {
		t.Fatalf("state: %+v", s)
	}
	// The ones inside may still come back.
	m, client := connect(t, h, "a", named("again"))
	if s := m.next(t); !s.connected {
		t.Fatal(s.reason)
	}
	eventually(t, "the newer connection answers", func() bool {
		resp, err := client.Post("http://miner/v1/chat/completions", "application/json", nil)
		if err != nil { // the older one is thrown off, and comes back as well
			return false
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		return err == nil && string(text) == "again"
	})
}

func TestConnectionsPerAddressAreLimited(t *testing.T) {
	h := openHub(t, everyone, Options{MaxPerAddress: 3})
	for i := range 3 {
		connect(t, h, fmt.Sprint("m", i), echo)
	}
	if s := startMiner(t, h, "one too many", echo).next(t); s.connected {
		t.Fatal("a fourth connection of one address came in")
	}
	if n := len(h.Peers()); n != 3 {
		t.Fatalf("%d peers", n)
	}
}

func TestSilentConnectionsAreDroppedAndLeaveTheDoorOpen(t *testing.T) {
	checkNoLeak(t)
	h := openHub(t, everyone, Options{MaxHandshakes: 4, HandshakeTimeout: 200 * time.Millisecond})
	var conns []net.Conn
	for range 12 {
		c, err := net.Dial("tcp", h.Addr())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	for _, c := range conns {
		c.SetReadDeadline(time.Now().Add(patience))
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, net.ErrClosed) || isTimeout(err) {
			t.Fatalf("the hub did not close a silent connection: %v", err)
		}
		c.Close()
	}
	_, client := connect(t, h, "a", echo)
	ask(t, client, "hello")
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func TestRequestToAnAbsentMinerFailsAtOnce(t *testing.T) {
	h := openHub(t, everyone, Options{})
	_, err := (&http.Client{Transport: h.RoundTripper(1, public25519(hotKey("nobody")))}).Get("http://miner/")
	if !errors.Is(err, ErrNotConnected) {
		t.Fatalf("got %v", err)
	}
}

func TestListenOnAPortInUseSaysSo(t *testing.T) {
	h := openHub(t, everyone, Options{})
	_, err := Listen(h.Addr(), hotKey("validator"), everyone, Options{})
	if err == nil || !strings.Contains(err.Error(), h.Addr()) {
		t.Fatalf("got %v", err)
	}
}
