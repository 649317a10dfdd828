package yuma_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"agora/mechanism/yuma"
)

// draw makes random epochs: small enough to run by the thousand, odd enough to
// meet every rule of the text.
type draw struct {
	*rand.Rand
}

func newDraw(seed uint64) draw { return draw{rand.New(rand.NewPCG(seed, 0x5eed))} }

func (d draw) chance(percent int) bool { return d.IntN(100) < percent }

// pick returns one of the values.
func pick[T any](d draw, values ...T) T { return values[d.IntN(len(values))] }

func (d draw) params() yuma.Params {
	p := pick(d, yuma.Upstream(), yuma.Upstream(), yuma.Default())
	p.Kappa = pick(d, 32767, 32768, 32768, 0, 65535, uint16(d.IntN(65536)))
	p.BondsPenalty = pick(d, 0, 65535, 65535, 32768, uint16(d.IntN(65536)))
	p.BondsMovingAverage = pick(d, 0, 900_000, 975_000, 1_000_000, uint32(d.IntN(1_000_001)))
	p.Yuma3, p.LiquidAlpha = d.chance(60), d.chance(40)
	p.AlphaLow, p.AlphaHigh = uint16(d.IntN(65536)), uint16(d.IntN(65536))
	p.AlphaSteepness = pick(d, 1000, int16(d.IntN(65536)-32768))
	p.StakeThreshold = pick(d, 0, 0, d.Uint64N(1000))
	p.MaxValidators = pick(d, 64, d.IntN(12))
	p.CommitReveal = d.chance(30)
	for _, option := range []*bool{
		&p.ActivityGiven, &p.PermitsGiven, &p.OwnerPrivileges,
		&p.NoConsensusNoPay, &p.SplitHalves, &p.DecayAbsentBonds, &p.StakeWeightedBonds,
	} {
		if d.chance(20) {
			*option = !*option
		}
	}
	return p
}

// input returns an epoch of up to size uids.
func (d draw) input(size int) *yuma.Input {
	n := d.IntN(size + 1)
	in := &yuma.Input{
		Params: d.params(), N: n,
		Block: d.Uint64N(400), Tempo: d.Uint64N(60), LastStep: pick(d, 0, d.Uint64N(300)),
		Emission: pick(d, 1_000_000_000, d.Uint64(), d.Uint64N(100)),
		Owner:    uint16(d.IntN(n + 2)), HasOwner: d.chance(40),
	}
	permitted, density := d.IntN(101), d.IntN(101)
	scale := pick[uint64](d, 3, 1000, 1_000_000_000_000, 1<<57)
	for i := range n {
		in.Stake = append(in.Stake, pick(d, 0, d.Uint64N(scale)))
		in.LastUpdate = append(in.LastUpdate, d.Uint64N(450))
		in.Registered = append(in.Registered, pick(d, 0, 0, d.Uint64N(450)))
		in.Commit = append(in.Commit, pick(d, uint64(yuma.NoCommit), d.Uint64N(450)))
		in.Active = append(in.Active, d.chance(80))
		in.Permit = append(in.Permit, d.chance(permitted))
		in.Barred = append(in.Barred, d.chance(10))
		in.Weights = append(in.Weights, d.row(n, i, density))
		in.Bonds = append(in.Bonds, d.row(n, i, density))
	}
	d.shorten(in)
	return in
}

// shorten drops the end of some vectors, or adds to it.
func (d draw) shorten(in *yuma.Input) {
	if d.chance(10) {
		in.Permit = in.Permit[:d.IntN(len(in.Permit)+1)]
	}
	if d.chance(5) {
		in.LastUpdate = append(in.LastUpdate, 7, 7)
	}
	if d.chance(5) {
		in.Stake = in.Stake[:d.IntN(len(in.Stake)+1)]
		in.Weights = in.Weights[:d.IntN(len(in.Weights)+1)]
	}
	if d.chance(5) {
		in.LastUpdate = in.LastUpdate[:d.IntN(len(in.LastUpdate)+1)]
	}
	if d.chance(50) {
		in.Barred = nil
	}
}

