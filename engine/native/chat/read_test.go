package chat

import (
	"context"
	"math"
	"testing"

	"agora/task"
	"agora/task/grammar"
)

var _ task.Reader = (*Engine)(nil)

// A text is as probable as its tokens, one after the other, however it is cut into passes.
func TestScoreIsTheChainOfNextTokens(t *testing.T) {
	e, err := Open(Models()[0])
	if err != nil {
		t.Fatal(err)
	}
	ids, begin := e.Tokens("What is 12 + 30? The marina was cold, and the old ship lay near the harbour until the captain came back to it at dawn with two lamps.")
	if begin != 1 || len(ids) < 70 {
		t.Fatalf("%d tokens, %d before the text", len(ids), begin)
	}
	scores, err := e.Score(context.Background(), ids)
	if err != nil || len(scores) != len(ids)-1 {
		t.Fatal(len(scores), err)
	}
	d := e.idle.Get().(*decoder)
	d.text.Truncate(0)
	for i, id := range ids[:len(ids)-1] {
		logits, err := d.read(id)
		if err != nil {
			t.Fatal(err)
		}
		if want := logprob(logits[ids[i+1]], normaliser(logits)); math.Abs(scores[i]-want) > 1e-4 {
			t.Fatalf("token %d: %v, alone %v", i, scores[i], want)
		}
	}
}

func TestShippedModelsReadAPassage(t *testing.T) {
	for _, name := range Models() {
		e, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		score, bits, err := grammar.At(task.Seed{1}, 0).Score(context.Background(), e)
		if err != nil || bits <= 0 || score < 0 || score > 1 {
			t.Errorf("%s: score %v, %v bits per byte, %v", name, score, bits, err)
		}
		t.Logf("%s: %.3f bits per byte", name, bits)
	}
}
