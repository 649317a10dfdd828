package yuma_test

import (
	"fmt"
	"testing"

	"agora/mechanism/yuma"
	"agora/study/draw"
)

func TestEpochAgreesWithTheTextbook(t *testing.T) {
	var runner yuma.Runner
	epochs := 0
	for seed := range uint64(6000) {
		d := draw.New(seed)
		in := d.Input(draw.Pick(d, 4, 12, 40))
		runner.Workers = d.IntN(4)
		for step := range 3 {
			want := textbook(in)
			got := runner.Run(in)
			epochs++
			if diff := difference(got, want); diff != "" {
				t.Fatalf("seed %d, epoch %d: %s\ninput %+v", seed, step, diff, in)
			}
			in = d.Next(in, got)
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
				in := draw.Sized(size.validators, size.miners, size.percent, p)
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
