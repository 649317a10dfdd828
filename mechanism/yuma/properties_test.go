package yuma_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"agora/mechanism/fixed"
	"agora/mechanism/yuma"
	"agora/study/draw"
)

// properties are what docs/epoch.md says holds on every subnet.
var properties = []struct {
	name  string
	check func(*rapid.T)
}{
	{"EmissionIsConserved", emissionIsConserved},
	{"NobodyIsPaidWithoutIncentive", nobodyIsPaidWithoutIncentive},
	{"PermutingUidsPermutesTheResult", permutingUidsPermutesTheResult},
	{"ScalingAllStakesChangesNothing", scalingAllStakesChangesNothing},
	{"RaisingAWeightByAllNeverLowersItsIncentive", raisingAWeightByAllNeverLowersItsIncentive},
	{"SplittingAStakeLeavesEverythingWhereItWas", splittingAStakeLeavesEverythingWhereItWas},
	{"WithoutHistoryBothVersionsPayTheSame", withoutHistoryBothVersionsPayTheSame},
	{"AMinorityGetsWhatTheMajorityGives", aMinorityGetsWhatTheMajorityGives},
	{"AMinoritysMinerNeverBeatsTheBestWeightOfTheMajority", aMinoritysMinerNeverBeatsTheBestWeightOfTheMajority},
}

func TestProperties(t *testing.T) {
	for _, p := range properties {
		t.Run(p.name, rapid.MakeCheck(p.check))
	}
}

// FuzzProperties lets the fuzzer choose a property and the choices that rapid
// would draw.
func FuzzProperties(f *testing.F) {
	for which := range properties {
		f.Add(uint8(which), []byte("a seed of a few words, from which the draws come"))
	}
	f.Fuzz(func(t *testing.T, which uint8, choices []byte) {
		rapid.MakeFuzz(properties[int(which)%len(properties)].check)(t, choices)
	})
}

// market is a subnet of validators 0..v−1 and miners v..v+m−1 in which every
// validator grades some miners.
type market struct {
	validators, miners int
	stake              []uint64
	grades             [][]uint16 // by validator and miner
	params             yuma.Params
}

// drawMarket draws a market; stakes lie between 10^9 and 10^15 rao.
func drawMarket(t *rapid.T) *market {
	m := &market{
		validators: rapid.IntRange(1, 8).Draw(t, "validators"),
		miners:     rapid.IntRange(1, 8).Draw(t, "miners"),
		params:     rapid.SampledFrom([]yuma.Params{yuma.Default(), yuma.Upstream()}).Draw(t, "formula"),
	}
	m.params.Yuma3 = rapid.Bool().Draw(t, "yuma3")
	for range m.validators {
		m.stake = append(m.stake, rapid.Uint64Range(1e9, 1e15).Draw(t, "stake"))
		m.grades = append(m.grades, rapid.SliceOfN(rapid.Uint16(), m.miners, m.miners).Draw(t, "grades"))
	}
	return m
}

// input lays the market out; uid order[k] takes the place of uid k.
func (m *market) input(order []int) *yuma.Input {
	n := m.validators + m.miners
	in := &yuma.Input{
		Params: m.params, N: n, Block: 100, Tempo: 10, Emission: 1_000_000_007,
		Stake: make([]uint64, n), Active: make([]bool, n), Permit: make([]bool, n),
		LastUpdate: make([]uint64, n), Registered: make([]uint64, n),
		Weights: make([]yuma.Row, n), Bonds: make([]yuma.Row, n),
	}
	for i := range m.validators {
		uid := order[i]
		in.Stake[uid], in.Active[uid], in.Permit[uid], in.LastUpdate[uid] = m.stake[i], true, true, 99
		for j, grade := range m.grades[i] {
			in.Weights[uid] = in.Weights[uid].Append(uint16(order[m.validators+j]), grade)
		}
	}
	return in
}

// plain is the order in which every uid keeps its place.
func plain(n int) []int {
	order := make([]int, n)
	for k := range order {
		order[k] = k
	}
	return order
}

func (m *market) plainInput() *yuma.Input { return m.input(plain(m.validators + m.miners)) }

// run computes the market twice, so that bonds exist, with a Runner of its own.
func run(in *yuma.Input) *yuma.Result {
	runner := new(yuma.Runner)
	in.Bonds = runner.Run(in).Bonds
	return runner.Run(in)
}

