package gateway

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"agora/wire/blob"
	"agora/wire/http1"
	"agora/wire/openai"
)

// Gateway serves consumers. It is an http.Handler for /v1/…, /healthz and /metrics.
type Gateway struct {
	Config
	table       atomic.Pointer[table] // replaced whole; nil until the first Refresh
	slots       chan struct{}         // requests open now
	claims      claims
	unchecked   chan *unchecked // answers whose receipts wait
	buffered    atomic.Int64    // bytes of bodies being served
	metrics     *metrics
	sessions    sessions // of consumers who pay by channel
	hedges      *hedges
	scrape      http.Handler
	generations generations // that were given lately

	mu     sync.Mutex // guards health
	health map[[ed25519.PublicKeySize]byte]*health
}

// New makes a gateway. It serves 503 until the first Refresh; Run does it in a loop.
func New(c Config) (*Gateway, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	g := &Gateway{Config: c, slots: make(chan struct{}, c.MaxInFlight), unchecked: make(chan *unchecked, maxUnchecked), health: map[[ed25519.PublicKeySize]byte]*health{}}
	if err := g.claims.open(c.Names); err != nil {
		return nil, fmt.Errorf("gateway: names of models: %w", err)
	}
	g.metrics, g.hedges = newMetrics(g.age), newHedges(c.Hedges)
	g.metrics.registry.MustRegister(append(c.Gauges, g.hedges.total)...)
	g.scrape = promhttp.HandlerFor(g.metrics.registry, promhttp.HandlerOpts{})
	return g, nil
}

// Server is a server for this gateway, or for a handler that contains it, with the time limits that a public
// server needs. It has no limit on the whole answer: a stream may take long, as long as its client takes it.
func Server(h http.Handler) *http1.Server {
	return &http1.Server{Handler: h, HeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10}
}

