package continuation

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestExpAndLog2AreRightToTheLastBits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		x := -40 * r.Float64()
		if got, want := exp(x), math.Exp(x); math.Abs(got-want) > 4e-16*want {
			t.Fatalf("exp(%v) = %v, want %v", x, got, want)
		}
		y := math.Exp(x)
		if got, want := log2(y), math.Log2(y); math.Abs(got-want) > 4e-16*math.Max(1, math.Abs(want)) {
			t.Fatalf("log2(%v) = %v, want %v", y, got, want)
		}
	}
	for k := -1000; k <= 1000; k += 7 {
		if got := log2(math.Ldexp(1, k)); got != float64(k) {
			t.Errorf("log2(2^%d) = %v", k, got)
		}
	}
	for _, c := range []struct{ got, want float64 }{
		{exp(0), 1}, {exp(-1000), 0}, {exp(1000), math.Inf(1)}, {log2(0), math.Inf(-1)}, {exp(math.Inf(-1)), 0},
	} {
		if c.got != c.want {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
	if !math.IsNaN(log2(-1)) || !math.IsNaN(exp(math.NaN())) {
		t.Error("what is no number must stay none")
	}
	// The same bits on every processor: of these inputs, as computed once.
	if got := math.Float64bits(exp(-1.25)); got != 0x3fd25618372a584f {
		t.Errorf("exp(-1.25) has the bits %#x", got)
	}
	if got := math.Float64bits(log2(0.3)); got != 0xbffbca9c6f53897b {
		t.Errorf("log2(0.3) has the bits %#x", got)
	}
}
