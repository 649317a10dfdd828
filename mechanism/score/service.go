package score

import (
	"math"
	"slices"
	"time"
)

// Service settings. Latency is judged beside the field, so that a slow machine under all of them costs nobody.
const (
	slowTimes = 4.0             // slower than this many times the field's median is slow,
	slowFloor = 2 * time.Second // but never what is faster than this
	smoothing = 0.1             // weight of the newest latency in its moving average
)

// service is what a miner's answers say of its reliability, beside their worth. Counts fade by half each tempo.
type service struct {
	Answered float64
	Failed   float64
	Streak   int     // failures in a row
	Latency  float64 // seconds, moving average
}

// count files one request.
func (s *service) count(failed bool, latency time.Duration) {
	if failed {
		s.Failed++
		s.Streak++
		return
	}
	l := math.Max(0, latency.Seconds())
	if s.Latency == 0 {
		s.Latency = l
	}
	s.Latency += smoothing * (l - s.Latency)
	s.Answered++
	s.Streak = 0
}

// fade halves the counts.
func (s *service) fade() {
	s.Answered /= 2
	s.Failed /= 2
}

// factor is in [0, 1]: 0 after gone failures in a row, else answered share × allowance over latency.
//
//	factor = (answered + 1) / (answered + failed + 1) · min(1, max(4·median, 2 s) / latency)
func (s *service) factor(gone int, median float64) float64 {
	if s.Streak >= gone {
		return 0
	}
	f := (s.Answered + 1) / (s.Answered + s.Failed + 1)
	if allowed := math.Max(slowTimes*median, slowFloor.Seconds()); s.Latency > allowed {
		f *= allowed / s.Latency
	}
	return f
}

// medianLatency is the field's median moving average in seconds; 0 for an empty field.
func (b *Board) medianLatency() float64 {
	var all []float64
	for _, rec := range b.records {
		if len(rec.marks) > 0 {
			all = append(all, rec.service.Latency)
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}
