package chat

import (
	"math"
	"testing"
)

func TestOwnFunctionsAgreeWithTheLibrary(t *testing.T) {
	for x := -86.0; x < 87; x += 0.0137 {
		want := math.Exp(float64(float32(x)))
		if got := float64(exp(float32(x))); math.Abs(got-want) > 3e-7*want {
			t.Fatalf("exp(%v) = %v, want %v", x, got, want)
		}
	}
	for x := 1e-6; x < 1e6; x *= 1.017 {
		if got, want := log(x), math.Log(x); math.Abs(got-want) > 1e-14*max(1, math.Abs(want)) {
			t.Fatalf("log(%v) = %v, want %v", x, got, want)
		}
	}
}

func TestExpStaysFiniteFarOut(t *testing.T) {
	for _, x := range []float32{-1e30, 1e30, float32(math.Inf(-1)), float32(math.Inf(1))} {
		if e := exp(x); math.IsInf(float64(e), 0) || e <= 0 {
			t.Errorf("exp(%v) = %v", x, e)
		}
	}
}
