package score

import (
	"math"
	"slices"
	"strings"
	"time"
)

// Latency is judged beside the field, so that a slow machine under all of them costs nobody.
const (
	slowTimes = 4.0             // slower than this many times the field's median is slow,
	slowFloor = 2 * time.Second // but never what is faster than this
	latencies = 32              // latest ones that are remembered
)

// service is what a miner's answers say of its reliability, beside their worth.
type service struct {
	Outcomes string    `json:"outcomes"`  // of the last Params.Recent requests, oldest first: 1 answered, 0 not
	Streak   int       `json:"streak"`    // failures in a row
	Seconds  []float64 `json:"latencies"` // of the latest answers, oldest first
}

const did, didNot = "1", "0"

// count files one request.
func (s *service) count(failed bool, latency time.Duration, recent int) {
	outcome := did
	if failed {
		outcome = didNot
		s.Streak++
	} else {
		s.Streak = 0
		s.Seconds = append(s.Seconds, math.Max(0, latency.Seconds()))
		s.Seconds = slices.Delete(s.Seconds, 0, max(0, len(s.Seconds)-latencies))
	}
	s.Outcomes += outcome
	s.Outcomes = s.Outcomes[max(0, len(s.Outcomes)-recent):]
}

// answered is the share of the last requests that were answered; 1 where there was none.
func (s *service) answered() float64 {
	if s.Outcomes == "" {
		return 1
	}
	return float64(strings.Count(s.Outcomes, did)) / float64(len(s.Outcomes))
}

// speed is the lower quartile of the latest latencies in seconds; 0 where there is none. Requests of other validators and of
// consumers that stood before a judge's own in the miner's queue make the others longer, not these: judges keep a miner busy for
// at most half of its time, so about every second question finds it free.
func (s *service) speed() float64 {
	if len(s.Seconds) == 0 {
		return 0
	}
	var room [latencies]float64
	sorted := append(room[:0], s.Seconds...)
	slices.Sort(sorted)
	return sorted[len(sorted)/4]
}

// factor is in [0, 1]: 0 after gone failures in a row, else the allowance over the latency.
//
//	factor = min(1, max(4·median, 2 s) / speed)
func (s *service) factor(gone int, median float64) float64 {
	if s.Streak >= gone {
		return 0
	}
	if allowed, speed := math.Max(slowTimes*median, slowFloor.Seconds()), s.speed(); speed > allowed {
		return allowed / speed
	}
	return 1
}

// medianLatency is the median of the field's speeds in seconds; 0 for an empty field.
func (b *Board) medianLatency() float64 {
	var all []float64
	for _, rec := range b.records {
		if len(rec.service.Seconds) > 0 {
			all = append(all, rec.service.speed())
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}
