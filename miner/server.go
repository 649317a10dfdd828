package miner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"agora/engine"
	"agora/wire/openai"
)

// Options bound what a Server takes on. Zero values take the defaults named beside them.
type Options struct {
	Capacity int           // requests worked on at once: declare what the hardware can do; 8
	Queue    int           // requests that may wait for a place, beyond it 429; 4 × Capacity, at least 32: a burst is no less than 16
	Timeout  time.Duration // from arrival to the last byte of the answer; 15 min, as gateways have it
	MaxBody  int64         // bytes of a request, beyond it 413; 33 MiB: what gateways take, and some room
	Backend  *Watch        // of the backend behind a proxy: while it is away requests get 503; nil is always there
	Weights  http.Handler  // gives models by their digest, GET /v1/models/sha256:…; nil gives none
	Log      *slog.Logger  // slog.Default()
}

func (o Options) withDefaults() Options {
	if o.Capacity <= 0 {
		o.Capacity = 8
	}
	if o.Queue <= 0 {
		o.Queue = max(4*o.Capacity, 32)
	}
	if o.Timeout <= 0 {
		o.Timeout = 15 * time.Minute
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 33 << 20
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Stats counts a Server's requests since it started.
type Stats struct {
	Outcomes                     // of all kinds
	Kinds    map[string]Outcomes // by what was asked: "chat", "chat, streamed", "completions", …
	InFlight int                 // being worked on
	Waiting  int                 // for a place
}

// Server answers POST /v1/chat/completions, POST /v1/completions, GET /v1/models and GET /healthz; one for a backend also
// what backends do beside them.
type Server struct {
	opt    Options
	mux    *http.ServeMux
	places *places
	counts tally
}

// NewServer serves an engine of this process. A request for what the engine cannot do gets a 404.
func NewServer(e engine.Engine, opt Options) *Server {
	s := newServer(opt)
	n := &native{engine: e, opt: &s.opt, started: time.Now().Unix()}
	s.mux.Handle("GET /v1/models", handler(n.models))
	s.mux.Handle("POST /v1/chat/completions", s.work(kindChat, n.chat))
	s.mux.Handle("POST /v1/completions", s.work(kindCompletion, n.complete))
	return s
}

// NewProxy serves another server through backend, which gets the same paths and unchanged bodies.
func NewProxy(backend http.Handler, opt Options) *Server {
	s := newServer(opt)
	pass := func(w http.ResponseWriter, r *http.Request) error {
		backend.ServeHTTP(w, r)
		return nil
	}
	s.mux.Handle("GET /v1/models", handler(pass))
	s.mux.Handle("POST /v1/chat/completions", s.work(kindChat, pass))
	s.mux.Handle("POST /v1/completions", s.work(kindCompletion, pass))
	for path, kind := range kindsOfOnePiece {
		s.mux.Handle("POST "+path, s.work(kind, pass))
	}
	return s
}

func newServer(opt Options) *Server {
	s := &Server{opt: opt.withDefaults(), mux: http.NewServeMux()}
	s.places = newPlaces(s.opt.Capacity, s.opt.Queue)
	if w := s.opt.Weights; w != nil {
		s.mux.Handle("GET /v1/models/{digest}", w)
		s.mux.Handle("GET /v1/models/{digest}/{chunk}", w)
	}
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	s.mux.Handle("/", handler(func(_ http.ResponseWriter, r *http.Request) error {
		return openai.Errorf(http.StatusNotFound, "there is no %s %s here", r.Method, r.URL.Path)
	}))
	return s
}

// Stats returns the counts so far.
func (s *Server) Stats() Stats {
	st := Stats{Kinds: s.counts.byKind()}
	st.InFlight, st.Waiting = s.places.count()
	for _, o := range st.Kinds {
		st.add(o)
	}
	return st
}

// ServeHTTP answers one request. A panic below costs that request only.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := &recorder{ResponseWriter: w}
	defer s.contain(rec, r)
	s.mux.ServeHTTP(rec, r)
}

// contain turns a panic into a 500, or cuts an answer that has begun: a reader must not take it for whole.
func (s *Server) contain(rec *recorder, r *http.Request) {
	fault := recover()
	if fault == nil {
		return
	}
	if fault == http.ErrAbortHandler {
		panic(fault)
	}
	s.opt.Log.Error("answering panicked", "path", r.URL.Path, "panic", fault, "stack", string(debug.Stack()))
	if rec.status != 0 {
		panic(http.ErrAbortHandler)
	}
	openai.WriteError(rec, openai.Errorf(http.StatusInternalServerError, "the miner failed to answer this request"))
}

// handler answers a returned error in OpenAI's shape.
type handler func(http.ResponseWriter, *http.Request) error

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := h(w, r); err != nil {
		openai.WriteError(w, err)
	}
}

