package node

import (
	"testing"
	"time"

	cstypes "github.com/cometbft/cometbft/consensus/types"
)

// A clock that is set back by 90 s between a block's commit and CometBFT's next look at it shows the next block's moment 90 s ahead.
func TestANodeThatWaitsForAClockIsLate(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		step  cstypes.RoundStepType
		in    time.Duration // until the round begins
		pause time.Duration
		late  bool
	}{
		"the pause between blocks":        {cstypes.RoundStepNewHeight, time.Second, time.Second, false},
		"a long pause":                    {cstypes.RoundStepNewHeight, time.Minute, time.Minute, false},
		"a round that has begun":          {cstypes.RoundStepPropose, time.Hour, time.Second, false},
		"set back by NTP":                 {cstypes.RoundStepNewHeight, 5 * time.Second, time.Second, false},
		"set back by 90 s":                {cstypes.RoundStepNewHeight, 91 * time.Second, time.Second, true},
		"set back by hours, a long pause": {cstypes.RoundStepNewHeight, 3 * time.Hour, time.Minute, true},
		"set forward":                     {cstypes.RoundStepNewHeight, -time.Hour, time.Second, false},
	} {
		r := &cstypes.RoundState{Step: c.step, StartTime: now.Round(0).Add(c.in)}
		if got := late(r, now, c.pause); got != c.late {
			t.Errorf("%s: %v", name, got)
		}
	}
}
