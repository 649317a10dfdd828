package study

import (
	"context"
	"math/rand/v2"
	"slices"

	"agora/mechanism/yuma"
)

// Splitting is a subnet in which a validator gains or loses by dividing its stake
// between voices that say the same.
type Splitting struct {
	// Gain is what its dividends grow by, relative to those of the whole; the
	// bonds have settled in both.
	Gain float64 `json:"gain"`
	// Pieces is the number of equal voices that the first validator becomes.
	Pieces int `json:"pieces"`
	// Stake holds the validators' shares of stake.
	Stake []float64 `json:"stake"`
	// Weights holds what each validator gives each miner, u16.
	Weights [][]uint16 `json:"weights"`
}

// The subnet of the splitting study, and the length of its search.
const (
	splitMiners = 4
	splitEpochs = 12
	splitSteps  = 300
)

// WorstSplit searches for the subnet of at most so many voices in which dividing a
// stake into so many pieces gains most, where every voice, and every piece, holds
// at least the given share of stake: hill climbing from a start for each of the
// seeds, the best of them returned. Every second start is random, the others are
// Crowded. It fails only when ctx ends.
func WorstSplit(ctx context.Context, p yuma.Params, pieces, voices int, least float64, e Effort) (Splitting, error) {
	found := make([]Splitting, e.Seeds)
	err := e.inParallel(ctx, e.Seeds, func(k int) {
		random := source(e.Seed, uint64(k))
		start := Crowded(pieces, min(voices, 3+random.IntN(voices)), least, .02+.2*random.Float64())
		if k%2 == 1 {
			start = randomSplitting(pieces, 2+random.IntN(min(voices, 9)-1), random)
		}
		found[k] = climb(p, start, least, random)
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

// Crowded is the kind of subnet in which splitting gains most where bonds are not
// weighted with stake. Two miners: the
// second voice, just short of a majority, is all for one, a crowd of the smallest
// voices is all for the other, and the splitter gives the first miner little. The
// consensus on the first miner is then the splitter's own weight, which it shares
// with one other bond, while it shares the second miner with the crowd.
func Crowded(pieces, voices int, least, little float64) Splitting {
	s := Splitting{Pieces: pieces, Stake: []float64{.501, .499}}
	s.Weights = [][]uint16{{uint16(65535 * little), 65535, 0, 0}, {65535, 0, 0, 0}}
	for len(s.Stake) < voices && s.Stake[0]-least > float64(pieces)*least {
		s.Stake[0] -= least
		s.Stake = append(s.Stake, least)
		s.Weights = append(s.Weights, []uint16{0, 65535, 0, 0})
	}
	return s
}

// randomSplitting draws a subnet.
func randomSplitting(pieces, voices int, random *rand.Rand) Splitting {
	s := Splitting{Pieces: pieces, Stake: make([]float64, voices), Weights: make([][]uint16, voices)}
	for i := range voices {
		s.Stake[i] = random.Float64()
		s.Weights[i] = make([]uint16, splitMiners)
		for j := range s.Weights[i] {
			s.Weights[i][j] = uint16(random.IntN(65536))
		}
	}
	return s
}

// climb improves a subnet by random changes.
func climb(p yuma.Params, current Splitting, least float64, random *rand.Rand) Splitting {
	var runner yuma.Runner
	current.atLeast(least)
	current.Gain = splitGain(&runner, p, current)
	for range splitSteps {
		next := current.mutated(random)
		next.atLeast(least)
		if next.Gain = splitGain(&runner, p, next); next.Gain > current.Gain {
			current = next
		}
	}
	return current
}

// mutated returns a copy with a stake or a weight, and sometimes both, redrawn or
// moved a little.
func (s Splitting) mutated(random *rand.Rand) Splitting {
	next := s
	next.Stake = slices.Clone(s.Stake)
	next.Weights = make([][]uint16, len(s.Weights))
	for i, row := range s.Weights {
		next.Weights[i] = slices.Clone(row)
	}
	i, j := random.IntN(min(len(s.Stake), 4)), random.IntN(splitMiners)
	switch random.IntN(4) {
	case 0:
		next.Stake[i] = random.Float64() * random.Float64()
	case 1:
		next.Stake[i] *= 1 + .02*random.NormFloat64()
	case 2:
		next.Weights[random.IntN(len(s.Weights))][j] = uint16(random.IntN(65536) * random.IntN(2))
	default:
		moved := float64(next.Weights[i][j]) * (1 + .1*random.NormFloat64())
		next.Weights[i][j] = uint16(min(max(moved, 0), 65535))
	}
	return next
}

// atLeast normalises the stakes and lifts each to the least, the first one to that
// of all its pieces.
func (s *Splitting) atLeast(least float64) {
	floor := func(i int) float64 {
		if i == 0 {
			return least * float64(s.Pieces)
		}
		return least
	}
	var above float64
	for i, share := range s.Stake {
		above += max(share-floor(i), 0)
	}
	room := 1 - least*float64(s.Pieces+len(s.Stake)-1)
	for i, share := range s.Stake {
		s.Stake[i] = floor(i) + room*ratio(max(share-floor(i), 0), above)
	}
}

// splitGain compares the first validator's dividends, whole and in pieces.
func splitGain(runner *yuma.Runner, p yuma.Params, s Splitting) float64 {
	whole := settledDividends(runner, p, s.Stake, s.Weights)[0]
	if whole < 1e-6 {
		return 0 // nothing to gain on
	}
	stakes, weights := s.inPieces()
	var parts float64
	for _, d := range settledDividends(runner, p, stakes, weights)[:s.Pieces] {
		parts += d
	}
	return parts/whole - 1
}

// inPieces returns the subnet after the division.
func (s Splitting) inPieces() (stakes []float64, weights [][]uint16) {
	for range s.Pieces {
		stakes = append(stakes, s.Stake[0]/float64(s.Pieces))
		weights = append(weights, s.Weights[0])
	}
	return append(stakes, s.Stake[1:]...), append(weights, s.Weights[1:]...)
}

// SplitGain returns what the first validator of a subnet gains by dividing its
// stake.
func SplitGain(p yuma.Params, s Splitting) float64 {
	return splitGain(new(yuma.Runner), p, s)
}

// settledDividends returns the dividends after many epochs of the same weights.
func settledDividends(runner *yuma.Runner, p yuma.Params, stakes []float64, weights [][]uint16) []float64 {
	out := settled(runner, p, stakes, weights)
	dividends := make([]float64, len(stakes))
	for i := range dividends {
		dividends[i] = float64(out.Exact.Dividends[i]) / (1 << 32)
	}
	return dividends
}

// settled returns the last of many epochs of the same weights. All bonds grow by
// the same factors, so a few epochs show what many would.
func settled(runner *yuma.Runner, p yuma.Params, stakes []float64, weights [][]uint16) *yuma.Result {
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
	return out
}
