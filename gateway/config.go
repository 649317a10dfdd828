package gateway

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

// Config says what a gateway stands in front of and what it allows. Zero values take the defaults named beside them.
type Config struct {
	Miners  Miners  // who can be asked; required
	Ranking Ranking // who is best; required
	Keys    *Keys   // who may ask; required

	Weights http.Handler // gives models by their digest, GET /v1/models/sha256:…; none
	Till    *Till        // how requests are paid; nil where nobody pays
	Judge   Judge        // of the gateway's own validator; none
	Proofs  *Proofs      // of answers; nil asks miners to sign nothing
	KeyHelp string       // completes "get a key: …" for who has none; "ask the operator of this gateway for one"
	Log     *slog.Logger
	Access  *slog.Logger           // gets a line for each request that a miner could be asked; none
	Spans   trace.Tracer           // gets a span for each such request; none
	Gauges  []prometheus.Collector // of the program around the gateway, shown beside its own

	Refresh   time.Duration // between two looks at the ranking in Run; 1 s
	TierWidth float64       // miners within this part of the best share its tier; 0.05
	Attempts  int           // miners asked for one request; 4
	Hedges    float64       // requests for which a second miner is asked since the first is slow to begin, at most this part of all; below 0 none; 0.05
	Limits    Limits        // of a key that has none of its own; 6000 per minute, burst 200, 64 in flight, 6,000,000 tokens per minute

	Names  string // file that remembers whose a model's name is; without one it is forgotten at the end
	NoCORS bool   // web pages of other origins may not ask

	MaxBody     int64 // bytes of a request, beyond it 413; 32 MiB
	MaxBuffered int64 // bytes of all requests being served, beyond it 429; 512 MiB
	MaxAnswer   int64 // bytes of an answer that is not streamed; 16 MiB
	MaxEvent    int   // bytes of one event of a stream; 1 MiB
	MaxInFlight int   // requests open at once, beyond it 429; 1024

	MaxConns   int // connections open at once, beyond it a new one is closed; 16384
	PerAddress int // of them, of one address or IPv6 network of 64 bits, but loopback; 1024

	BodyTimeout  time.Duration // for a request's body; 30 s
	FirstEvent   time.Duration // until a stream begins, then the next miner is asked; longer where a model is known to be slow; 20 s
	WholeAnswer  time.Duration // for an answer that is not streamed, of which a miner has its part until it begins, and until an answer begins that nobody else can give; 120 s
	Stall        time.Duration // between two parts of a stream; 60 s
	Total        time.Duration // for a request in all; 15 min
	KeepAlive    time.Duration // of silence in a stream, then a comment tells proxies that it lives; 10 s, and at least Total/100
	WriteTimeout time.Duration // for a consumer to take a part of an answer; 30 s
}

func (c Config) withDefaults() (Config, error) {
	if c.Miners == nil || c.Ranking == nil || c.Keys == nil {
		return c, errors.New("gateway: Config needs Miners, Ranking and Keys")
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	fill(&c.KeyHelp, "ask the operator of this gateway for one")
	fill(&c.Refresh, time.Second)
	fill(&c.TierWidth, 0.05)
	fill(&c.Attempts, 4)
	fill(&c.Hedges, 0.05)
	c.Limits = c.Limits.or(Limits{PerMinute: 6000, Burst: 200, InFlight: 64, Tokens: 6_000_000})
	fill(&c.MaxBody, 32<<20)
	fill(&c.MaxBuffered, 512<<20)
	fill(&c.MaxAnswer, 16<<20)
	fill(&c.MaxEvent, 1<<20)
	fill(&c.MaxInFlight, 1024)
	fill(&c.BodyTimeout, 30*time.Second)
	fill(&c.FirstEvent, 20*time.Second)
	fill(&c.WholeAnswer, 2*time.Minute)
	fill(&c.Stall, time.Minute)
	fill(&c.Total, 15*time.Minute)
	fill(&c.KeepAlive, 10*time.Second)
	fill(&c.WriteTimeout, 30*time.Second)
	return c, nil
}

func fill[T comparable](v *T, byDefault T) {
	var zero T
	if *v == zero {
		*v = byDefault
	}
}
