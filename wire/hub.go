package wire

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Errors of a hub. ErrBusy and ErrNotConnected reach the caller of RoundTrip; the others reach the miner as a sentence.
var (
	ErrNotConnected = errors.New("wire: miner is not connected")
	ErrBusy         = errors.New("wire: too many requests are already open to this miner")
	ErrFull         = errors.New("validator holds as many connections as it can, try again later")
	ErrClosing      = errors.New("validator is shutting down")
)

// Options bound what strangers can cost a hub. Zero values take the defaults named beside them.
type Options struct {
	MaxConns         int           // miners connected at once; 4096
	MaxPerAddress    int           // connections from one IP address (IPv6: one /64); 256
	MaxHandshakes    int           // handshakes going on at once; 256. Beyond it a new connection is closed at once
	MaxGreeting      int           // of these from one address; 32
	HandshakeTimeout time.Duration // for TLS and greeting together; 10 s
	MaxStreams       int           // requests open to one miner at once, beyond it ErrBusy; 4096
	IdleStreams      int           // streams kept open per miner between requests; 64
	IdleTimeout      time.Duration // after which an unused stream is closed; 60 s
	Known            string        // file of the addresses from which miners came, for whom places are kept; none

	// OnChange is told when a miner comes and goes, one call at a time and in order. It must not block or call Close.
	OnChange func(key ed25519.PublicKey, connected bool)
	Log      *slog.Logger // slog.Default()
}

func (o Options) withDefaults() Options {
	set(&o.MaxConns, 4096)
	set(&o.MaxPerAddress, 256)
	set(&o.MaxHandshakes, 256)
	set(&o.MaxGreeting, 32)
	set(&o.HandshakeTimeout, 10*time.Second)
	set(&o.MaxStreams, 4096)
	set(&o.IdleStreams, 64)
	set(&o.IdleTimeout, time.Minute)
	if o.OnChange == nil {
		o.OnChange = func(ed25519.PublicKey, bool) {}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

func set[T int | time.Duration](v *T, byDefault T) {
	if *v <= 0 {
		*v = byDefault
	}
}

// Admission says whether a hot key may serve a subnet here. It is asked concurrently; its error is sent to the miner, so it should
// say what the miner can do.
type Admission func(netuid uint32, key ed25519.PublicKey) error

// Peer is a connected miner.
type Peer struct {
	NetUID     uint32
	Key        ed25519.PublicKey
	Since      time.Time
	RemoteAddr string
	InFlight   int // requests open to it now
}

// Hub is the validator's end: it accepts miners and carries requests to them. A hot key has one connection in each subnet;
// the newest wins, since the older one is most often the dead half of a network that failed.
type Hub struct {
	opt    Options
	allow  Admission
	tls    *tls.Config
	l      net.Listener
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup
	door   door // handshakes going on

	change sync.Mutex   // held over a join or leave together with its OnChange call, so that calls come in order
	mu     sync.RWMutex // guards the maps
	peers  map[place]*peer
	byAddr map[netip.Addr]int
}

// Listen opens a hub on a TCP address. allow is asked about every miner that connects, and again by Recheck.
func Listen(addr string, key ed25519.PrivateKey, allow Admission, opt Options) (*Hub, error) {
	cfg, err := pinned(key, anyKey)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("wire: listen on %s: %w", addr, err)
	}
	opt = opt.withDefaults()
	h := &Hub{
		opt: opt, allow: allow, tls: cfg, l: l,
		door:   newDoor(opt.MaxHandshakes, opt.MaxGreeting),
		peers:  map[place]*peer{},
		byAddr: map[netip.Addr]int{},
	}
	if err := h.door.remember(opt.Known); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.wg.Go(h.accept)
	h.wg.Go(h.sweep)
	return h, nil
}

// Addr is where the hub listens, "host:port".
func (h *Hub) Addr() string { return h.l.Addr().String() }

// Connected says whether a miner with this hot key is connected now for this subnet.
func (h *Hub) Connected(netuid uint32, key ed25519.PublicKey) bool { return h.find(netuid, key) != nil }

// Peers lists the connected miners in no particular order.
func (h *Hub) Peers() []Peer {
	h.mu.RLock()
	defer h.mu.RUnlock()
	list := make([]Peer, 0, len(h.peers))
	for _, p := range h.peers {
		list = append(list, p.describe())
	}
	return list
}

// RoundTripper carries HTTP requests to the miner with this hot key in this subnet, over whatever connection it has at the time.
// The host in the URL is only a label. Cancelling the request's context closes its stream, which cancels the miner's
// work; a context deadline bounds the wait for the header and the body alike. Redirects are not followed.
func (h *Hub) RoundTripper(netuid uint32, key ed25519.PublicKey) http.RoundTripper {
	return transport{hub: h, netuid: netuid, key: key}
}

// Recheck asks allow about every connected miner again and drops those it no longer accepts.
func (h *Hub) Recheck() {
	for _, p := range h.snapshot() {
		if err := h.allow(p.netuid, p.key); err != nil {
			h.opt.Log.Info("miner dropped", "peer", PeerID(p.key), "reason", err)
			h.wg.Go(func() {
				h.leave(p) // before the miner hears of it
				p.end(codeNotAllowed)
			})
		}
	}
}

// Close drops every miner, fails the requests under way and waits for all of the hub's goroutines.
func (h *Hub) Close() error {
	h.cancel()
	err := h.l.Close()
	for _, p := range h.snapshot() {
		h.wg.Go(func() { p.end(codeShutdown) })
	}
	h.wg.Wait()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return errors.Join(err, h.door.kept.close())
}

// place is where a miner stands: its key in a subnet.
type place struct {
	netuid uint32
	key    [ed25519.PublicKeySize]byte
}

func (h *Hub) find(netuid uint32, key ed25519.PublicKey) *peer {
	if len(key) != ed25519.PublicKeySize {
		return nil
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.peers[place{netuid, [ed25519.PublicKeySize]byte(key)}]
}

func (h *Hub) snapshot() []*peer {
	h.mu.RLock()
	defer h.mu.RUnlock()
	list := make([]*peer, 0, len(h.peers))
	for _, p := range h.peers {
		list = append(list, p)
	}
	return list
}

// sweep closes streams that nobody used for a while, until the hub closes.
func (h *Hub) sweep() {
	tick := time.NewTicker(h.opt.IdleTimeout / 2)
	defer tick.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-tick.C:
			for _, p := range h.snapshot() {
				p.expire(time.Now().Add(-h.opt.IdleTimeout))
			}
		}
	}
}
