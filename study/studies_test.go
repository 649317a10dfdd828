package study_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"agora/mechanism/yuma"
	"agora/study"
)

func copier(t *testing.T, grid []study.Copying, e study.Effort) []study.Copying {
	t.Helper()
	cases, err := study.Copier(t.Context(), grid, e)
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

func worstSplit(t *testing.T, p yuma.Params, pieces, voices int, least float64, e study.Effort) study.Splitting {
	t.Helper()
	worst, err := study.WorstSplit(t.Context(), p, pieces, voices, least, e)
	if err != nil {
		t.Fatal(err)
	}
	return worst
}

func TestAStudyEndsWithItsContextAndTellsHowFarItIs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	told := 0
	e := study.Effort{Seed: 1, Seeds: 50, Workers: 1, Progress: func(done, total int) {
		if told = done; total != 50 {
			t.Errorf("%d parts in all, want 50", total)
		}
		if done == 2 {
			cancel()
		}
	}}
	grid := study.CopierGrid(study.Formulas()[:1], []float64{.1}, []float64{.1}, []int{1})
	if _, err := study.Copier(ctx, grid, e); !errors.Is(err, context.Canceled) || told != 2 {
		t.Errorf("%d parts were done, then %v", told, err)
	}
}

func TestConcealmentMakesCopyingCost(t *testing.T) {
	shipped := study.Formulas()[:1]
	ages := []int{1, 2, 5, 16}
	cases := copier(t, study.CopierGrid(shipped, []float64{.15}, []float64{.05}, ages), study.Effort{Seed: 1, Seeds: 3})
	for k, c := range cases {
		if c.Ratio >= 0.95 {
			t.Errorf("at age %d the copier gets %.3f of an honest dividend", c.Age, c.Ratio)
		}
		if k > 0 && c.Ratio >= cases[k-1].Ratio {
			t.Errorf("at age %d the copier gets %.3f, at %d it got %.3f", c.Age, c.Ratio, cases[k-1].Age, cases[k-1].Ratio)
		}
	}
}

func TestCopyingPaysWhereNothingChanges(t *testing.T) {
	still := copier(t, study.CopierGrid(study.Formulas()[:1], []float64{0}, []float64{.3}, []int{5}), study.Effort{Seed: 1, Seeds: 2})
	if still[0].Ratio <= 1 {
		t.Errorf("a copier of unchanging miners gets %.3f; the limits in docs/epoch.md are wrong", still[0].Ratio)
	}
}

func TestCopierDoesNotDependOnTheNumberOfWorkers(t *testing.T) {
	grid := study.CopierGrid(study.Formulas()[:2], []float64{.1}, []float64{.1}, []int{1, 3})
	one, four := copier(t, grid, study.Effort{Seed: 9, Seeds: 2, Workers: 1}), copier(t, grid, study.Effort{Seed: 9, Seeds: 2, Workers: 4})
	if !reflect.DeepEqual(one, four) {
		t.Errorf("one worker: %v, four: %v", one, four)
	}
}

// splitRounding is the gain that rounding can account for, .01 %.
const splitRounding = 1e-4

func TestSplittingGainsNothing(t *testing.T) {
	for name, p := range map[string]yuma.Params{"shipped": yuma.Default(), "relative bonds": yuma.Upstream()} {
		for _, pieces := range []int{2, 16} {
			worst := worstSplit(t, p, pieces, 18, .005, study.Effort{Seed: 1, Seeds: 4})
			t.Logf("%s, %d pieces: %.7f", name, pieces, worst.Gain)
			if worst.Gain > splitRounding {
				t.Errorf("%s: splitting in %d gained %.5f: %+v", name, pieces, worst.Gain, worst)
			}
		}
	}
}

// unweighted is the shipped formula with the reference's dividends.
func unweighted() yuma.Params {
	p := yuma.Default()
	p.StakeWeightedBonds = false
	return p
}

