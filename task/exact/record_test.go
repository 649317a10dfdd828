package exact

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"agora/task"
)

// recorded is what SmolLM2-135M-Instruct (Q4_1, llama.cpp, greedy) said to an item. Right is what a careful reader holds of it,
// labelled by hand: the answer states the right value, in whatever words, and no other one.
type recorded struct {
	Index    uint64 `json:"index"`
	Family   string `json:"family"`
	Question string `json:"question"`
	Answer   string `json:"answer"`
	Said     string `json:"said"`
	Right    bool   `json:"right"`
}

func readRecords(t *testing.T, path string) (list []recorded) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r recorded
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

// compareWithReader counts the answers that the checker and the careful reader hold to be right.
func compareWithReader(t *testing.T, list []recorded, question func(recorded) Question) (checker, reader int) {
	t.Helper()
	for _, r := range list {
		right := question(r).Check(r.Said)
		if right {
			checker++
		}
		if r.Right {
			reader++
		}
		switch {
		case right && !r.Right:
			t.Errorf("%s %q: %q counts as right", r.Family, r.Question, r.Said)
		case !right && r.Right:
			t.Logf("missed: %s %q: %q", r.Family, r.Question, r.Said)
		}
	}
	return checker, reader
}

// The sixty questions of an earlier generator, answered by a real model: two of its answers counted when only the bare
// answer did.
func TestRealModelGetsItsDueOnSixtyQuestions(t *testing.T) {
	list := readRecords(t, "testdata/smollm2-60.jsonl")
	checker, reader := compareWithReader(t, list, func(r recorded) Question {
		q := posed(r.Family, r.Question, r.Answer)
		if strings.Contains(r.Question, "india") {
			q.turn.also = alsoCapital["India"]
		}
		return q
	})
	t.Logf("the checker counts %d of %d, a careful reader %d", checker, len(list), reader)
	if checker < 10 {
		t.Errorf("%d of %d count, want at least 10", checker, len(list))
	}
}

// Six hundred answers each. The checker was written with the first in view, asked with a system prompt about the form of the answer;
// the others were asked the question alone. Each showed where it fell short of a reader before it was mended: it counted 46 of 66 of
// the second, 59 of 64 of the third, 63 of 66 of the fourth and three answers that the reader does not count, and 56 of 60 of the fifth.
func TestCheckerAgreesWithACarefulReader(t *testing.T) {
	for name, seed := range map[string]task.Seed{"600": {202}, "alone": {203, 7, 19}, "78": {78, 29, 11}, "79": {79, 29, 11}, "80": {80, 29, 11}} {
		t.Run(name, func(t *testing.T) { agrees(t, "testdata/smollm2-"+name+".jsonl", seed) })
	}
}

// agrees holds the checker to nine tenths of what a careful reader counts, and to no answer that the reader does not.
func agrees(t *testing.T, path string, seed task.Seed) {
	t.Helper()
	list := readRecords(t, path)
	checker, reader := compareWithReader(t, list, func(r recorded) Question {
		q := At(seed, r.Index)
		if q.Text != r.Question {
			t.Fatalf("item %d is %q now, it was %q", r.Index, q.Text, r.Question)
		}
		return q
	})
	t.Logf("the checker counts %d of %d, a careful reader %d", checker, len(list), reader)
	if len(list) != 600 || float64(checker) < 0.9*float64(reader) {
		t.Errorf("%d of %d, a careful reader %d", checker, len(list), reader)
	}
}

// Whatever a model writes, a right answer names what is right.
func FuzzCheck(f *testing.F) {
	f.Add("The answer is **regit**.", uint64(3))
	f.Add("<think>x</think>\n\n13,579", uint64(1))
	f.Add("```json\n{\"a\": 1}\n```", uint64(9))
	f.Add("Yes, 77 is odd. No.", uint64(5))
	f.Add("The initials are H.G.T.", uint64(7))
	f.Add("<|channel|>final<|message|>\\boxed{\\text{ＡＢ}} ❌ (not c) | 1. a → b |", uint64(2))
	f.Add("{\"answer\": [1, \"Oslo\", true]}", uint64(4))
	f.Add("61"+strings.Repeat(" (61)", 3000), uint64(0))
	f.Add("48 + 13 = 40 + 21 = 61", uint64(0))
	named := []string{"reverse", "sortletters", "upper", "initials", "nthword", "extract", "calendar", "repeat"}
	bare := func(s string) string {
		s, _ = visible(s)
		return strings.Join(wordsIn(s), "")
	}
	f.Fuzz(func(t *testing.T, text string, index uint64) {
		q := At(task.Seed{77}, index%500)
		if !q.Check(text) {
			return
		}
		if slices.Contains(named, q.Family) && !strings.Contains(bare(text), bare(q.Answer)) {
			t.Fatalf("%q counts as right for %q, which is %q", text, q.Text, q.Answer)
		}
		for _, d := range []string{"\n\nAnswer: 918273", " or 918273", "\n\nAnswer: zzzqqq\nAnswer: 918273"} {
			if q.Family == "add3" && q.Check(text+d) {
				t.Fatalf("%q counts as right for %q", text+d, q.Text)
			}
		}
	})
}
