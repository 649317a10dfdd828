package gateway

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are named after OpenTelemetry's conventions for generative AI where those have a name.
type metrics struct {
	registry *prometheus.Registry
	duration *prometheus.HistogramVec // of a served request, by operation, subnet and status
	first    *prometheus.HistogramVec // to the first byte of the answer
	pace     *prometheus.HistogramVec // seconds per token after the first
	tokens   *prometheus.HistogramVec // of an answer, as the miner's usage tells them
	overhead prometheus.Histogram     // the gateway's own time
	inFlight prometheus.Gauge
	refused  *prometheus.CounterVec // by status
	attempts *prometheus.CounterVec // by subnet, uid and outcome
	breaks   prometheus.Counter
	vouchers *prometheus.CounterVec // refused or lost, by reason
	paid     *prometheus.CounterVec // rao charged, by subnet and whose it is
	receipts *prometheus.CounterVec // by subnet and outcome

	served found[[2]string, *series]            // by operation and subnet
	whole  found[[2]string, prometheus.Counter] // of attempts that went well, by subnet and uid
}

// series are those to which an answer with status 200 adds, of one operation in one subnet.
type series struct{ duration, first, pace, input, output prometheus.Observer }

// of are the series of an operation in a subnet.
func (m *metrics) of(operation, subnet string) *series {
	return m.served.get([...]string{operation, subnet}, func() *series {
		return &series{
			duration: m.duration.WithLabelValues(operation, subnet, "200"), first: m.first.WithLabelValues(operation, subnet),
			pace:  m.pace.WithLabelValues(operation, subnet),
			input: m.tokens.WithLabelValues(operation, "input", subnet), output: m.tokens.WithLabelValues(operation, "output", subnet),
		}
	})
}

var (
	answerTimes   = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300}
	tokenTimes    = []float64{.001, .0025, .005, .01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 2.5}
	tokenCounts   = []float64{1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304}
	overheadTimes = []float64{5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 5e-2, .25, 1}
)

func newMetrics(age func() time.Duration) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		duration: histograms("gen_ai_server_request_duration_seconds", "Time from a request's arrival to the end of its answer.",
			answerTimes, "gen_ai_operation_name", "subnet", "status"),
		first: histograms("gen_ai_server_time_to_first_token_seconds", "Time from a request's arrival to the first byte of its answer.",
			answerTimes, "gen_ai_operation_name", "subnet"),
		pace: histograms("gen_ai_server_time_per_output_token_seconds", "Time per token after the first, of answers that told their usage.",
			tokenTimes, "gen_ai_operation_name", "subnet"),
		tokens: histograms("gen_ai_client_token_usage", "Tokens of an answer that told its usage.",
			tokenCounts, "gen_ai_operation_name", "gen_ai_token_type", "subnet"),
		overhead: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "agora_gateway_overhead_seconds", Help: "Time a request spent in the gateway and not at the miner that answered.",
			Buckets: overheadTimes,
		}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "agora_gateway_in_flight", Help: "Requests open now."}),
		refused:  counters("agora_gateway_refused_total", "Requests answered with an error by the gateway itself.", "status"),
		receipts: counters("agora_gateway_receipts_total", "Answers by what became of their receipts: ok, missing, bad, late (too many waited: the signature alone is checked), dropped.", "subnet", "outcome"),
		attempts: counters("agora_gateway_attempts_total", "Requests sent to miners.", "subnet", "uid", "outcome"),
		breaks: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "agora_gateway_breaks_total", Help: "Times that a miner was left alone after failures in a row.",
		}),
	}
	m.vouchers = counters("agora_gateway_vouchers_refused_total", "Vouchers and paid requests that were refused, and charges that could not be written down (lost).", "reason")
	m.paid = counters("agora_gateway_charged_rao_total", "What consumers were charged: the miners' part, and the mark-up.", "subnet", "part")
	m.registry.MustRegister(m.vouchers, m.paid, m.duration, m.first, m.pace, m.tokens, m.overhead, m.inFlight, m.refused, m.attempts, m.breaks, m.receipts,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "agora_gateway_ranking_age_seconds", Help: "Age of the ranking that requests are routed by.",
		}, func() float64 { return age().Seconds() }))
	return m
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
}

// found are series that were looked up, by labels: a look-up by WithLabelValues takes longer. The zero value is ready.
type found[K comparable, V any] struct {
	mu sync.RWMutex
	of map[K]V
}

// get is what stands at labels, looked up where it was not before.
func (f *found[K, V]) get(labels K, look func() V) V {
	f.mu.RLock()
	v, ok := f.of[labels]
	f.mu.RUnlock()
	if ok {
		return v
	}
	v = look()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of == nil {
		f.of = map[K]V{}
	}
	f.of[labels] = v
	return v
}

// attempt counts an attempt by its outcome, nil for one that went well.
func (m *metrics) attempt(subnet, uid string, err error) {
	if err == nil {
		m.whole.get([...]string{subnet, uid}, func() prometheus.Counter { return m.attempts.WithLabelValues(subnet, uid, outcome(nil)) }).Inc()
		return
	}
	m.attempts.WithLabelValues(subnet, uid, outcome(err)).Inc()
}

// outcome names how an attempt ended, for a metric's label.
func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case isBusy(err):
		return "busy"
	case isTimeout(err):
		return "timeout"
	}
	return "failed"
}
