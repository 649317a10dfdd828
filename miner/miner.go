package miner

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"agora/wire"
	"agora/wire/receipt"
)

// Endpoint is where a validator accepts miners.
type Endpoint struct {
	HotKey ed25519.PublicKey // the only key that may answer there
	Addr   string            // "host:port"
}

// Directory lists the validators to serve; a validator with several gateways has several entries.
type Directory interface {
	Validators(ctx context.Context) ([]Endpoint, error)
}

// Static is a directory that never changes.
type Static []Endpoint

// Validators returns the list itself.
func (s Static) Validators(context.Context) ([]Endpoint, error) { return s, nil }

// Config says who the miner is and whom it serves. Zero values take the defaults named beside them.
type Config struct {
	Key           ed25519.PrivateKey // the miner's hot key
	NetUID        uint32             // the subnet that it serves
	Handler       http.Handler       // most often a Server
	Meter         *Meter             // who pays for it; nil where nobody does
	Directory     Directory
	Seat          func() (Seat, bool)                   // for which answers are signed; none are where it is nil or says that there is none
	Part          func(voice ed25519.PublicKey) float64 // of the stake of all voices that one has, 0 where that is not known; nil knows none
	AllowPrivate  bool                                  // serve validators on private and loopback addresses: local networks only
	Poll          time.Duration                         // between looks at the directory; 5 s
	MaxValidators int                                   // entries of the directory served, the first ones; 256
	MaxBackoff    time.Duration                         // between tries to connect; 15 s
	Log           *slog.Logger                          // slog.Default()
}

func (c Config) withDefaults() Config {
	if c.Poll <= 0 {
		c.Poll = 5 * time.Second
	}
	if c.MaxValidators <= 0 {
		c.MaxValidators = 256
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// Connection is the state of one entry of the directory. Reason says why it is not connected.
type Connection struct {
	Endpoint
	Connected bool
	Since     time.Time // of the present state
	Reason    string
}

// ErrShared ends a miner whose hot key another program uses too: they would throw each other off for ever.
var ErrShared = errors.New("miner: another program serves with this hot key and the two throw each other off: stop one of them, or give one --hot-key FILE of its own")

// A validator that throws a miner off so many times, each within the time after the last, has another program there.
const (
	maxReplaced   = 3
	replacedApart = 2 * time.Minute
)

// Miner keeps one connection to each validator of a directory.
type Miner struct {
	Config
	signer *receipt.Signer
	mu     sync.Mutex
	links  map[place]*link
	end    context.CancelCauseFunc // of Run
}

// place identifies an endpoint: the same address under another key is another endpoint.
type place struct {
	key  [ed25519.PublicKeySize]byte
	addr string
}

type link struct {
	state    Connection
	stop     context.CancelFunc
	replaced int // times in a row that another program with this key came in its place
}

// New checks the configuration; Run does the work.
func New(c Config) (*Miner, error) {
	if len(c.Key) != ed25519.PrivateKeySize {
		return nil, errors.New("miner: a hot key is needed")
	}
	if c.Handler == nil || c.Directory == nil {
		return nil, errors.New("miner: a handler and a directory are needed")
	}
	return &Miner{Config: c.withDefaults(), signer: receipt.NewSigner(c.Key), links: map[place]*link{}, end: func(error) {}}, nil
}

// Run follows the directory until ctx ends, then closes every connection, waits for the requests being answered and
// returns nil. While the directory cannot be read, the connections stay as they are. ErrShared ends it too.
func (m *Miner) Run(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	m.mu.Lock()
	m.end = end
	m.mu.Unlock()
	var wg sync.WaitGroup
	defer wg.Wait()
	tick := time.NewTicker(m.Poll)
	defer tick.Stop()
	failing := false
	for {
		list, err := m.Directory.Validators(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			m.Log.Warn("cannot read the directory of validators, keeping the connections there are", "err", err)
		}
		if failing = err != nil; !failing {
			m.follow(ctx, &wg, list)
		}
		select {
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), ErrShared) {
				return ErrShared
			}
			return nil
		case <-tick.C:
		}
	}
}

// Connections lists the state of every validator being served, in no particular order.
func (m *Miner) Connections() []Connection {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]Connection, 0, len(m.links))
	for _, l := range m.links {
		list = append(list, l.state)
	}
	return list
}

// follow starts links to new endpoints and stops those that are no longer listed.
func (m *Miner) follow(ctx context.Context, wg *sync.WaitGroup, list []Endpoint) {
	if len(list) > m.MaxValidators {
		list = list[:m.MaxValidators]
	}
	listed := map[place]bool{}
	for _, e := range list {
		if len(e.HotKey) != ed25519.PublicKeySize {
			continue // nobody can answer for it
		}
		at := place{[ed25519.PublicKeySize]byte(e.HotKey), e.Addr}
		if !listed[at] {
			listed[at] = true
			m.start(ctx, wg, at, e)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for at, l := range m.links {
		if !listed[at] {
			l.stop()
			delete(m.links, at)
		}
	}
}

func (m *Miner) start(ctx context.Context, wg *sync.WaitGroup, at place, e Endpoint) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.links[at] != nil {
		return
	}
	ctx, stop := context.WithCancel(ctx)
	l := &link{state: Connection{Endpoint: e, Since: time.Now(), Reason: "connecting"}, stop: stop}
	m.links[at] = l
	wg.Go(func() {
		defer stop()
		if err := wire.Serve(ctx, m.serveConfig(l)); err != nil {
			m.Log.Warn("validator's entry in the directory cannot be used", "addr", e.Addr, "err", err)
			m.note(l, false, err)
		}
	})
}

func (m *Miner) serveConfig(l *link) wire.ServeConfig {
	voice := l.state.HotKey
	return wire.ServeConfig{
		Key: m.Key, NetUID: m.NetUID, Validator: voice, Addr: l.state.Addr, Handler: m.signed(voice, m.Meter.For(voice, m.asked([32]byte(voice), m.Handler))),
		AllowPrivate: m.AllowPrivate, MaxBackoff: m.MaxBackoff, Log: m.Log,
		OnChange: func(connected bool, reason error) { m.note(l, connected, reason) },
	}
}

func (m *Miner) note(l *link, connected bool, reason error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if errors.Is(reason, wire.ErrReplaced) {
		m.countReplaced(l)
	}
	if l.state.Connected != connected {
		l.state.Since = time.Now()
	}
	l.state.Connected, l.state.Reason = connected, ""
	if reason != nil {
		l.state.Reason = reason.Error()
	}
}

// countReplaced notes that another program came in this link's place, and ends the miner where that goes on. The lock is held.
func (m *Miner) countReplaced(l *link) {
	if time.Since(l.state.Since) > replacedApart {
		l.replaced = 0
	}
	l.replaced++
	m.Log.Warn("another program connected with this hot key", "validator", l.state.Addr, "times", l.replaced)
	if l.replaced >= maxReplaced {
		m.end(ErrShared)
	}
}