// row returns a row with zeros, ties and now and then a uid that does not exist.
func (d draw) row(n, self, percent int) yuma.Row {
	if d.chance(20) {
		return nil
	}
	var row yuma.Row
	kind := d.IntN(3)
	for j := range n {
		if !d.chance(percent) {
			continue
		}
		row = row.Append(uint16(j), pick(d, 0, 65535, uint16(d.IntN(4)), uint16(d.IntN(65536)), uint16(j*kind*7+self*(kind/2))))
	}
	if d.chance(3) {
		row = row.Append(uint16(n+d.IntN(3)), 9)
	}
	return row
}

func TestEpochAgreesWithTheTextbook(t *testing.T) {
	var runner yuma.Runner
	epochs := 0
	for seed := range uint64(6000) {
		d := newDraw(seed)
		in := d.input(pick(d, 4, 12, 40))
		runner.Workers = d.IntN(4)
		for step := range 3 {
			want := textbook(in)
			got := runner.Run(in)
			epochs++
			if diff := difference(got, want); diff != "" {
				t.Fatalf("seed %d, epoch %d: %s\ninput %+v", seed, step, diff, in)
			}
			in = next(d, in, got)
		}
	}
	t.Logf("%d random epochs agree", epochs)
}

func TestLargeEpochAgreesWithTheTextbook(t *testing.T) {
	for _, size := range []struct{ validators, miners, percent int }{
		{64, 192, 100}, {128, 896, 100}, {200, 3000, 5}, {70, 500, 30},
	} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			for _, p := range []yuma.Params{yuma.Upstream(), yuma.Default()} {
				in := sized(size.validators, size.miners, size.percent, p)
				for _, workers := range []int{1, 2, 5} {
					runner := yuma.Runner{Workers: workers}
					if diff := difference(runner.Run(in), textbook(in)); diff != "" {
						t.Errorf("%d workers: %s", workers, diff)
					}
				}
			}
		})
	}
}

// next returns the input of the epoch after: permits and bonds go on, some
// weights and stakes move, some uids change hands.
func next(d draw, in *yuma.Input, out *yuma.Result) *yuma.Input {
	follow := *in
	follow.Block += d.Uint64N(40)
	follow.Permit, follow.Bonds = out.Permit, out.Bonds
	follow.Weights = slices.Clone(in.Weights)
	follow.Registered = slices.Clone(in.Registered)
	for i := range follow.Weights {
		if d.chance(30) {
			follow.Weights[i] = d.row(in.N, i, 60)
		}
		if d.chance(5) && i < len(follow.Registered) {
			follow.Registered[i] = follow.Block
		}
	}
	return &follow
}

// difference tells where two results differ, empty if nowhere.
func difference(got, want *yuma.Result) string {
	for _, f := range []struct {
		name      string
		got, want any
	}{
		{"exact", got.Exact, want.Exact},
		{"stake weight", got.StakeWeight, want.StakeWeight},
		{"consensus", got.Consensus, want.Consensus},
		{"incentive", got.Incentive, want.Incentive},
		{"dividends", got.Dividends, want.Dividends},
		{"validator trust", got.ValidatorTrust, want.ValidatorTrust},
		{"active", got.Active, want.Active},
		{"permit", got.Permit, want.Permit},
		{"server emission", got.ServerEmission, want.ServerEmission},
		{"validator emission", got.ValidatorEmission, want.ValidatorEmission},
		{"emission", got.Emission, want.Emission},
		{"bonds", unpacked(got.Bonds), unpacked(want.Bonds)},
	} {
		if g, w := fmt.Sprint(f.got), fmt.Sprint(f.want); g != w {
			return fmt.Sprintf("%s\n got %s\nwant %s", f.name, g, w)
		}
	}
	return ""
}

// unpacked lists the entries of rows.
func unpacked(rows []yuma.Row) [][][2]uint16 {
	out := make([][][2]uint16, len(rows))
	for i, row := range rows {
		for k := range row.Len() {
			uid, value := row.At(k)
			out[i] = append(out[i], [2]uint16{uid, value})
		}
	}
	return out
}

// sized returns an epoch of the benchmarks: validators first, then miners, each
// validator grading a share of the miners, with the bonds of an epoch before.
func sized(validators, miners, percent int, p yuma.Params) *yuma.Input {
	d := newDraw(uint64(validators)<<32 | uint64(miners))
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
			if percent == 100 || d.chance(percent) {
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
