package yuma_test

import (
	"math"
	"slices"
	"testing"

	"agora/mechanism/yuma"
	"agora/study/draw"
)

// pair is a subnet of two equal validators, uid 0 and 1, and two miners; each
// validator gives everything to its own miner.
func pair(p yuma.Params) *yuma.Input {
	return &yuma.Input{
		Params: p, N: 4, Block: 100, Tempo: 10, Emission: 1000,
		Stake: []uint64{5, 5, 0, 0}, Active: []bool{true, true, false, false},
		LastUpdate: []uint64{99, 99, 0, 0}, Registered: make([]uint64, 4),
		Permit:  []bool{true, true, false, false},
		Weights: []yuma.Row{yuma.Row{}.Append(2, 65535), yuma.Row{}.Append(3, 65535)},
	}
}

func TestTwoHalvesAreNoMajorityHere(t *testing.T) {
	out := new(yuma.Runner).Run(pair(yuma.Upstream()))
	if out.Consensus[2] != 65535 || out.Consensus[3] != 65535 {
		t.Errorf("upstream: consensus %v, want both miners", out.Consensus)
	}
	out = new(yuma.Runner).Run(pair(yuma.Default()))
	if slices.Max(out.Consensus) != 0 || slices.Max(out.Emission) != 0 {
		t.Errorf("here: consensus %v, emission %v, want none", out.Consensus, out.Emission)
	}
}

func TestTheOwnerHasNoPrivilegesHere(t *testing.T) {
	in := pair(yuma.Default())
	in.HasOwner, in.Owner = true, 2
	in.Stake[2], in.LastUpdate[2], in.Active[2] = 100, 99, true
	in.Weights = append(in.Weights, yuma.Row{}.Append(2, 65535))
	if out := new(yuma.Runner).Run(in); out.Consensus[2] != 0 || out.Permit[2] {
		t.Errorf("the owner without a permit decided: consensus %v", out.Consensus)
	}
	in.Params.OwnerPrivileges = true
	if out := new(yuma.Runner).Run(in); out.Consensus[2] != 65535 {
		t.Errorf("with privileges the owner's stake decides: consensus %v", out.Consensus)
	}
}

func TestSidesArePaidFromTheirOwnHalf(t *testing.T) {
	in := pair(yuma.Default())
	in.Weights[1] = in.Weights[0]
	in.Emission = 1001
	out := new(yuma.Runner).Run(in)
	if !slices.Equal(out.ServerEmission, []uint64{0, 0, 500, 0}) || !slices.Equal(out.ValidatorEmission, []uint64{250, 250, 0, 0}) {
		t.Errorf("miners %v, validators %v", out.ServerEmission, out.ValidatorEmission)
	}
}

func TestABarredUidEarnsNothing(t *testing.T) {
	in := pair(yuma.Default())
	in.Weights[0] = yuma.Row{}.Append(2, 65535).Append(3, 65535)
	in.Weights[1] = in.Weights[0]
	in.Barred = []bool{false, false, false, true}
	if out := new(yuma.Runner).Run(in); out.Incentive[3] != 0 || out.Incentive[2] != 65535 {
		t.Errorf("incentive %v", out.Incentive)
	}
}

func TestWeightsOlderThanARegistrationAreVoid(t *testing.T) {
	in := pair(yuma.Default())
	in.Weights[1] = in.Weights[0]
	in.Registered[2] = 99
	if out := new(yuma.Runner).Run(in); out.Incentive[2] != 0 {
		t.Errorf("weights of block 99 count on a uid registered in block 99: %v", out.Incentive)
	}
	in.Registered[2] = 98
	if out := new(yuma.Runner).Run(in); out.Incentive[2] != 65535 {
		t.Errorf("weights of block 99 do not count on a uid registered in block 98: %v", out.Incentive)
	}
}

func TestExtremeBlocksSaturate(t *testing.T) {
	in := pair(yuma.Upstream())
	in.Block, in.LastStep, in.Tempo = math.MaxUint64, math.MaxUint64, math.MaxUint64
	in.LastUpdate[0] = math.MaxUint64
	in.Bonds = []yuma.Row{yuma.Row{}.Append(2, 65535)}
	if diff := difference(new(yuma.Runner).Run(in), textbook(in)); diff != "" {
		t.Error(diff)
	}
}

