package study

import (
	"context"
	"math"
	"math/rand/v2"

	"agora/mechanism/yuma"
)

// What docs/epoch.md shows of the copier study.
var (
	Drifts = []float64{0, .02, .05, .15}
	Noises = []float64{.05, .3}
	Ages   = []int{1, 2, 5, 9, 17}
)

// CopierSeeds is how many random subnets a figure in docs/epoch.md is the mean of.
const CopierSeeds = 5

// MaxAge is the greatest age of a copied consensus that the copier study
// measures: as many epochs as it runs.
const MaxAge = 60

// The subnet of the copier study.
const (
	copierHonest = 10 // validators of equal stake, and the copier beside them
	copierMiners = 12
	copierEpochs = MaxAge
	copierSkip   = 20 // epochs before bonds have settled
	leastQuality = 0.01
)

// Formula is a named formula of the copier study.
type Formula struct {
	Name   string
	Params yuma.Params
}

// Formulas returns this chain's formula, with its alternatives: the reference's
// Yuma2, no bonds penalty, and liquid alpha.
func Formulas() []Formula {
	vary := func(name string, p yuma.Params, change func(*yuma.Params)) Formula {
		change(&p)
		return Formula{Name: name, Params: p}
	}
	return []Formula{
		{Name: "shipped (Yuma3, beta 1)", Params: yuma.Default()},
		{Name: "Yuma2, beta 1", Params: yuma.Upstream()},
		vary("Yuma3, beta 0", yuma.Default(), func(p *yuma.Params) { p.BondsPenalty = 0 }),
		vary("Yuma3 liquid, beta 1", yuma.Default(), func(p *yuma.Params) { p.LiquidAlpha = true }),
		vary("Yuma3 liquid, beta 0", yuma.Default(), func(p *yuma.Params) {
			p.LiquidAlpha, p.BondsPenalty = true, 0
		}),
	}
}

// Copying is one case of the copier study.
type Copying struct {
	// Formula names the formula.
	Formula string `json:"formula"`
	// Drift is the standard deviation of the step that a miner's quality, a
	// number in (0, 1], takes per epoch; Noise that of an honest evaluation,
	// relative to the quality.
	Drift float64 `json:"drift"`
	Noise float64 `json:"noise"`
	// Age is how many epochs old the consensus is that the copier repeats: one
	// more than the epochs for which weights stay hidden.
	Age int `json:"age"`
	// Ratio is the copier's dividend per stake over the mean of the honest: the
	// mean over seeds, between Least and Most.
	Ratio float64 `json:"ratio"`
	Least float64 `json:"least"`
	Most  float64 `json:"most"`

	params yuma.Params
}

// CopierGrid lists the cases of the study: every formula at every drift, noise
// and age.
func CopierGrid(formulas []Formula, drifts, noises []float64, ages []int) []Copying {
	var cases []Copying
	for _, f := range formulas {
		for _, drift := range drifts {
			for _, noise := range noises {
				for _, age := range ages {
					cases = append(cases, Copying{Formula: f.Name, Drift: drift, Noise: noise, Age: age, params: f.Params})
				}
			}
		}
	}
	return cases
}

// Copier measures every case; the subnets are the same for each. It fails only
// when ctx ends.
func Copier(ctx context.Context, cases []Copying, e Effort) ([]Copying, error) {
	seeds := e.Seeds
	ratios := make([]float64, len(cases)*seeds)
	err := e.inParallel(ctx, len(ratios), func(k int) {
		ratios[k] = copierRatio(cases[k/seeds], source(e.Seed, uint64(k%seeds)))
	})
	if err != nil {
		return nil, err
	}
	out := make([]Copying, len(cases))
	for c, copying := range cases {
		copying.Least, copying.Most = math.Inf(1), math.Inf(-1)
		for _, r := range ratios[c*seeds : (c+1)*seeds] {
			copying.Ratio += r / float64(seeds)
			copying.Least, copying.Most = min(copying.Least, r), max(copying.Most, r)
		}
		out[c] = copying
	}
	return out, nil
}

// copierRatio plays one case once.
func copierRatio(c Copying, random *rand.Rand) float64 {
	const validators = copierHonest + 1
	in := copierInput(c.params)
	quality := make([]float64, copierMiners)
	for j := range quality {
		quality[j] = max(leastQuality, random.Float64())
	}
	var history [][]uint16
	var runner yuma.Runner
	var copied, honest float64
	for epoch := range copierEpochs {
		for i := range copierHonest {
			in.Weights[i] = judge(quality, c.Noise, random)
		}
		if epoch > 0 { // until it has an old one, the copier repeats the first
			in.Weights[copierHonest] = packed(history[max(epoch-c.Age, 0)])
		}
		in.Block += in.Tempo
		for i := range validators {
			in.LastUpdate[i] = in.Block - 1
		}
		out := runner.Run(in)
		in.Bonds = out.Bonds
		history = append(history, append([]uint16(nil), out.Consensus[validators:]...))
		if epoch >= copierSkip {
			copied += float64(out.Exact.Dividends[copierHonest])
			for _, d := range out.Exact.Dividends[:copierHonest] {
				honest += float64(d) / copierHonest
			}
		}
		for j := range quality {
			moved := quality[j] + c.Drift*random.NormFloat64()
			quality[j] = min(1, max(leastQuality, moved))
		}
	}
	return copied / honest
}

// copierInput returns the first epoch: validators of equal stake, then miners.
func copierInput(p yuma.Params) *yuma.Input {
	const validators = copierHonest + 1
	const n = validators + copierMiners
	in := &yuma.Input{
		Params: p, N: n, Block: 1, Tempo: 360, Emission: 1e9,
		Stake: make([]uint64, n), Active: make([]bool, n), Permit: make([]bool, n),
		LastUpdate: make([]uint64, n), Weights: make([]yuma.Row, n),
	}
	for i := range validators {
		in.Stake[i], in.Active[i], in.Permit[i] = 1e12, true, true
	}
	return in
}

// judge returns the weights of an honest validator: qualities with noise.
func judge(quality []float64, noise float64, random *rand.Rand) yuma.Row {
	seen, best := make([]float64, len(quality)), 0.0
	for j, q := range quality {
		seen[j] = max(0, q*(1+noise*random.NormFloat64()))
		best = max(best, seen[j])
	}
	values := make([]uint16, len(quality))
	for j := range values {
		values[j] = uint16(math.Round(65535 * seen[j] / best))
	}
	return packed(values)
}

// packed returns weights on the miners, scaled for storage.
func packed(values []uint16) yuma.Row {
	var row yuma.Row
	for j, v := range yuma.MaxUpscale(values) {
		row = row.Append(uint16(copierHonest+1+j), v)
	}
	return row
}
