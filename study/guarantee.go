package study

import (
	"context"
	"math"
	"math/rand/v2"

	"agora/mechanism/yuma"
)

// The subnet of the guarantee study, as published with the reference chain.
const (
	guaranteeSize       = 512
	guaranteeValidators = 64
	guaranteeStep       = 0.02 // of the grid of weights
	guaranteeStake      = 21e15
	stakeSpread         = 0.3
)

// GuaranteeSeeds is how many random subnets a figure in docs/epoch.md is the
// mean of.
const GuaranteeSeeds = 3

// HonestStakes are the shares of stake at which the guarantee is measured.
var HonestStakes = []float64{.51, .55, .60, .65, .70, .75, .80, .85, .90, .95, .99}

// Setting is one formula under which the guarantee is measured.
type Setting struct {
	// Name labels the setting.
	Name string `json:"name"`
	// Sigma is the spread of weights about their mean.
	Sigma float64 `json:"sigma"`
	// Kappa and Beta are the consensus majority and the bonds penalty, u16.
	Kappa uint16 `json:"kappa"`
	Beta  uint16 `json:"beta"`
	// Xi is the validators' share of what a side earns.
	Xi float64 `json:"xi"`
	// Default takes this chain's formula instead of the reference's Yuma2.
	Default bool `json:"default"`
	// Published holds the figures that the reference published, if it did, in
	// the order of HonestStakes.
	Published []float64 `json:"-"`
}

// base is the setting that the others vary.
var base = Setting{
	Name: "base", Sigma: 0.4, Kappa: 32767, Beta: 65535, Xi: 0.5,
	Published: []float64{.8863, .7644, .7329, .7323, .7492, .7767, .8127, .8564, .9036, .9511, .9900},
}

// Settings returns the settings of the study: the published ones, and the
// formula and parameters that this chain ships.
func Settings() []Setting {
	vary := func(name string, published []float64, change func(*Setting)) Setting {
		s := base
		s.Name, s.Published = name, published
		change(&s)
		return s
	}
	shipped := yuma.Default()
	return []Setting{
		base,
		vary("shipped", nil, func(s *Setting) {
			s.Kappa, s.Beta, s.Default = shipped.Kappa, shipped.BondsPenalty, true
		}),
		vary("sigma 0", []float64{.5091, .5500, .6000, .6491, .7000, .7491, .8000, .8491, .9000, .9491, .9900},
			func(s *Setting) { s.Sigma = 0 }),
		vary("sigma 0.2", []float64{.7047, .6600, .6667, .6909, .7236, .7636, .8073, .8540, .9020, .9500, .9900},
			func(s *Setting) { s.Sigma = 0.2 }),
		vary("kappa 0.4", []float64{.9300, .7750, .7123, .7215, .7446, .7745, .8127, .8564, .9036, .9509, .9900},
			func(s *Setting) { s.Kappa = 26214 }),
		vary("kappa 0.6", []float64{1, 1, 1, .7847, .7733, .7862, .8167, .8580, .9040, .9520, .9900},
			func(s *Setting) { s.Kappa = 39321 }),
		vary("beta 0.5", []float64{.9156, .8078, .7684, .7576, .7657, .7877, .8200, .8583, .9036, .9520, .9900},
			func(s *Setting) { s.Beta = 32767 }),
		vary("beta 0", []float64{.9206, .8230, .7882, .7789, .7832, .7975, .8246, .8618, .9050, .9520, .9900},
			func(s *Setting) { s.Beta = 0 }),
		vary("xi 0.25", []float64{.9104, .8150, .7848, .7791, .7852, .8009, .8267, .8624, .9047, .9513, .9907},
			func(s *Setting) { s.Xi = 0.25 }),
		vary("xi 0", []float64{.9257, .8479, .8241, .8200, .8267, .8400, .8585, .8846, .9165, .9545, .9905},
			func(s *Setting) { s.Xi = 0 }),
	}
}

