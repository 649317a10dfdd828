package exam

import (
	"errors"
	"math/bits"
	"slices"
	"time"
)

// perParameter is what a parameter is taken to cost in a tempo, before a model was tried: make bench-exam.
const perParameter = 70 * time.Nanosecond

// spend notes what the latest try of a model took, whatever came of it.
func (c *Course) spend(digest [32]byte, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.costs[digest] = took
}

// cheapest puts the jobs of models that took less the last time first, in steps of twice as much from a second on; within a step they stay
// in their order. So a model that takes long, or whose weights come slowly, holds the others up for one job, and not for as long as it has
// jobs: else whoever publishes one could keep those from being examined that come after it.
func (c *Course) cheapest(jobs []job) []job {
	c.mu.Lock()
	defer c.mu.Unlock()
	var steps [65][]job
	for _, j := range jobs {
		cost, known := c.costs[j.model.Digest]
		if !known {
			cost = time.Duration(min(j.model.Parameters, 1<<40)) * perParameter
		}
		step := bits.Len64(uint64(max(0, cost) / time.Second))
		steps[step] = append(steps[step], j)
	}
	return slices.Concat(steps[:]...)
}

// errItems says that a tempo's items cannot be drawn here now, whatever the model.
var errItems = errors.New("exam: no items")

// drawable leaves out the jobs of tasks that cannot draw items here, of which there may be thousands, and counts them.
func drawable(jobs []job, lacking map[string]bool) (now []job, without int) {
	if len(lacking) == 0 {
		return jobs, 0
	}
	for _, j := range jobs {
		if lacking[j.tempo.Task] {
			without++
			continue
		}
		now = append(now, j)
	}
	return now, without
}