// Run keeps the ranking fresh and checks receipts until ctx ends. While the ranking cannot be read, the last one stays in force.
func (g *Gateway) Run(ctx context.Context) {
	if g.Proofs != nil {
		var checker sync.WaitGroup
		defer checker.Wait()
		checker.Go(func() { g.check(ctx) })
	}
	tick := time.NewTicker(g.Refresh)
	defer tick.Stop()
	failing := false
	for {
		err := g.Update(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			g.Log.Warn("cannot read the ranking, the last one stays in force", "err", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Update reads the ranking once. Requests under way keep the one they began with.
func (g *Gateway) Update(ctx context.Context) error {
	subnets, err := g.Ranking.Standings(ctx)
	if err != nil {
		return fmt.Errorf("gateway: ranking: %w", err)
	}
	for _, s := range subnets {
		for _, m := range s.Miners {
			if len(m.HotKey) != ed25519.PublicKeySize {
				return fmt.Errorf("gateway: ranking: miner %d of subnet %d has a hot key of %d bytes", m.UID, s.NetUID, len(m.HotKey))
			}
		}
	}
	t := newTable(subnets, g.healthOf, &g.claims, g.TierWidth, time.Now())
	if err := g.claims.save(); err != nil {
		return fmt.Errorf("gateway: names of models: %w", err)
	}
	g.table.Store(t)
	g.forget(subnets)
	return nil
}

func (g *Gateway) healthOf(key ed25519.PublicKey) *health {
	g.mu.Lock()
	defer g.mu.Unlock()
	id := [ed25519.PublicKeySize]byte(key)
	h := g.health[id]
	if h == nil {
		h = &health{}
		g.health[id] = h
	}
	return h
}

// Busy says whether consumers are being answered by the miner with this hot key now.
func (g *Gateway) Busy(key ed25519.PublicKey) bool {
	g.mu.Lock()
	h := g.health[[ed25519.PublicKeySize]byte(key)]
	g.mu.Unlock()
	return h != nil && !h.idle()
}

// forget drops what is known of miners that left.
func (g *Gateway) forget(subnets []Subnet) {
	g.mu.Lock()
	defer g.mu.Unlock()
	here := make(map[[ed25519.PublicKeySize]byte]bool, len(g.health))
	for _, s := range subnets {
		for _, m := range s.Miners {
			here[[ed25519.PublicKeySize]byte(m.HotKey)] = true
		}
	}
	for id, h := range g.health {
		if !here[id] && h.idle() {
			delete(g.health, id)
		}
	}
}

func (g *Gateway) age() time.Duration {
	if t := g.table.Load(); t != nil {
		return time.Since(t.at)
	}
	return 0
}

// Serves says whether a request is the gateway's, of a server that shows other pages too: those are only read.
func Serves(r *http.Request) bool {
	if r.Method == http.MethodPost {
		return true
	}
	path := clean(r.URL.Path)
	return path == "/v1" || strings.HasPrefix(path, "/v1/") || path == "/healthz" || path == "/metrics" || isBare(path)
}

// clean drops empty parts of a path: base URLs that end in a slash make them.
func clean(p string) string { return path.Clean("/" + p) }

// ServeHTTP answers a consumer.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	came := arrival{arrived: time.Now(), id: requestID()}
	said := linesOf(w)
	said.set("X-Request-Id", came.id)
	defer g.survive(w)
	path := r.URL.Path
	d, ok := doors[path]
	if !ok {
		path = clean(path)
		d, ok = doors[path]
	}
	if g.cors(w, r) {
		return
	}
	if ok {
		g.through(d, w, r, came)
		return
	}
	switch {
	case path == "/v1/pay/channel":
		g.only(http.MethodGet, w, r, func() { g.showChannel(w, r) })
	case path == "/v1/pay/voucher":
		g.only(http.MethodPost, w, r, func() { g.takeVoucher(w, r) })
	case path == "/v1/pay/credit":
		g.only(http.MethodPost, w, r, func() { g.takeCredit(w, r) })
	case path == "/v1/pay/spending":
		g.only(http.MethodGet, w, r, func() { g.showSpending(w, r) })
	case g.Weights != nil && blob.Serves(path):
		g.only(http.MethodGet, w, r, func() { g.Weights.ServeHTTP(w, r) })
	case path == "/v1/models" || strings.HasPrefix(path, "/v1/models/"):
		g.only(http.MethodGet, w, r, func() { g.models(w, r) })
	case path == "/v1/generation":
		g.only(http.MethodGet, w, r, func() { g.showGeneration(w, r) })
	case strings.HasPrefix(path, "/v1/receipts/"):
		g.only(http.MethodGet, w, r, func() { g.receiptOf(w, strings.TrimPrefix(path, "/v1/receipts/")) })
	case path == "/healthz":
		g.only(http.MethodGet, w, r, func() { g.healthz(w) })
	case path == "/metrics":
		g.only(http.MethodGet, w, r, func() { g.scrape.ServeHTTP(w, r) })
	default:
		g.unknownPath(w, path)
	}
}

// cors lets web pages of any origin ask: keys are bearer, so a page has nothing that its reader did not give it. True says
// that the request was a browser's question whether it may ask, and is answered.
func (g *Gateway) cors(w http.ResponseWriter, r *http.Request) bool {
	if g.NoCORS || r.Method == http.MethodPost && r.Header["Origin"] == nil { // no browser asks, and nobody keeps the answer for one
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Retry-After, X-Request-Id, X-Generation-Id, Traceparent, X-Should-Retry, X-Ratelimit-Limit-Requests, X-Ratelimit-Remaining-Requests, X-Ratelimit-Reset-Requests, X-Ratelimit-Limit-Tokens, X-Ratelimit-Remaining-Tokens, X-Ratelimit-Reset-Tokens, X-Agora-Miner, X-Agora-Model, X-Agora-Subnet, X-Agora-Rank, X-Agora-Receipt, X-Agora-Verified, X-Agora-Overhead-Us, Payment-Required, Payment-Response")
	if r.Method != http.MethodOptions {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS")
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" { // "*" would not cover Authorization
		h.Set("Access-Control-Allow-Headers", asked)
	}
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// only serves one method; who may GET may ask for the HEAD.
func (g *Gateway) only(method string, w http.ResponseWriter, r *http.Request, serve func()) {
	if r.Method == method || method == http.MethodGet && r.Method == http.MethodHead {
		serve()
		return
	}
	w.Header().Set("Allow", method)
	g.deny(w, openai.Errorf(http.StatusMethodNotAllowed, "%s takes %s, not %s", r.URL.Path, method, r.Method).
		WithCode("method_not_allowed"), 0)
}

// survive turns a panic into a 500, if the answer has not begun, and into a closed connection otherwise.
func (g *Gateway) survive(w http.ResponseWriter) {
	p := recover()
	if p == nil {
		return
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	g.Log.Error("request failed", "request", w.Header().Get("X-Request-Id"), "panic", p)
	if w.Header().Get("X-Agora-Subnet") != "" {
		panic(http.ErrAbortHandler)
	}
	g.deny(w, openai.Errorf(http.StatusInternalServerError, "the gateway failed to serve this request").WithCode("internal_error"), 0)
}
