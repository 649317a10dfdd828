// Package draw makes random epochs for tests: small enough to run by the thousand, odd enough to meet every rule of the text.
package draw

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"

	"agora/mechanism/yuma"
)

// Draw makes random epochs.
type Draw struct {
	*rand.Rand
}

// New returns the draws of a seed: the same on every machine.
func New(seed uint64) Draw { return Draw{rand.New(rand.NewPCG(seed, 0x5eed))} }

// Chance is true percent times in a hundred.
func (d Draw) Chance(percent int) bool { return d.IntN(100) < percent }

// Pick returns one of the values.
func Pick[T any](d Draw, values ...T) T { return values[d.IntN(len(values))] }

func (d Draw) params() yuma.Params {
	p := Pick(d, yuma.Upstream(), yuma.Upstream(), yuma.Default())
	p.Kappa = Pick(d, 32767, 32768, 32768, 0, 65535, uint16(d.IntN(65536)))
	p.BondsPenalty = Pick(d, 0, 65535, 65535, 32768, uint16(d.IntN(65536)))
	p.BondsMovingAverage = Pick(d, 0, 900_000, 975_000, 1_000_000, uint32(d.IntN(1_000_001)))
	p.Yuma3, p.LiquidAlpha = d.Chance(60), d.Chance(40)
	p.AlphaLow, p.AlphaHigh = uint16(d.IntN(65536)), uint16(d.IntN(65536))
	p.AlphaSteepness = Pick(d, 1000, int16(d.IntN(65536)-32768))
	p.StakeThreshold = Pick(d, 0, 0, d.Uint64N(1000))
	p.MaxValidators = Pick(d, 64, d.IntN(12))
	p.CommitReveal = d.Chance(30)
	for _, option := range []*bool{
		&p.ActivityGiven, &p.PermitsGiven, &p.OwnerPrivileges,
		&p.NoConsensusNoPay, &p.SplitHalves, &p.DecayAbsentBonds, &p.StakeWeightedBonds,
	} {
		if d.Chance(20) {
			*option = !*option
		}
	}
	return p
}

// Input returns an epoch of up to size uids.
func (d Draw) Input(size int) *yuma.Input {
	n := d.IntN(size + 1)
	in := &yuma.Input{
		Params: d.params(), N: n,
		Block: d.Uint64N(400), Tempo: d.Uint64N(60), LastStep: Pick(d, 0, d.Uint64N(300)),
		Emission: Pick(d, 1_000_000_000, d.Uint64(), d.Uint64N(100)),
		Owner:    uint16(d.IntN(n + 2)), HasOwner: d.Chance(40),
	}
	permitted, density := d.IntN(101), d.IntN(101)
	scale := Pick[uint64](d, 3, 1000, 1_000_000_000_000, 1<<57)
	for i := range n {
		in.Stake = append(in.Stake, Pick(d, 0, d.Uint64N(scale)))
		in.LastUpdate = append(in.LastUpdate, d.Uint64N(450))
		in.Registered = append(in.Registered, Pick(d, 0, 0, d.Uint64N(450)))
		in.Commit = append(in.Commit, Pick(d, uint64(yuma.NoCommit), d.Uint64N(450)))
		in.Active = append(in.Active, d.Chance(80))
		in.Permit = append(in.Permit, d.Chance(permitted))
		in.Barred = append(in.Barred, d.Chance(10))
		in.Weights = append(in.Weights, d.row(n, i, density))
		in.Bonds = append(in.Bonds, d.row(n, i, density))
	}
	d.shorten(in)
	return in
}

// shorten drops the end of some vectors, or adds to it.
func (d Draw) shorten(in *yuma.Input) {
	if d.Chance(10) {
		in.Permit = in.Permit[:d.IntN(len(in.Permit)+1)]
	}
	if d.Chance(5) {
		in.LastUpdate = append(in.LastUpdate, 7, 7)
	}
	if d.Chance(5) {
		in.Stake = in.Stake[:d.IntN(len(in.Stake)+1)]
		in.Weights = in.Weights[:d.IntN(len(in.Weights)+1)]
	}
	if d.Chance(5) {
		in.LastUpdate = in.LastUpdate[:d.IntN(len(in.LastUpdate)+1)]
	}
	if d.Chance(50) {
		in.Barred = nil
	}
}