func emissionIsConserved(t *rapid.T) {
	in := draw.New(rapid.Uint64().Draw(t, "seed")).Input(20)
	out := new(yuma.Runner).Run(in)
	var paid, combined, sides, recipients uint64
	for i := range out.Emission {
		paid += out.ServerEmission[i] + out.ValidatorEmission[i]
		combined += out.Emission[i]
		for _, amount := range []fixed.I32F32{out.Exact.Incentive[i], out.Exact.Dividends[i]} {
			if amount > 0 {
				recipients++
			}
		}
	}
	if paid > in.Emission || combined > in.Emission {
		t.Fatalf("paid %d and recorded %d of %d", paid, combined, in.Emission)
	}
	sides = uint64(sign(out.Exact.Incentive) + sign(out.Exact.Dividends))
	if sides < 2 {
		return
	}
	// With halves less than a rao per payment is left; one shared division also
	// loses what a share in units of 2^−32 cannot express.
	bound := recipients + 1
	if !in.Params.SplitHalves {
		bound += recipients * (in.Emission>>32 + 1)
	}
	if dust := in.Emission - paid; dust > bound {
		t.Fatalf("%d rao of dust for %d payments of %d", dust, recipients, in.Emission)
	}
}

// sign is 1 where a vector has a positive element.
func sign(v []fixed.I32F32) int {
	for _, x := range v {
		if x > 0 {
			return 1
		}
	}
	return 0
}

func nobodyIsPaidWithoutIncentive(t *rapid.T) {
	in := draw.New(rapid.Uint64().Draw(t, "seed")).Input(12)
	in.Params.NoConsensusNoPay = true
	in.Params.Kappa = 65535 // only what all agree on
	out := new(yuma.Runner).Run(in)
	if sign(out.Exact.Incentive) == 0 && sum(out.Emission) != 0 {
		t.Fatalf("%v rao without incentive", sum(out.Emission))
	}
}

func permutingUidsPermutesTheResult(t *rapid.T) {
	m := drawMarket(t)
	n := m.validators + m.miners
	order := rapid.Permutation(plain(n)).Draw(t, "order")
	want, got := run(m.plainInput()), run(m.input(order))
	for k, uid := range order {
		if want.Exact.Consensus[k] != got.Exact.Consensus[uid] ||
			want.Exact.Incentive[k] != got.Exact.Incentive[uid] ||
			want.Exact.Dividends[k] != got.Exact.Dividends[uid] ||
			want.Exact.ValidatorTrust[k] != got.Exact.ValidatorTrust[uid] ||
			want.Emission[k] != got.Emission[uid] {
			t.Fatalf("uid %d as %d has another result", k, uid)
		}
		for j, other := range order {
			if bondAt(want.Bonds, k, j) != bondAt(got.Bonds, uid, other) {
				t.Fatalf("bond of %d on %d differs as %d on %d", k, j, uid, other)
			}
		}
	}
}

func scalingAllStakesChangesNothing(t *rapid.T) {
	m := drawMarket(t)
	want := run(m.plainInput())
	factor := rapid.Uint64Range(2, 1000).Draw(t, "factor")
	for i := range m.stake {
		m.stake[i] *= factor
	}
	if diff := difference(run(m.plainInput()), want); diff != "" {
		t.Fatalf("with %d times the stake: %s", factor, diff)
	}
}

func raisingAWeightByAllNeverLowersItsIncentive(t *rapid.T) {
	m := drawMarket(t)
	miner := rapid.IntRange(0, m.miners-1).Draw(t, "miner")
	uid := m.validators + miner
	before := run(m.plainInput()).Exact.Incentive[uid]
	for _, grades := range m.grades {
		grades[miner] = rapid.Uint16Range(grades[miner], math.MaxUint16).Draw(t, "raised")
	}
	if after := run(m.plainInput()).Exact.Incentive[uid]; after < before {
		t.Fatalf("incentive fell from %d to %d", before, after)
	}
}

// rounding is how far, in units of 2^−32, a sum over the voters may move when one
// of them becomes two.
const rounding = 32

// splittingAStakeLeavesEverythingWhereItWas divides a validator between 2 to 16 voices
// that say the same. Consensus and incentive stay; so does the sum of what the
// voices earn, except by relative bonds, which are stored relative to the greatest
// and rounded, and by absolute bonds that are not weighted with stake.
func splittingAStakeLeavesEverythingWhereItWas(t *rapid.T) {
	m := drawMarket(t)
	m.params.LiquidAlpha = rapid.Bool().Draw(t, "liquid")
	m.params.BondsPenalty = rapid.SampledFrom([]uint16{0, 32768, 65535}).Draw(t, "beta")
	pieces := rapid.IntRange(2, 16).Draw(t, "pieces")
	split := *m
	split.validators += pieces - 1
	split.stake, split.grades = nil, nil
	left := m.stake[0]
	for k := pieces; k > 0; k-- {
		part := left / uint64(k)
		if k > 1 && rapid.Bool().Draw(t, "uneven") {
			part = rapid.Uint64Range(1, left-uint64(k-1)).Draw(t, "part")
		}
		left -= part
		split.stake, split.grades = append(split.stake, part), append(split.grades, m.grades[0])
	}
	split.stake = append(split.stake, m.stake[1:]...)
	split.grades = append(split.grades, m.grades[1:]...)
	whole, parts := run(m.plainInput()), run(split.plainInput())
	units := float64(rounding * pieces)
	for j := range m.miners {
		a, b := m.validators+j, split.validators+j
		near(t, "consensus", whole.Exact.Consensus[a], parts.Exact.Consensus[b], rounding)
		near(t, "incentive", whole.Exact.Incentive[a], parts.Exact.Incentive[b], units/ranks(whole))
	}
	if m.params.Yuma3 && m.params.StakeWeightedBonds {
		together := total(parts.Exact.Dividends[:pieces])
		near(t, "dividend", whole.Exact.Dividends[0], together, units/ranks(whole))
	}
}

