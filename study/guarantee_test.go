package study_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"testing"

	"agora/study"
)

func guarantee(t *testing.T, settings []study.Setting, e study.Effort) []study.GuaranteeCurve {
	t.Helper()
	curves, err := study.Guarantee(t.Context(), settings, e)
	if err != nil {
		t.Fatal(err)
	}
	return curves
}

// It does not depend on the number of workers either.
func TestHonestStakeIsGuaranteedAsPublished(t *testing.T) {
	settings := study.Settings()[:2]
	if settings[0].Name != "base" || settings[1].Name != "shipped" {
		t.Fatalf("first settings are %s and %s", settings[0].Name, settings[1].Name)
	}
	curves := guarantee(t, settings, study.Effort{Seed: 1, Seeds: 1, Workers: 3})
	one := guarantee(t, settings[:1], study.Effort{Seed: 1, Seeds: 1, Workers: 1})
	if !reflect.DeepEqual(one, curves[:1]) {
		t.Errorf("one worker: %v, three: %v", one, curves[:1])
	}
	for _, curve := range curves {
		for k, point := range curve.Points {
			want := curves[0].Points[k].Published
			if math.Abs(point.Required-want) > 0.02 {
				t.Errorf("%s at honest stake %v: required %.4f, published %.4f",
					curve.Name, point.HonestStake, point.Required, want)
			}
			t.Logf("%s %.2f: %.4f (%.4f–%.4f), published %.4f", curve.Name, point.HonestStake, point.Required, point.Least, point.Most, want)
		}
	}
}

// published is what the reference's plots show.
type published struct {
	Plots map[string]struct {
		Contours map[string]struct {
			Worst float64            `json:"max_x"`
			Curve map[string]float64 `json:"x_at_y"` // honest weight by the cabal's
		}
	}
}

func readPublished(t *testing.T) (file published) {
	t.Helper()
	text, err := os.ReadFile("../mechanism/yuma/testdata/consensus_guarantees.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestEveryContourIsAsPublished compares the base plot point by point, for the
// reference's formula and for the one that this chain ships: a part of the points
// with one subnet each, or, at night, all 231 with three.
func TestEveryContourIsAsPublished(t *testing.T) {
	seeds, every := 1, 5
	if os.Getenv("AGORA_NIGHTLY") != "" {
		seeds, every = 3, 1
	}
	contours, compared := readPublished(t).Plots["retention-lines.svg"].Contours, 0
	for _, setting := range study.Settings()[:2] {
		most := 0.0
		for s, stake := range study.HonestStakes {
			curve := contours[fmt.Sprintf("%.2f", stake)].Curve
			for k := s % every; k <= 20; k += every {
				own := float64(k) / 20
				want, found := curve[fmt.Sprintf("%.2f", own)]
				if !found {
					t.Fatalf("no point at %v, %v", stake, own)
				}
				got := study.Crossing(setting, stake, own, 1, seeds)
				compared++
				most = max(most, math.Abs(got-want))
				if math.Abs(got-want) > 0.02 {
					t.Errorf("%s, honest stake %v, cabal %v: %.4f, published %.4f", setting.Name, stake, own, got, want)
				}
			}
		}
		t.Logf("%s: at most %.4f from the published contours", setting.Name, most)
	}
	t.Logf("%d points compared", compared)
}

func TestPublishedFiguresAreThoseOfTheReference(t *testing.T) {
	file := readPublished(t)
	plots := map[string]string{
		"base": "retention-lines", "sigma 0": "weights_stddev_0", "sigma 0.2": "weights_stddev_20",
		"kappa 0.4": "kappa_40", "kappa 0.6": "kappa_60", "beta 0.5": "bonds_penalty_50",
		"beta 0": "bonds_penalty_0", "xi 0.25": "validator_emission_25", "xi 0": "validator_emission_0",
	}
	for _, setting := range study.Settings() {
		for k, published := range setting.Published {
			contour := file.Plots[plots[setting.Name]+".svg"].Contours[fmt.Sprintf("%.2f", study.HonestStakes[k])]
			if contour.Worst != published {
				t.Errorf("%s at %v: %v, recorded %v", setting.Name, study.HonestStakes[k], published, contour.Worst)
			}
		}
	}
}