// TestSplittingGainsWhereBondsAreNotWeightedWithStake pins the counterexamples of
// docs/epoch.md.
func TestSplittingGainsWhereBondsAreNotWeightedWithStake(t *testing.T) {
	for _, c := range []struct {
		small  int     // voices in the crowd
		least  float64 // their stake
		own    float64 // the splitter's
		little uint16  // what it gives the first miner
		pieces int
		gain   float64
	}{
		{16, .00501, .42084, 3741, 2, .0538},
		{7, .02001, .36093, 8432, 2, .0393},
		{4, .05001, .30096, 14581, 2, .0263},
		{16, .00501, .42084, 3741, 4, .1178},
		{16, .00501, .42084, 3741, 16, .2251},
	} {
		s := study.Crowded(c.pieces, 2+c.small, c.least, 0)
		s.Stake[0], s.Weights[0][0] = c.own, c.little
		if got := study.SplitGain(unweighted(), s); got < c.gain-splitRounding || got > c.gain+splitRounding {
			t.Errorf("%d voices of %v: %d pieces gain %.5f, want %v", c.small, c.least, c.pieces, got, c.gain)
		}
		for name, p := range map[string]yuma.Params{"as shipped": yuma.Default(), "under Yuma2": yuma.Upstream()} {
			if got := study.SplitGain(p, s); got > splitRounding || got < -splitRounding {
				t.Errorf("%d voices of %v: %d pieces gain %.5f %s", c.small, c.least, c.pieces, got, name)
			}
		}
	}
}

func TestTheSearchComesCloseToTheWorstSplit(t *testing.T) {
	worst := worstSplit(t, unweighted(), 2, 18, .005, study.Effort{Seed: 1, Seeds: 4})
	if worst.Gain < .04 || worst.Gain > .06 {
		t.Errorf("splitting gained %.5f; docs/epoch.md says otherwise: %+v", worst.Gain, worst)
	}
}

func TestAnOmittedMinerCostsNoMoreThanAZero(t *testing.T) {
	p := yuma.Default()
	p.LiquidAlpha, p.AlphaLow, p.AlphaHigh = true, 6553, 19660
	if left, zero := study.OmissionLoss(p, false), study.OmissionLoss(p, true); left != zero {
		t.Errorf("leaving out costs %.4f, a zero %.4f", left, zero)
	}
	p.DecayAbsentBonds = false
	if left, zero := study.OmissionLoss(p, false), study.OmissionLoss(p, true); left < 2*zero {
		t.Errorf("where absent bonds vanish, leaving out costs %.4f and a zero %.4f", left, zero)
	}
}

func TestReportsAreTablesAndJSON(t *testing.T) {
	curves := study.GuaranteeReport{Seeds: 1, Curves: []study.GuaranteeCurve{{
		Setting: study.Settings()[0],
		Points:  []study.Point{{HonestStake: .6, Required: .7361, Published: .7329}},
	}}}
	grid := study.CopierGrid(study.Formulas()[:1], []float64{.1}, []float64{0, .2}, []int{1, 2})
	copies := study.CopierReport{Cases: copier(t, grid, study.Effort{Seed: 1, Seeds: 1, Workers: 1})}
	var table bytes.Buffer
	if err := curves.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	if err := copies.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"0.736/0.733", "age 2", "shipped"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in\n%s", want, table.String())
		}
	}
	var text bytes.Buffer
	if err := study.WriteJSON(&text, curves); err != nil {
		t.Fatal(err)
	}
	var back study.GuaranteeReport
	if err := json.Unmarshal(text.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if got := back.Curves[0].Points[0].Required; got != .7361 {
		t.Errorf("required is %v in the JSON", got)
	}
}

func TestASmallValidatorEarnsItsShare(t *testing.T) {
	if got := study.SmallShare(yuma.Default(), 1e-4); got < 0.99 {
		t.Errorf("a ten-thousandth of the stake earns %.4f of its share", got)
	}
	if here, there := study.SmallShare(yuma.Default(), 1e-5), study.SmallShare(yuma.Upstream(), 1e-5); there > here/2 {
		t.Errorf("a hundred-thousandth earns %.4f here and %.4f under Yuma2; docs/epoch.md says otherwise", here, there)
	}
}