// row returns a row with zeros, ties and now and then a uid that does not exist.
func (d Draw) row(n, self, percent int) yuma.Row {
	if d.Chance(20) {
		return nil
	}
	var row yuma.Row
	kind := d.IntN(3)
	for j := range n {
		if !d.Chance(percent) {
			continue
		}
		row = row.Append(uint16(j), Pick(d, 0, 65535, uint16(d.IntN(4)), uint16(d.IntN(65536)), uint16(j*kind*7+self*(kind/2))))
	}
	if d.Chance(3) {
		row = row.Append(uint16(n+d.IntN(3)), 9)
	}
	return row
}

// Next returns the input of the epoch after: permits and bonds go on, some
// weights and stakes move, some uids change hands.
func (d Draw) Next(in *yuma.Input, out *yuma.Result) *yuma.Input {
	follow := *in
	follow.Block += d.Uint64N(40)
	follow.Permit, follow.Bonds = out.Permit, out.Bonds
	follow.Weights = slices.Clone(in.Weights)
	follow.Registered = slices.Clone(in.Registered)
	for i := range follow.Weights {
		if d.Chance(30) {
			follow.Weights[i] = d.row(in.N, i, 60)
		}
		if d.Chance(5) && i < len(follow.Registered) {
			follow.Registered[i] = follow.Block
		}
	}
	return &follow
}

// Sized returns an epoch of so many validators, then miners, each validator grading percent of the miners, with the bonds of an
// epoch before.
func Sized(validators, miners, percent int, p yuma.Params) *yuma.Input {
	d := New(uint64(validators)<<32 | uint64(miners))
	n := validators + miners
	p.MaxValidators = validators
	in := &yuma.Input{
		Params: p, N: n, Block: 1000, Tempo: 360, Emission: 360_000_000_000,
		Stake: make([]uint64, n), LastUpdate: make([]uint64, n), Registered: make([]uint64, n),
		Permit: make([]bool, n), Active: make([]bool, n),
		Weights: make([]yuma.Row, n), Bonds: make([]yuma.Row, n),
	}
	quality := make([]float64, miners)
	for j := range quality {
		quality[j] = d.ExpFloat64()
	}
	for i := range validators {
		in.Stake[i] = uint64(1e12 * d.ExpFloat64())
		in.LastUpdate[i], in.Permit[i], in.Active[i] = 990, true, true
		values := make([]uint16, 0, miners)
		var uids []uint16
		for j := range miners {
			if percent == 100 || d.Chance(percent) {
				noise := math.Exp(0.2 * d.NormFloat64())
				values = append(values, uint16(min(65535, 1+8000*quality[j]*noise)))
				uids = append(uids, uint16(validators+j))
			}
		}
		for k, v := range yuma.MaxUpscale(values) {
			in.Weights[i] = in.Weights[i].Append(uids[k], v)
		}
	}
	var runner yuma.Runner
	for i, row := range runner.Run(in).Bonds {
		in.Bonds[i] = slices.Clone(row)
	}
	return in
}

// Results writes every bit that six hundred epochs produce.
func Results(w io.Writer) {
	var runner yuma.Runner
	for seed := range uint64(300) {
		d := New(seed)
		in := d.Input(40)
		runner.Workers = 1 + int(seed%3)
		for range 2 {
			out := runner.Run(in)
			fmt.Fprint(w, out.Exact, out.StakeWeight, out.Consensus, out.Incentive, out.Dividends,
				out.ValidatorTrust, out.Permit, out.ServerEmission, out.ValidatorEmission,
				out.Emission, out.Bonds)
			in = d.Next(in, out)
		}
	}
}

// WorkersAgree says whether three workers compute what one does where rows have uids that add up to more than 2^31, which 32-bit
// machines must survive.
func WorkersAgree() bool {
	in := Sized(40, 9000, 100, yuma.Default())
	var one, three yuma.Runner
	three.Workers = 3
	got, want := three.Run(in), one.Run(in)
	same := func(a, b yuma.Row) bool { return slices.Equal(a, b) }
	return slices.Equal(got.Exact.Dividends, want.Exact.Dividends) && slices.Equal(got.Exact.Incentive, want.Exact.Incentive) &&
		slices.EqualFunc(got.Bonds, want.Bonds, same)
}
