package attack

import (
	"context"
	"errors"
	"testing"
)

func TestNoAttackPays(t *testing.T) {
	r, err := Run(context.Background(), "", 1, 1, nil, func(int, int) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		t.Logf("%-40.150s gain %.3f, runner-up keeps %.3f", f.Attack, f.Gain, f.Victim)
		if !f.Holds && !f.Open {
			t.Errorf("%s: gain %.3f, runner-up keeps %.3f, want %s", f.Attack, f.Gain, f.Victim, f.Bar)
		}
	}
}

func TestOneAttackAlone(t *testing.T) {
	r, err := Run(t.Context(), "degraded", 1, 1, nil, func(int, int) {})
	if err != nil || len(r.Findings) != 1 {
		t.Errorf("%d findings, %v; want the one about degraded copies", len(r.Findings), err)
	}
	if _, err := Run(t.Context(), "nonsense", 1, 1, nil, func(int, int) {}); !errors.Is(err, ErrNoAttack) {
		t.Errorf("an attack that there is none of: %v", err)
	}
}
