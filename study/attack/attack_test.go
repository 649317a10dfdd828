package attack

import (
	"context"
	"testing"
)

func TestNoAttackPays(t *testing.T) {
	r, err := Run(context.Background(), 1, 1, func(int, int) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		t.Logf("%-70s gain %.3f, runner-up keeps %.3f", f.Attack, f.Gain, f.Victim)
		if !f.Holds {
			t.Errorf("%s: gain %.3f, runner-up keeps %.3f, want %s", f.Attack, f.Gain, f.Victim, f.Bar)
		}
	}
}