// Point is the guarantee at one share of honest stake.
type Point struct {
	// HonestStake is the share of stake of honest validators.
	HonestStake float64 `json:"honest_stake"`
	// Required is the weight that they must give their own side so that it
	// earns at least its share of stake, whatever the cabal does; 1 where no
	// weight is enough. It is the mean over the seeds, between Least and Most.
	Required float64 `json:"required"`
	Least    float64 `json:"least"`
	Most     float64 `json:"most"`
	// Published is the reference's figure, 0 where there is none.
	Published float64 `json:"published,omitempty"`
}

// GuaranteeCurve is the guarantee of one setting at every honest stake.
type GuaranteeCurve struct {
	Setting
	Points []Point `json:"points"`
}

// Guarantee measures how much honest validators must favour honest miners, for
// every setting and honest stake. It fails only when ctx ends.
func Guarantee(ctx context.Context, settings []Setting, e Effort) ([]GuaranteeCurve, error) {
	stakes, seeds := len(HonestStakes), e.Seeds
	required := make([]float64, len(settings)*stakes*seeds)
	err := e.inParallel(ctx, len(required), func(k int) {
		setting, rest := settings[k/(stakes*seeds)], k%(stakes*seeds)
		part := uint64(rest) // the same subnets for every setting
		required[k] = requiredWeight(setting, HonestStakes[rest/seeds], source(e.Seed, part))
	})
	if err != nil {
		return nil, err
	}
	curves := make([]GuaranteeCurve, len(settings))
	for c, setting := range settings {
		curves[c].Setting = setting
		for s, stake := range HonestStakes {
			first := (c*stakes + s) * seeds
			point := summarize(stake, required[first:first+seeds])
			if setting.Published != nil {
				point.Published = setting.Published[s]
			}
			curves[c].Points = append(curves[c].Points, point)
		}
	}
	return curves, nil
}

// summarize takes mean and range over the seeds.
func summarize(stake float64, required []float64) Point {
	p := Point{HonestStake: stake, Least: math.Inf(1), Most: math.Inf(-1)}
	for _, r := range required {
		p.Required += r / float64(len(required))
		p.Least, p.Most = min(p.Least, r), max(p.Most, r)
	}
	return p
}

// cabal is one simulated subnet of two sides that favour themselves.
type cabal struct {
	setting                        Setting
	honestStake                    float64
	honestValidators, honestMiners int
	miners                         int
	input                          yuma.Input
	onHonest, onCabal              [][]float64 // by validator: shares of each side's miners
	runner                         yuma.Runner
	values                         []uint16
}

// requiredWeight returns the least weight on their own side at which the honest
// earn their share for every weight of the cabal.
func requiredWeight(setting Setting, honestStake float64, random *rand.Rand) float64 {
	c := newCabal(setting, honestStake, random)
	worst := 0.0
	for step := range int(1/guaranteeStep) + 1 {
		worst = max(worst, c.crossing(float64(step)*guaranteeStep))
	}
	return worst
}

// crossing returns the honest weight at which the honest earnings reach their
// share of stake against one weight of the cabal: bisection over the grid, then
// a straight line between its two points.
func (c *cabal) crossing(own float64) float64 {
	low, high := 0, int(1/guaranteeStep)
	if c.earnings(1, own) < c.honestStake {
		return 1
	}
	for high-low > 1 {
		middle := (low + high) / 2
		if c.earnings(float64(middle)*guaranteeStep, own) < c.honestStake {
			low = middle
		} else {
			high = middle
		}
	}
	below := c.earnings(float64(low)*guaranteeStep, own)
	above := c.earnings(float64(high)*guaranteeStep, own)
	if below >= c.honestStake || above <= below {
		return float64(low) * guaranteeStep
	}
	return guaranteeStep * (float64(low) + (c.honestStake-below)/(above-below))
}