// withoutHistoryBothVersionsPayTheSame has every validator pay for its first weights.
// Absolute bonds weighted with stake then pay what relative bonds do,
//
//	D_i = Σ_j I_j·A_i·Wb_ij / Σ_k A_k·Wb_kj
func withoutHistoryBothVersionsPayTheSame(t *rapid.T) {
	m := drawMarket(t)
	m.params.StakeWeightedBonds = true
	m.params.Yuma3 = false
	relative := new(yuma.Runner).Run(m.plainInput())
	m.params.Yuma3 = true
	absolute := new(yuma.Runner).Run(m.plainInput())
	units := float64(rounding*(m.miners+m.validators)) / ranks(relative)
	for i := range m.validators {
		near(t, "dividend", relative.Exact.Dividends[i], absolute.Exact.Dividends[i], units)
	}
}

// ranks returns Σ R = Σ A_i·TV_i, by which an incentive is divided.
func ranks(out *yuma.Result) (total float64) {
	for i, a := range out.Exact.ActiveStake {
		total += float64(a) / (1 << 32) * float64(out.Exact.ValidatorTrust[i]) / (1 << 32)
	}
	return total
}

func near(t *rapid.T, name string, a, b fixed.I32F32, units float64) {
	t.Helper()
	if d := max(a, b) - min(a, b); float64(d) > units {
		t.Fatalf("%s moved by %d units, from %d to %d", name, d, a, b)
	}
}

// aMinorityGetsWhatTheMajorityGives has a majority that agrees and a minority of
// any opinions. If the majority gives a set of miners w of its weight and the
// minority holds m of the stake, the set's incentive is at most w/(1 − m(1 − w)):
// its rank is at most w, and that of all others at least (1 − m)(1 − w).
func aMinorityGetsWhatTheMajorityGives(t *rapid.T) {
	m := drawMarket(t)
	honest := rapid.SliceOfN(rapid.Uint16(), m.miners, m.miners).Draw(t, "majority")
	minority := rapid.IntRange(1, max(m.validators-1, 1)).Draw(t, "minority")
	favourites := rapid.IntRange(1, m.miners).Draw(t, "favourites")
	var inside, outside uint64
	for i := range m.validators {
		if i < minority {
			m.stake[i] /= uint64(minority)
			inside += m.stake[i]
			continue
		}
		m.grades[i] = honest
		outside += m.stake[i]
	}
	if inside >= outside-outside/20 || slices.Max(honest) == 0 {
		return
	}
	out := run(m.plainInput())
	var given, whole, incentive float64
	for j, grade := range honest {
		whole += float64(grade)
		if j < favourites {
			given += float64(grade)
			incentive += float64(out.Exact.Incentive[m.validators+j]) / (1 << 32)
		}
	}
	for j, grade := range honest {
		if c := float64(out.Exact.Consensus[m.validators+j]) / (1 << 32); c > float64(grade)/whole+1e-9 {
			t.Fatalf("consensus %v above the majority's weight %v", c, float64(grade)/whole)
		}
	}
	w, share := given/whole, float64(inside)/float64(inside+outside)
	if bound := w / (1 - share*(1-w)); incentive > bound+1e-6 {
		t.Fatalf("incentive %v above %v for a minority of %v", incentive, bound, share)
	}
	if given == 0 && incentive != 0 {
		t.Fatalf("incentive %v where the majority gives nothing", incentive)
	}
}

