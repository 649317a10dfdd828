package daemon

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"agora/client"
	"agora/validator"
)

// gauges shows whether the chain's node answers, how far the examinations of open models are, and what audits found.
type gauges struct {
	judge *validator.Validator
	chain *client.Client
}

var (
	behindGauge   = prometheus.NewDesc("agora_exam_behind", "Models times tempos that are still to be examined.", []string{"netuid"}, nil)
	examinedGauge = prometheus.NewDesc("agora_exam_examined_total", "Models times tempos that were examined since the start.", []string{"netuid"}, nil)
	takenGauge    = prometheus.NewDesc("agora_exam_taken_total", "Models times tempos whose results were taken from most other voices since the start.", []string{"netuid"}, nil)
	againGauge    = prometheus.NewDesc("agora_exam_recomputed_total", "Of the results that others told, those that were computed all the same, since the start.", []string{"netuid"}, nil)
	deceivedGauge = prometheus.NewDesc("agora_exam_deceived", "1 if one of them was false: nothing that others tell counts since.", []string{"netuid"}, nil)
	unsoundGauge  = prometheus.NewDesc("agora_exam_unsound", "Models that cannot be run.", []string{"netuid"}, nil)
	absentGauge   = prometheus.NewDesc("agora_exam_absent", "Models whose weights nobody gives.", []string{"netuid"}, nil)
	waitingGauge  = prometheus.NewDesc("agora_exam_waiting", "Models that this machine could not examine, through no fault of theirs.", []string{"netuid"}, nil)
	answersGauge  = prometheus.NewDesc("agora_audit_answers_total", "Answers of servers of open models with a receipt that counts, since the start.", nil, nil)
	auditsGauge   = prometheus.NewDesc("agora_audits_total", "Answers that were drawn to be run again since the start, by outcome: right, false, void, unknown, let_go.", []string{"outcome"}, nil)
	closedGauge   = prometheus.NewDesc("agora_audit_closed", "Servers whose gates are shut.", []string{"netuid"}, nil)
	silentGauge   = prometheus.NewDesc("agora_chain_silent_seconds", "Time since which the chain's node does not answer, 0 while it does.", nil, nil)
	secondsGauge  = prometheus.NewDesc("agora_exam_seconds_total", "Time spent on examinations since the start.", nil, nil)
)

// Describe implements prometheus.Collector.
func (gauges) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{behindGauge, examinedGauge, takenGauge, againGauge, deceivedGauge, unsoundGauge, absentGauge, waitingGauge, secondsGauge, silentGauge, answersGauge, auditsGauge, closedGauge} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (g gauges) Collect(out chan<- prometheus.Metric) {
	out <- prometheus.MustNewConstMetric(silentGauge, prometheus.GaugeValue, g.chain.Silent().Seconds())
	seconds := 0.0
	for _, s := range g.judge.Status() {
		p := s.Examination
		if p == nil {
			continue
		}
		netuid := strconv.Itoa(int(s.NetUID))
		out <- prometheus.MustNewConstMetric(behindGauge, prometheus.GaugeValue, float64(p.Behind), netuid)
		out <- prometheus.MustNewConstMetric(examinedGauge, prometheus.CounterValue, float64(p.Examined), netuid)
		deceived := 0.0
		if p.Deceived != "" {
			deceived = 1
		}
		out <- prometheus.MustNewConstMetric(takenGauge, prometheus.CounterValue, float64(p.Taken), netuid)
		out <- prometheus.MustNewConstMetric(againGauge, prometheus.CounterValue, float64(p.Recomputed), netuid)
		out <- prometheus.MustNewConstMetric(deceivedGauge, prometheus.GaugeValue, deceived, netuid)
		out <- prometheus.MustNewConstMetric(unsoundGauge, prometheus.GaugeValue, float64(p.Unsound), netuid)
		out <- prometheus.MustNewConstMetric(absentGauge, prometheus.GaugeValue, float64(p.Absent), netuid)
		out <- prometheus.MustNewConstMetric(waitingGauge, prometheus.GaugeValue, float64(p.Waiting), netuid)
		out <- prometheus.MustNewConstMetric(closedGauge, prometheus.GaugeValue, float64(len(s.Closed)), netuid)
		seconds = p.Seconds
	}
	n := g.judge.Audits()
	out <- prometheus.MustNewConstMetric(answersGauge, prometheus.CounterValue, float64(n.Answers))
	for outcome, count := range map[string]uint64{"right": n.Right, "false": n.False, "void": n.Void, "unknown": n.Unknown, "let_go": n.LetGo} {
		out <- prometheus.MustNewConstMetric(auditsGauge, prometheus.CounterValue, float64(count), outcome)
	}
	out <- prometheus.MustNewConstMetric(secondsGauge, prometheus.CounterValue, seconds)
}