// TestExtremeStakesAreShared draws stakes, and thresholds, near the ends of a word
// and compares with the textbook.
func TestExtremeStakesAreShared(t *testing.T) {
	var runner yuma.Runner
	for seed := range uint64(2000) {
		d := draw.New(seed)
		in := d.Input(12)
		extreme := func() uint64 {
			return draw.Pick[uint64](d, 0, 1, 1<<32, 1<<62, 1<<63, math.MaxUint64) + d.Uint64N(5) - 2
		}
		for i := range in.Stake {
			in.Stake[i] = extreme()
		}
		in.Params.StakeThreshold = draw.Pick(d, 0, extreme())
		if diff := difference(runner.Run(in), textbook(in)); diff != "" {
			t.Fatalf("seed %d: stakes %v, threshold %d: %s", seed, in.Stake, in.Params.StakeThreshold, diff)
		}
	}
}

func TestAMissingLastUpdateIsInactive(t *testing.T) {
	in := pair(yuma.Upstream())
	in.Weights[1] = in.Weights[0]
	in.LastUpdate = in.LastUpdate[:1]
	in.Block, in.Tempo = 5, 360 // so young that an update in block 0 is recent
	in.LastUpdate[0] = 4
	out := new(yuma.Runner).Run(in)
	if !out.Active[0] || out.Active[1] || out.Exact.ActiveStake[1] != 0 {
		t.Errorf("active %v", out.Active)
	}
	in.Params.ActivityGiven = true
	out = new(yuma.Runner).Run(in)
	if !out.Active[1] || out.ValidatorTrust[1] != 0 {
		t.Errorf("active %v by the caller's word, trust %v in weights of block 0", out.Active, out.ValidatorTrust)
	}
}

func TestManyWorkersShareLargeRows(t *testing.T) {
	if !draw.WorkersAgree() {
		t.Error("three workers differ from one")
	}
}

func TestAnEmptySubnetHasAnEmptyResult(t *testing.T) {
	for _, n := range []int{0, -5} {
		if out := new(yuma.Runner).Run(&yuma.Input{N: n}); len(out.Emission) != 0 || len(out.Bonds) != 0 {
			t.Errorf("n = %d gives %v", n, out)
		}
	}
	if out := new(yuma.Runner).Run(&yuma.Input{N: yuma.MaxN + 9}); len(out.Emission) != yuma.MaxN {
		t.Errorf("%d uids, want %d", len(out.Emission), yuma.MaxN)
	}
}

// TestEqualVoicesAgree has many voices that cannot be told apart, alone and with a
// few others, at every kind of majority.
func TestEqualVoicesAgree(t *testing.T) {
	for _, equal := range []int{1, 8, 9, 30, 64} {
		for _, others := range []int{0, 1, 20} {
			for _, kappa := range []uint16{0, 1, 16384, 32767, 32768, 65534, 65535} {
				p := yuma.Default()
				p.Kappa = kappa
				in := draw.Sized(equal+others, 3, 100, p)
				for i := range equal {
					in.Stake[i], in.Weights[i] = 1e12, in.Weights[0]
				}
				if diff := difference(new(yuma.Runner).Run(in), textbook(in)); diff != "" {
					t.Errorf("%d equal voices, %d others, kappa %d: %s", equal, others, kappa, diff)
				}
			}
		}
	}
}

// TestNoScoresAreSlow gives the median an adversary's best: scores that fool a
// median of nine at every level still end in a sort.
func TestNoScoresAreSlow(t *testing.T) {
	const validators = 3000
	p := yuma.Default()
	in := draw.Sized(validators, 3, 100, p)
	for i := range validators {
		in.Stake[i] = 1 + uint64(i%7)
		organ := min(i, validators-i) // rises and falls
		in.Weights[i] = yuma.Row{}.Append(validators, uint16(1+organ)).Append(validators+1, uint16(60000-organ))
	}
	if diff := difference(new(yuma.Runner).Run(in), textbook(in)); diff != "" {
		t.Error(diff)
	}
}