func aMinoritysMinerNeverBeatsTheBestWeightOfTheMajority(t *rapid.T) {
	m := drawMarket(t)
	minority := rapid.IntRange(0, m.validators).Draw(t, "minority")
	var inside, outside uint64
	for i, s := range m.stake {
		if i < minority {
			inside += s
		} else {
			outside += s
		}
	}
	if inside >= outside-outside/20 {
		return
	}
	in := m.plainInput()
	out := run(in)
	for j := range m.miners {
		var best float64
		for i := minority; i < m.validators; i++ {
			var given float64
			for _, grade := range m.grades[i] {
				given += float64(grade)
			}
			if given > 0 {
				best = max(best, float64(m.grades[i][j])/given)
			}
		}
		if c := float64(out.Exact.Consensus[m.validators+j]) / (1 << 32); c > best+1e-9 {
			t.Fatalf("consensus %v above %v, the best of the majority", c, best)
		}
	}
}

func TestTheEpochAllocatesNothingOnceWarm(t *testing.T) {
	liquid, blend := yuma.Default(), yuma.Default()
	liquid.LiquidAlpha, blend.BondsPenalty = true, 32768
	sparse := draw.Sized(70, 500, 5, yuma.Default())
	untidy := *draw.Sized(64, 192, 100, yuma.Default())
	untidy.Weights, untidy.Bonds = backwards(untidy.Weights), backwards(untidy.Bonds)
	untidy.Registered = slices.Clone(untidy.Registered)
	untidy.Registered[100] = 995 // younger than all weights
	for name, in := range map[string]*yuma.Input{
		"default": draw.Sized(64, 192, 100, yuma.Default()), "upstream": draw.Sized(64, 192, 100, yuma.Upstream()),
		"liquid": draw.Sized(64, 192, 100, liquid), "blend": draw.Sized(64, 192, 100, blend),
		"sparse": sparse, "untidy rows": &untidy,
	} {
		for workers, limit := range map[int]float64{1: 0, 2: 8, 4: 8} {
			runner := yuma.Runner{Workers: workers}
			runner.Run(in)
			runner.Run(in) // the other result
			if got := testing.AllocsPerRun(10, func() { runner.Run(in) }); got > limit {
				t.Errorf("%s: %d workers allocate %v times, want at most %v", name, workers, got, limit)
			}
		}
	}
}

func TestAResultMayBeTheNextInput(t *testing.T) {
	in := draw.Sized(16, 40, 70, yuma.Upstream())
	var kept, fresh yuma.Runner
	follow := *in
	for range 4 {
		out := kept.Run(&follow)
		want := fresh.Run(in)
		if diff := difference(out, want); diff != "" {
			t.Fatal(diff)
		}
		follow.Bonds, follow.Permit = out.Bonds, out.Permit
		in.Bonds, in.Permit = clone(want.Bonds), slices.Clone(want.Permit)
	}
}

func TestRowsOutOfOrderAreReadInOrder(t *testing.T) {
	in := draw.Sized(8, 30, 80, yuma.Default())
	want := new(yuma.Runner).Run(in)
	shuffled := *in
	shuffled.Weights, shuffled.Bonds = backwards(in.Weights), backwards(in.Bonds)
	if diff := difference(new(yuma.Runner).Run(&shuffled), want); diff != "" {
		t.Error(diff)
	}
}

// backwards reverses every row and lets a wrong entry precede each.
func backwards(rows []yuma.Row) []yuma.Row {
	out := make([]yuma.Row, len(rows))
	for i, row := range rows {
		for k := row.Len() - 1; k >= 0; k-- {
			uid, value := row.At(k)
			out[i] = out[i].Append(uid, value+1).Append(uid, value)
		}
	}
	return out
}

func TestStakesBeyondAWordAreScaledDown(t *testing.T) {
	in := draw.Sized(4, 3, 100, yuma.Upstream())
	for i := range 4 {
		in.Stake[i] = math.MaxUint64
	}
	for i, share := range new(yuma.Runner).Run(in).StakeWeight[:4] {
		if share != 16383 && share != 16384 {
			t.Errorf("share of validator %d is %d, want a quarter", i, share)
		}
	}
}

func TestAWeightIsItsShareOfTheRow(t *testing.T) {
	const most = 65535 * 65536 // the greatest sum of a row
	check := func(fail func(string, ...any), v, d uint64) {
		if got, want := yuma.Weight(v, d), fixed.I32F32(v).Div(fixed.I32F32(d)); got != uint64(want) {
			fail("%d/%d = %d, want %d", v, d, got, want)
		}
	}
	for shift := range 33 {
		power := uint64(1) << shift
		for d := power - min(power, 40); d < power+40; d++ {
			for _, v := range []uint64{0, 1, 2, 3, 255, 256, 32767, 32768, 65534, 65535} {
				check(t.Fatalf, min(v, d), min(d, most))
			}
			check(t.Fatalf, min(d, 65535), min(d, most))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.OneOf(rapid.Uint64Range(0, 70000), rapid.Uint64Range(0, most)).Draw(t, "d")
		check(t.Fatalf, rapid.Uint64Range(0, min(d, 65535)).Draw(t, "v"), d)
	})
}
