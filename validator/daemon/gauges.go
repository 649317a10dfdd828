package daemon

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"agora/validator"
)

// gauges shows how far the examinations of open models are.
type gauges struct{ judge *validator.Validator }

var (
	behindGauge   = prometheus.NewDesc("agora_exam_behind", "Models times tempos that are still to be examined.", []string{"netuid"}, nil)
	examinedGauge = prometheus.NewDesc("agora_exam_examined_total", "Models times tempos that were examined since the start.", []string{"netuid"}, nil)
	unsoundGauge  = prometheus.NewDesc("agora_exam_unsound", "Models that cannot be run.", []string{"netuid"}, nil)
	secondsGauge  = prometheus.NewDesc("agora_exam_seconds_total", "Time spent on examinations since the start.", nil, nil)
)

// Describe implements prometheus.Collector.
func (gauges) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{behindGauge, examinedGauge, unsoundGauge, secondsGauge} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (g gauges) Collect(out chan<- prometheus.Metric) {
	seconds := 0.0
	for _, s := range g.judge.Status() {
		p := s.Examination
		if p == nil {
			continue
		}
		netuid := strconv.Itoa(int(s.NetUID))
		out <- prometheus.MustNewConstMetric(behindGauge, prometheus.GaugeValue, float64(p.Behind), netuid)
		out <- prometheus.MustNewConstMetric(examinedGauge, prometheus.CounterValue, float64(p.Examined), netuid)
		out <- prometheus.MustNewConstMetric(unsoundGauge, prometheus.GaugeValue, float64(p.Unsound), netuid)
		seconds = p.Seconds
	}
	out <- prometheus.MustNewConstMetric(secondsGauge, prometheus.CounterValue, seconds)
}
