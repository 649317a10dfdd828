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

func TestHonestStakeIsGuaranteedAsPublished(t *testing.T) {
	settings := study.Settings()[:2]
	if settings[0].Name != "base" || settings[1].Name != "shipped" {
		t.Fatalf("first settings are %s and %s", settings[0].Name, settings[1].Name)
	}
	curves := guarantee(t, settings, study.Effort{Seed: 1, Seeds: 1})
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

func TestGuaranteeDoesNotDependOnTheNumberOfWorkers(t *testing.T) {
	settings := study.Settings()[:1]
	one := guarantee(t, settings, study.Effort{Seed: 7, Seeds: 1, Workers: 1})
	three := guarantee(t, settings, study.Effort{Seed: 7, Seeds: 1, Workers: 3})
	if !reflect.DeepEqual(one, three) {
		t.Errorf("one worker: %v, three: %v", one, three)
	}
}

func TestPublishedFiguresAreThoseOfTheReference(t *testing.T) {
	text, err := os.ReadFile("../mechanism/yuma/testdata/consensus_guarantees.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Plots map[string]struct {
			Contours map[string]struct {
				Worst float64 `json:"max_x"`
			}
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
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
