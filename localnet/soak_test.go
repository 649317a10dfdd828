package localnet

import (
	"errors"
	"io"
	"testing"
)

// A market whose memory grows by more than a tenth is told from one that is flat, peaks of single lines or not.
func TestALeakIsFound(t *testing.T) {
	flat := []float64{60, 58, 75, 61, 59, 62, 74, 60, 61}
	leaks := make([]float64, len(flat))
	for i, mb := range flat {
		leaks[i] = mb * 1.12
	}
	for name, c := range map[string]struct {
		after []float64
		want  error
	}{"flat": {flat, nil}, "leak": {leaks, ErrGrows}} {
		if err := grown(io.Discard, lately(flat), lately(c.after)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := lately([]float64{1, 1, 1, 1, 1, 1, 1, 9, 8, 7, 6, 5, 4, 3, 2}); got != 5 {
		t.Errorf("the last eight are worth %.0f", got)
	}
}
