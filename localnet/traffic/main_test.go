package main

import (
	"testing"
	"time"
)

// The consumers, who are the same before every way, are in no sum.
func TestTheConsumersAreNoStage(t *testing.T) {
	us := time.Microsecond
	s := seen{costs: [][]time.Duration{{100 * us, 1 * us, 20 * us}, {300 * us, 3 * us, 40 * us}, {200 * us, 2 * us, 30 * us}}}
	for part, want := range []time.Duration{200 * us, 2 * us, 30 * us} {
		if got := s.cost(part); got != want {
			t.Errorf("part %d takes %v, want %v", part, got, want)
		}
	}
	if got := s.whole(); got != 32*us {
		t.Errorf("all stages take %v, want 32µs", got)
	}
}