// work runs h within the capacity and the deadline, and counts how it went.
func (s *Server) work(kind string, h handler) http.Handler {
	return handler(func(w http.ResponseWriter, r *http.Request) error {
		if s.opt.Backend.absent() {
			s.counts.count(kind, Outcomes{Away: 1})
			w.Header().Set("Retry-After", "5")
			return openai.Errorf(http.StatusServiceUnavailable, "the miner's model server is away, ask another miner")
		}
		ctx, cancel := context.WithTimeout(r.Context(), s.opt.Timeout)
		defer cancel()
		place, err := s.places.enter(ctx)
		if err != nil {
			s.counts.count(kind, Outcomes{Refused: 1})
			w.Header().Set("Retry-After", "1")
			return err
		}
		rec := recorderOf(w)
		end := ending{rec: rec}
		defer func() { s.leave(place, kind, end, r.Context().Err() != nil) }()
		// A reader that stopped reading must not hold a place for longer than the deadline.
		deadline, _ := ctx.Deadline()
		http.NewResponseController(w).SetWriteDeadline(deadline.Add(time.Second))
		err = s.explain(h(rec, r.WithContext(ctx)))
		end.whole, end.err = true, err
		return err
	})
}

// ending is how a request went: Whole unless a panic cut its answer.
type ending struct {
	rec   *recorder
	whole bool
	err   error
}

// outcome counts it. Left is whether the asker had gone before the end.
func (e ending) outcome(left bool) Outcomes {
	status := e.rec.status
	if status == 0 && e.err != nil {
		status = openai.AsError(e.err).Status
	}
	if e.rec.abandoned || left && !e.rec.broken && (!e.whole || e.err != nil) {
		return Outcomes{Cancelled: 1}
	}
	return outcomeOf(status, !e.whole || e.rec.broken || e.rec.status != 0 && e.err != nil)
}

// leave frees the place and counts the request by what was asked and how it went.
func (s *Server) leave(place *ticket, kind string, e ending, left bool) {
	s.places.leave(place)
	if strings.HasPrefix(e.rec.Header().Get("Content-Type"), "text/event-stream") {
		kind += streamed
	}
	s.counts.count(kind, e.outcome(left))
}

// explain gives an engine's error the words and the status that leave the process.
func (s *Server) explain(err error) error {
	if err == nil {
		return nil
	}
	var known *openai.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return openai.Errorf(http.StatusGatewayTimeout, "the answer was not ready within %v", s.opt.Timeout)
	case errors.Is(err, context.Canceled):
		return openai.Errorf(499, "the request was cancelled") // nobody is there to read it
	}
	s.opt.Log.Error("engine failed", "err", err)
	return openai.Errorf(http.StatusInternalServerError, "the miner's engine failed to answer this request")
}

// recorderOf is the recorder that ServeHTTP put in, or a new one.
func recorderOf(w http.ResponseWriter) *recorder {
	if rec, ok := w.(*recorder); ok {
		return rec
	}
	return &recorder{ResponseWriter: w}
}

// recorder remembers what was answered. Who had to end an answer that had begun sets broken, or abandoned where that was because
// the asker had gone: an asker that goes when it reads of the failure is no reason for it.
type recorder struct {
	http.ResponseWriter
	status            int
	broken, abandoned bool
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}
