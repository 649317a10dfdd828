package train

import (
	"os"
	"testing"

	"agora/engine/native/ladder"
	"agora/engine/native/llm"
	"agora/task/exact"
)

// The models that ship, asked again: what their cards say of questions held out and of 500 everyday requests, each at least 8 points
// better than the smaller one. At night all questions of the cards, to the last answer, else some.
func TestTheModelsThatShipAreAsGoodAsTheirCards(t *testing.T) {
	n, slack := 200, 0.12
	if os.Getenv("AGORA_NIGHTLY") != "" {
		n, slack = 2800, 0.0001
	}
	last := -1.0
	for _, c := range ladder.Cards() {
		e, err := ladder.Open(c.Name, llm.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		unknown, err := unknownShare(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		if unknown != c.Unknown || unknown < 0.95 {
			t.Errorf("%s says that it does not know to %.3f of everyday requests, its card %.3f", c.Name, unknown, c.Unknown)
		}
		rights, _, err := Measure(t.Context(), e, exact.NewSource(streamSeed("measure")), n)
		if err != nil {
			t.Fatal(err)
		}
		right := 0.0
		for _, k := range rights {
			right += float64(k) / float64(n)
		}
		if t.Logf("%s: %.3f of %d right, %.3f not known", c.Name, right, n, unknown); right < c.Accuracy-slack || right > c.Accuracy+slack {
			t.Errorf("%s: its card says %.3f right", c.Name, c.Accuracy)
		}
		if right < last+0.08 {
			t.Errorf("%s is hardly better than the one before, %.3f", c.Name, last)
		}
		last = right
	}
}
