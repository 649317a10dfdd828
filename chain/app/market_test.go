package app_test

import (
	"testing"

	"agora/scenario"
)

// market is a chain of three validators and a subnet in which they judge two miners.
func market(t *testing.T) *scenario.World {
	t.Helper()
	return tell(t, threeValidators)
}

const threeValidators = `
	stake    val1 1000  val2 900  val3 800
	funds    bob 1000  mallory 1000
	subnet   text tempo=20 miners a b
	weights  val1 a=0.7 b=0.3 | val2 a=0.7 b=0.3 | val3 a=0.6 b=0.4
`

// tell returns the world after a story.
func tell(t *testing.T, story string) *scenario.World {
	t.Helper()
	w, err := scenario.New()
	if err != nil {
		t.Fatal(err)
	}
	do(t, w, story)
	return w
}

// do goes on with a story.
func do(t *testing.T, w *scenario.World, story string) {
	t.Helper()
	if err := w.Tell(story); err != nil {
		t.Fatal(err)
	}
}
