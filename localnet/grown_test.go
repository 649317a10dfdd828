package localnet

import (
	"errors"
	"io"
	"testing"
)

func TestGrowthBeyondATenthAndTheSlackIsAFault(t *testing.T) {
	for _, c := range []struct {
		slack, before, after float64
		grows                bool
	}{{0, 100, 109, false}, {0, 100, 111, true}, {20, 60, 85, false}, {20, 60, 97, true}, {20, 60, 40, false}} {
		if err := (Soak{Slack: c.slack, Out: io.Discard}).grown(c.before, c.after); errors.Is(err, ErrGrows) != c.grows {
			t.Errorf("from %v to %v MB with %v: %v", c.before, c.after, c.slack, err)
		}
	}
}
