package web

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// How old what a page shows may get, with somebody looking and without.
const (
	fresh    = time.Second
	sampling = 5 * time.Second
	patience = 5 * time.Second // for the Source
)

// Options say what the pages offer beside the market itself.
type Options struct {
	// DemoKey lets visitors ask without a key of their own. It is in every page: local networks only.
	DemoKey string
	Hosts   []string     // names of a proxy on this machine, beside localhost: a loopback listener answers to no others
	Log     *slog.Logger // slog.Default()
}

// Site is the pages, an http.Handler for everything that the gateway does not serve.
type Site struct {
	source Source
	opt    Options
	mux    *http.ServeMux
	pages  map[string]*template.Template

	mu      sync.Mutex // held over a question to the Source, so that there is one at a time
	last    *Snapshot
	at      time.Time // of last
	failure error     // of the latest question, nil if it was answered
	tried   time.Time
	history history

	examining sync.Mutex // held over a question to the Source about one model
	exams     map[string]seen
}

// New makes the pages over a source. Run keeps their plots filled.
func New(source Source, opt Options) *Site {
	if opt.Log == nil {
		opt.Log = slog.Default()
	}
	s := &Site{source: source, opt: opt, pages: parsePages(), history: newHistory(), exams: map[string]seen{}}
	s.mux = http.NewServeMux()
	s.routes()
	return s
}

func (s *Site) routes() {
	s.mux.HandleFunc("GET /{$}", s.home)
	s.mux.HandleFunc("GET /network.json", s.home)
	s.mux.HandleFunc("GET /subnets/{netuid}", s.subnet)
	s.mux.HandleFunc("GET /subnets/{netuid}/history.json", s.plot)
	s.mux.HandleFunc("GET /subnets/{netuid}/miners", s.seek)
	s.mux.HandleFunc("GET /subnets/{netuid}/miners/{uid}", s.line)
	s.mux.HandleFunc("GET /subnets/{netuid}/models", s.models)
	s.mux.HandleFunc("GET /subnets/{netuid}/models.json", s.models)
	s.mux.HandleFunc("GET /subnets/{netuid}/places.json", s.places)
	s.mux.HandleFunc("GET /subnets/{netuid}/models/{digest}", s.model)
	s.mux.HandleFunc("GET /validators", s.validators)
	s.mux.HandleFunc("GET /validators.json", s.validators)
	s.mux.HandleFunc("GET /money", s.money)
	s.mux.HandleFunc("GET /money.json", s.money)
	s.mux.HandleFunc("GET /try", s.try)
	s.mux.HandleFunc("GET /static/{file...}", serveAsset)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, http.StatusNotFound, "There is no such page. The market is at the front page.")
	})
}

// Run samples the market for the plots until ctx ends, also while nobody looks.
func (s *Site) Run(ctx context.Context) {
	tick := time.NewTicker(sampling)
	defer tick.Stop()
	for {
		s.snapshot(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// ServeHTTP answers a browser.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if !s.knows(r) {
		s.fail(w, http.StatusMisdirectedRequest, "This gateway listens on this machine only and does not know the name in the address: open it as http://127.0.0.1 or http://localhost.")
		return
	}
	s.mux.ServeHTTP(w, r)
}

// knows refuses a name that leads to a loopback listener without being one of its own: a page elsewhere could
// point its own name here and read what it is not meant to.
func (s *Site) knows(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !local.IP.IsLoopback() {
		return true
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback() || slices.Contains(s.opt.Hosts, host)
}

// view is a snapshot with what the page must know of its age.
type view struct {
	*Snapshot
	At    time.Time // when it was taken
	Stale string    // why the page may be out of date, empty if it is not
	Pace  float64   // seconds per block, measured; 0 while unknown
}

// snapshot returns the market as it is, or as it was last seen with the reason.
func (s *Site) snapshot(ctx context.Context) (view, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.tried) >= fresh {
		s.ask(ctx)
	}
	if s.last == nil {
		return view{}, s.failure
	}
	return view{Snapshot: s.last, At: s.at, Stale: s.stale(), Pace: s.history.pace()}, nil
}

// ask puts the question to the Source. The lock is held.
func (s *Site) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience) // others wait for this answer too
	defer cancel()
	snap, err := s.source.Snapshot(ctx)
	s.tried = time.Now()
	if err == nil && snap == nil {
		err = errors.New("web: the source gave no snapshot")
	}
	if err != nil && s.failure == nil {
		s.opt.Log.Warn("cannot read the market for the pages", "err", err)
	}
	s.failure = err
	if err == nil {
		s.last, s.at = snap, s.tried
		s.history.add(snap, s.tried)
	}
}

func (s *Site) stale() string {
	if s.failure != nil {
		return fmt.Sprintf("The chain cannot be read; this is the market as it was %d s ago.", int(time.Since(s.at).Seconds()))
	}
	if age := time.Since(s.last.BlockTime); age > 30*time.Second {
		return fmt.Sprintf("The last block is %s old: the chain may have stopped.", spell(age))
	}
	return ""
}
