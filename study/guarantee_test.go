package study_test

import (
	"math"
	"reflect"
	"testing"

	"agora/study"
)

func TestHonestStakeIsGuaranteedAsPublished(t *testing.T) {
	settings := study.Settings()[:2]
	if settings[0].Name != "base" || settings[1].Name != "shipped" {
		t.Fatalf("first settings are %s and %s", settings[0].Name, settings[1].Name)
	}
	curves := study.Guarantee(settings, 1, 1, 0)
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
	one := study.Guarantee(settings, 7, 1, 1)
	three := study.Guarantee(settings, 7, 1, 3)
	if !reflect.DeepEqual(one, three) {
		t.Errorf("one worker: %v, three: %v", one, three)
	}
}
