package miner

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics answers GET /metrics with a miner's counters, as Prometheus reads them. It asks for a report each time.
func Metrics(report func() Report) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector(report))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

// collector tells a report as metrics.
type collector func() Report

var (
	requestsMetric = described("requests_total", "Requests by kind and outcome.", "kind", "outcome")
	inFlightMetric = described("in_flight", "Requests worked on now.")
	voicesMetric   = described("validators", "Validators of the directory, and those that have this miner.", "state")
	vouchersMetric = described("vouchers_refused_total", "Vouchers of validators that were no good, by reason.", "reason")
	unpaidMetric   = described("requests_unpaid_total", "Requests refused with 402, since what came before was not paid.")
	endedMetric    = described("vouchers_lost_rao_total", "Rao of vouchers whose channel ended before they were claimed.")
	moneyMetric    = described("payments_rao", "Rao by what became of it: charged, signed for, given up.", "state")
)

func described(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("agora_miner_"+name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{requestsMetric, inFlightMetric, voicesMetric, vouchersMetric, unpaidMetric, endedMetric, moneyMetric} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	r := c()
	tell := func(d *prometheus.Desc, kind prometheus.ValueType, n uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, kind, float64(n), labels...)
	}
	for kind, o := range r.Requests {
		for outcome, n := range map[string]uint64{
			"served": o.Served, "declined": o.Declined, "refused": o.Refused, "away": o.Away, "failed": o.Failed, "cancelled": o.Cancelled,
		} {
			tell(requestsMetric, prometheus.CounterValue, n, kind, outcome)
		}
	}
	tell(inFlightMetric, prometheus.GaugeValue, uint64(r.InFlight))
	tell(voicesMetric, prometheus.GaugeValue, uint64(len(r.Connections)), "listed")
	tell(voicesMetric, prometheus.GaugeValue, uint64(r.Connected()), "connected")
	p := r.Payments
	if p == nil {
		return
	}
	for _, reason := range reasons {
		tell(vouchersMetric, prometheus.CounterValue, p.Reasons[reason.name], reason.name)
	}
	tell(vouchersMetric, prometheus.CounterValue, p.Reasons[otherReason], otherReason)
	tell(unpaidMetric, prometheus.CounterValue, p.Unpaid)
	tell(endedMetric, prometheus.CounterValue, p.Ended)
	tell(moneyMetric, prometheus.GaugeValue, p.Charged, "charged")
	tell(moneyMetric, prometheus.GaugeValue, p.Signed, "signed")
	tell(moneyMetric, prometheus.GaugeValue, p.Lost, "lost")
}
