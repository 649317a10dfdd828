package cashier

import "github.com/prometheus/client_golang/prometheus"

// metrics count what goes wrong with money, so that nothing is lost unseen.
type metrics struct {
	vouchers *prometheus.CounterVec // by what became of them
	rao      *prometheus.CounterVec // likewise
}

// What becomes of vouchers and debts that bring nothing.
const (
	refused   = "refused"   // by the chain, at a claim
	ended     = "ended"     // with their channel, before they were claimed
	unpaid    = "unpaid"    // a miner could not be paid now; it is tried again
	unwritten = "unwritten" // a debt could not be written down now; it is tried again
)

func newMetrics() metrics {
	return metrics{
		prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "agora_payments_failed_total", Help: "Vouchers and debts by what went wrong: refused by the chain, ended with their channel, unpaid for now, unwritten for now.",
		}, []string{"outcome"}),
		prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "agora_payments_failed_rao_total", Help: "What they were for, in rao, where that is known.",
		}, []string{"outcome"}),
	}
}

func (m metrics) count(outcome string, rao uint64) {
	m.vouchers.WithLabelValues(outcome).Inc()
	m.rao.WithLabelValues(outcome).Add(float64(rao))
}

// Metrics are to be shown beside a gateway's own.
func (c *Cashier) Metrics() []prometheus.Collector {
	return []prometheus.Collector{c.metrics.vouchers, c.metrics.rao}
}
