package study

import (
	"context"
	"math/rand/v2"

	"agora/mechanism/yuma"
)

// Splitting is a subnet in which a validator gains or loses by dividing its stake
// between two voices that say the same.
type Splitting struct {
	// Gain is what its dividends grow by, relative to those of the whole; the
	// bonds have settled in both.
	Gain float64 `json:"gain"`
	// Stake holds the validators' shares of stake; the first one splits in half.
	Stake []float64 `json:"stake"`
	// Weights holds what each validator gives each miner, u16.
	Weights [][]uint16 `json:"weights"`
}

// The subnet of the splitting study, and the length of its search.
const (
	splitMiners = 4
	splitEpochs = 40
	splitSteps  = 400
)

// WorstSplit searches for the subnet of up to so many validators, each holding at
// least the given share of stake, in which splitting gains most: hill climbing
// from a random start for each of the seeds, the best of them returned. It fails
// only when ctx ends.
func WorstSplit(ctx context.Context, p yuma.Params, validators int, least float64, e Effort) (Splitting, error) {
	found := make([]Splitting, e.Seeds)
	err := e.inParallel(ctx, e.Seeds, func(k int) {
		found[k] = climb(p, 2+k%(validators-1), least, source(e.Seed, uint64(k)))
	})
	if err != nil {
		return Splitting{}, err
	}
	best := found[0]
	for _, s := range found[1:] {
		if s.Gain > best.Gain {
			best = s
		}
	}
	return best, nil
}

// climb improves one random subnet by random changes.
func climb(p yuma.Params, validators int, least float64, random *rand.Rand) Splitting {
	current := Splitting{Stake: make([]float64, validators), Weights: make([][]uint16, validators)}
	for i := range validators {
		current.Stake[i] = random.Float64()
		current.Weights[i] = make([]uint16, splitMiners)
		for j := range current.Weights[i] {
			current.Weights[i][j] = uint16(random.IntN(65536))
		}
	}
	current.Stake = atLeast(current.Stake, least)
	var runner yuma.Runner
	current.Gain = splitGain(&runner, p, current)
	for range splitSteps {
		next := mutate(current, least, random)
		if next.Gain = splitGain(&runner, p, next); next.Gain > current.Gain {
			current = next
		}
	}
	return current
}

// mutate returns a copy with one stake and one weight redrawn.
func mutate(s Splitting, least float64, random *rand.Rand) Splitting {
	next := Splitting{Stake: append([]float64(nil), s.Stake...)}
	for _, row := range s.Weights {
		next.Weights = append(next.Weights, append([]uint16(nil), row...))
	}
	i := random.IntN(len(next.Stake))
	if random.IntN(2) == 0 {
		next.Stake[i] = random.Float64() * random.Float64()
		next.Stake = atLeast(next.Stake, least)
	}
	next.Weights[random.IntN(len(next.Weights))][random.IntN(splitMiners)] = uint16(random.IntN(65536) * random.IntN(2))
	return next
}

// atLeast normalises shares and lifts each to the least, twice as much for the
// first, whose halves must both reach it.
func atLeast(shares []float64, least float64) []float64 {
	sum := 0.0
	for _, s := range shares {
		sum += s
	}
	room := 1 - least*float64(len(shares)+1)
	for i := range shares {
		shares[i] = least + room*ratio(shares[i], sum)
	}
	shares[0] += least
	return shares
}

// splitGain compares the first validator's dividends, whole and split in half.
func splitGain(runner *yuma.Runner, p yuma.Params, s Splitting) float64 {
	whole := settledDividends(runner, p, s.Stake, s.Weights)
	half := s.Stake[0] / 2
	stakes := append([]float64{half, half}, s.Stake[1:]...)
	weights := append([][]uint16{s.Weights[0]}, s.Weights...)
	parts := settledDividends(runner, p, stakes, weights)
	if whole[0] < 1e-6 {
		return 0 // nothing to gain on
	}
	return (parts[0]+parts[1])/whole[0] - 1
}

// settledDividends returns the dividends after many epochs of the same weights.
func settledDividends(runner *yuma.Runner, p yuma.Params, stakes []float64, weights [][]uint16) []float64 {
	n := len(stakes) + splitMiners
	in := &yuma.Input{
		Params: p, N: n, Block: 1000, Tempo: 10, Emission: 1e9,
		Stake: make([]uint64, n), Active: make([]bool, n), Permit: make([]bool, n),
		LastUpdate: make([]uint64, n), Weights: make([]yuma.Row, n),
	}
	for i, stake := range stakes {
		in.Stake[i] = uint64(stake * 1e15)
		in.Active[i], in.Permit[i], in.LastUpdate[i] = true, true, 999
		for j, w := range yuma.MaxUpscale(weights[i]) {
			in.Weights[i] = in.Weights[i].Append(uint16(len(stakes)+j), w)
		}
	}
	var out *yuma.Result
	for range splitEpochs {
		out = runner.Run(in)
		in.Bonds = out.Bonds
	}
	dividends := make([]float64, len(stakes))
	for i := range dividends {
		dividends[i] = float64(out.Exact.Dividends[i]) / (1 << 32)
	}
	return dividends
}
