package miner

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"agora/wire"
)

func hotKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func pub(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

func openHub(t *testing.T, name string) (*wire.Hub, Endpoint) {
	t.Helper()
	h, err := wire.Listen("127.0.0.1:0", hotKey(name), func(uint32, ed25519.PublicKey) error { return nil }, wire.Options{Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h, Endpoint{HotKey: pub(hotKey(name)), Addr: h.Addr()}
}

// book is a directory that a test rewrites.
type book struct {
	mu   sync.Mutex
	list []Endpoint
	err  error
}

func (b *book) Validators(context.Context) ([]Endpoint, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.list, b.err
}

func (b *book) write(err error, list ...Endpoint) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list, b.err = list, err
}

func run(t *testing.T, d Directory, h http.Handler) *Miner {
	t.Helper()
	m, err := New(Config{
		Key: hotKey("miner"), NetUID: 1, Handler: h, Directory: d, AllowPrivate: true,
		Poll: 5 * time.Millisecond, MaxBackoff: 20 * time.Millisecond, Log: quiet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, m)
	return m
}

// serve runs a miner until the test ends.
func serve(t *testing.T, m *Miner) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestMinerServesEveryValidatorOfTheDirectory(t *testing.T) {
	a, atA := openHub(t, "a")
	b, atB := openHub(t, "b")
	s := NewServer(euro(), Options{Log: quiet()})
	m := run(t, Static{atA, atB, atA, {HotKey: nil, Addr: "127.0.0.1:1"}}, s)
	me := pub(hotKey("miner"))
	eventually(t, "both hubs list the miner", func() bool { return a.Connected(1, me) && b.Connected(1, me) })
	for _, h := range []*wire.Hub{a, b} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://miner/v1/models", nil)
		resp, err := h.RoundTripper(1, me).RoundTrip(r)
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		resp.Body.Close()
	}
	if got := m.Connections(); len(got) != 2 || !got[0].Connected || got[0].Reason != "" {
		t.Fatalf("%+v", got)
	}
}

func TestOfficialClientStreamsOverTheWire(t *testing.T) {
	a, at := openHub(t, "a")
	s := NewServer(euro(), Options{Log: quiet()})
	run(t, Static{at}, s)
	me := pub(hotKey("miner"))
	eventually(t, "the hub lists the miner", func() bool { return a.Connected(1, me) })
	c := openai.NewClient(option.WithBaseURL("http://miner/v1"), option.WithAPIKey("none"), option.WithMaxRetries(0),
		option.WithHTTPClient(&http.Client{Transport: a.RoundTripper(1, me)}))
	for range 20 {
		stream := c.Chat.Completions.NewStreaming(t.Context(), ask())
		var acc openai.ChatCompletionAccumulator
		for stream.Next() {
			acc.AddChunk(stream.Current())
		}
		if err := stream.Err(); err != nil || acc.Choices[0].Message.Content != "a€!" {
			t.Fatalf("%+v, %v", acc.Choices, err)
		}
	}
	eventually(t, "nothing is in flight", func() bool { return a.Peers()[0].InFlight == 0 })
	if got := s.Stats().Served; got != 20 {
		t.Fatalf("%d served", got)
	}
}

func TestMinerFollowsTheDirectory(t *testing.T) {
	a, atA := openHub(t, "a")
	b, atB := openHub(t, "b")
	d := &book{}
	d.write(nil, atA)
	run(t, d, NewServer(euro(), Options{Log: quiet()}))
	me := pub(hotKey("miner"))
	eventually(t, "a lists the miner", func() bool { return a.Connected(1, me) })
	d.write(nil, atB)
	eventually(t, "the miner moved to b", func() bool { return !a.Connected(1, me) && b.Connected(1, me) })
}

func TestUnreadableDirectoryKeepsTheConnections(t *testing.T) {
	a, atA := openHub(t, "a")
	d := &book{}
	d.write(nil, atA)
	run(t, d, NewServer(euro(), Options{Log: quiet()}))
	me := pub(hotKey("miner"))
	eventually(t, "a lists the miner", func() bool { return a.Connected(1, me) })
	since := a.Peers()[0].Since
	asked := make(chan struct{}, 100)
	d.write(errors.New("the node is restarting"))
	for range 10 { // ten looks at a directory that fails
		time.AfterFunc(5*time.Millisecond, func() { asked <- struct{}{} })
		<-asked
	}
	if peers := a.Peers(); len(peers) != 1 || !peers[0].Since.Equal(since) {
		t.Fatalf("%+v", peers)
	}
}

func TestConnectionSaysWhyItIsDown(t *testing.T) {
	_, at := openHub(t, "a")
	at.HotKey = pub(hotKey("somebody else"))
	m := run(t, Static{at}, NewServer(euro(), Options{Log: quiet()}))
	eventually(t, "the reason is known", func() bool {
		c := m.Connections()
		return len(c) == 1 && !c[0].Connected && len(c[0].Reason) > len("connecting")
	})
}

func TestMinerNeedsAKeyAHandlerAndADirectory(t *testing.T) {
	good := Config{Key: hotKey("m"), Handler: http.NotFoundHandler(), Directory: Static{}}
	for name, edit := range map[string]func(*Config){
		"key":       func(c *Config) { c.Key = nil },
		"handler":   func(c *Config) { c.Handler = nil },
		"directory": func(c *Config) { c.Directory = nil },
	} {
		c := good
		edit(&c)
		if _, err := New(c); err == nil {
			t.Errorf("no error without a %s", name)
		}
	}
}

// TestTwoProgramsWithOneKeyEndWithAReason lets two miners of one key fight over a validator.
func TestTwoProgramsWithOneKeyEndWithAReason(t *testing.T) {
	_, at := openHub(t, "a")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ended := make(chan error, 2)
	for range 2 {
		m, err := New(Config{
			Key: hotKey("miner"), NetUID: 1, Handler: NewServer(euro(), Options{Log: quiet()}), Directory: Static{at}, AllowPrivate: true,
			Poll: 5 * time.Millisecond, MaxBackoff: 20 * time.Millisecond, Log: quiet(),
		})
		if err != nil {
			t.Fatal(err)
		}
		go func() { ended <- m.Run(ctx) }()
	}
	if err := <-ended; !errors.Is(err, ErrShared) {
		t.Fatalf("the first to end says %v", err)
	}
	cancel() // the other may go on alone
	if err := <-ended; err != nil && !errors.Is(err, ErrShared) {
		t.Fatal(err)
	}
}
