package main

import (
	"testing"
	"time"

	"agora/localnet"
)

// TestMemoryIsFlat leaves a market alone for three minutes of quick blocks: `make soak` is the same for hours.
func TestMemoryIsFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a market for three minutes")
	}
	o := localnet.Defaults()
	o.Seed, o.Validators, o.Miners, o.BlockTime, o.Tempo = "soak", 1, 3, 200*time.Millisecond, 20
	s := localnet.Soak{For: 3 * time.Minute, Settled: 90 * time.Second, Every: 10 * time.Second, Out: t.Output()}
	if err := run(t.Context(), o, s); err != nil {
		t.Fatal(err)
	}
}