// newCabal draws the stakes and the noise of a subnet.
func newCabal(setting Setting, honestStake float64, random *rand.Rand) *cabal {
	c := &cabal{setting: setting, honestStake: honestStake, miners: guaranteeSize - guaranteeValidators}
	c.honestValidators = withinExtremes(honestStake, guaranteeValidators)
	c.honestMiners = withinExtremes(honestStake, c.miners)
	c.input = yuma.Input{
		Params: setting.params(), N: guaranteeSize, Block: 2, Tempo: 360, Emission: 1e9,
		Stake:  make([]uint64, guaranteeSize),
		Active: make([]bool, guaranteeSize), Permit: make([]bool, guaranteeSize),
		LastUpdate: make([]uint64, guaranteeSize), Weights: make([]yuma.Row, guaranteeSize),
	}
	c.drawStakes(0, c.honestValidators, honestStake, random)
	c.drawStakes(c.honestValidators, guaranteeValidators, 1-honestStake, random)
	for i := range guaranteeValidators {
		c.input.Active[i], c.input.Permit[i], c.input.LastUpdate[i] = true, true, 1
		c.onHonest = append(c.onHonest, spread(c.honestMiners, setting.Sigma, random))
		c.onCabal = append(c.onCabal, spread(c.miners-c.honestMiners, setting.Sigma, random))
	}
	return c
}

// params returns the formula of the setting.
func (s Setting) params() yuma.Params {
	p := yuma.Upstream()
	if s.Default {
		p = yuma.Default()
	}
	p.Kappa, p.BondsPenalty, p.MaxValidators = s.Kappa, s.Beta, guaranteeValidators
	return p
}

// withinExtremes returns the share of count, at least one and not all.
func withinExtremes(share float64, count int) int {
	return min(max(int(share*float64(count)), 1), count-1)
}

// drawStakes divides a share of all stake among the validators of one side.
func (c *cabal) drawStakes(first, last int, share float64, random *rand.Rand) {
	for k, part := range spread(last-first, stakeSpread, random) {
		c.input.Stake[first+k] = uint64(share * part * guaranteeStake)
	}
}

// spread draws max(0, N(1, sigma)) and divides by the sum.
func spread(count int, sigma float64, random *rand.Rand) []float64 {
	parts, sum := make([]float64, count), 0.0
	for k := range parts {
		parts[k] = max(0, 1+sigma*random.NormFloat64())
		sum += parts[k]
	}
	for k := range parts {
		parts[k] /= sum
	}
	return parts
}

// earnings returns what the honest side earns, xi·D_H + (1 − xi)·I_H, when each
// side gives its own miners the given weight and the other's the rest.
func (c *cabal) earnings(honestOwn, cabalOwn float64) float64 {
	for i := range guaranteeValidators {
		if i < c.honestValidators {
			c.setWeights(i, honestOwn, 1-honestOwn)
		} else {
			c.setWeights(i, 1-cabalOwn, cabalOwn)
		}
	}
	out := c.runner.Run(&c.input)
	var dividends, incentives, honestDividends, honestIncentives float64
	for i := range guaranteeValidators {
		d := float64(out.Exact.Dividends[i])
		dividends += d
		if i < c.honestValidators {
			honestDividends += d
		}
	}
	for j := range c.miners {
		incentive := float64(out.Exact.Incentive[guaranteeValidators+j])
		incentives += incentive
		if j < c.honestMiners {
			honestIncentives += incentive
		}
	}
	xi := c.setting.Xi
	return xi*ratio(honestDividends, dividends) + (1-xi)*ratio(honestIncentives, incentives)
}

// ratio returns a/b, 0 where b is 0.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// setWeights stores one validator's row as the reference's client does: shares
// as u16 rounded down, then scaled to the greatest.
func (c *cabal) setWeights(i int, honest, cabal float64) {
	c.values = c.values[:0]
	for _, part := range c.onHonest[i] {
		c.values = append(c.values, uint16(honest*part*65535))
	}
	for _, part := range c.onCabal[i] {
		c.values = append(c.values, uint16(cabal*part*65535))
	}
	row := c.input.Weights[i][:0]
	for j, value := range yuma.MaxUpscale(c.values) {
		row = row.Append(uint16(guaranteeValidators+j), value)
	}
	c.input.Weights[i] = row
}
