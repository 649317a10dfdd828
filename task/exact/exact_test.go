package exact

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"agora/task"
	"agora/wire/openai"
)

var update = flag.Bool("update", false, "rewrite the golden file")

func answerOf(text string) []byte {
	b, _ := json.Marshal(openai.ChatResponse{Choices: []openai.ChatChoice{{Message: openai.Message{Role: "assistant", Content: openai.Content(text)}}}})
	return b
}

func TestWhatServersPutBesideAnAnswerDoesNotMakeItWrong(t *testing.T) {
	q, it := At(task.Seed{5}, 1), Family{}.Item(task.Seed{5}, 1)
	for _, beside := range []string{
		`"created":1764553205.25`, `"created":"2026-12-01"`, `"created":null`, `"id":7`, `"usage":{"prompt_tokens":5.0,"completion_tokens":-1}`, `"usage":[]`,
		`"usage":"none"`, `"object":null`, `"model":["m"]`, `"system_fingerprint":{}`, `"timings":{"predicted_ms":1e400}`,
	} {
		text, _ := json.Marshal(q.Answer)
		answer := fmt.Sprintf(`{%s,"choices":[{"index":"0","logprobs":[],"finish_reason":{},"message":{"role":"assistant","content":%s,"tool_calls":{}}}]}`, beside, text)
		if got, err := it.Score([]byte(answer)); got != 1 || err != nil {
			t.Errorf("beside %s a right answer scores %v, %v", beside, got, err)
		}
	}
}

// The golden file was written once; every machine and every later version must draw the same items.
func TestItemsAreTheSameOnEveryMachine(t *testing.T) {
	var b strings.Builder
	for i := range uint64(84) {
		q := At(task.Seed{1, 2, 3}, i)
		fmt.Fprintf(&b, "%s\t%s\t%s\n", q.Family, q.Text, q.Answer)
	}
	h := sha256.New()
	for i := range uint64(2000) {
		it := Family{}.Item(task.Seed{9}, i)
		h.Write(it.ID[:])
	}
	fmt.Fprintf(&b, "ids\t%s\n", hex.EncodeToString(h.Sum(nil)))
	const golden = "testdata/items.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != string(want) {
		t.Errorf("items changed; with -update if that is meant\n%s", got)
	}
}

func TestItemIsAChatRequestWithABoundedGreedyAnswer(t *testing.T) {
	it := Family{Model: "quiz"}.Item(task.Seed{7}, 3)
	var r openai.ChatRequest
	if err := json.Unmarshal(it.Body, &r); err != nil {
		t.Fatal(err)
	}
	if it.Path != "/v1/chat/completions" || r.Model != "quiz" || *r.Temperature != 0 || *r.MaxTokens != maxAnswerTokens {
		t.Errorf("%s %s", it.Path, it.Body)
	}
	if len(r.Messages) != 1 || r.Messages[0].Role != "user" || string(r.Messages[0].Content) != At(task.Seed{7}, 3).Text {
		t.Errorf("the messages are %+v", r.Messages)
	}
}

func TestItemsOfDifferentSeedsOrIndicesDiffer(t *testing.T) {
	seen := map[[32]byte]bool{}
	for seed := range byte(20) {
		for i := range uint64(100) {
			seen[Family{}.Item(task.Seed{seed}, i).ID] = true
		}
	}
	if len(seen) < 1850 { // small spaces (weekdays, capitals) repeat now and then
		t.Errorf("%d different items of 2000", len(seen))
	}
}

func TestOnlyTheRightAnswerScores(t *testing.T) {
	for i := range uint64(1000) {
		q, it := At(task.Seed{5}, i), Family{}.Item(task.Seed{5}, i)
		for text, want := range map[string]float64{
			q.Answer: 1, "  " + q.Answer + "\n": 1, q.Answer + ".": 1, "x" + q.Answer + "x": 0, "": 0, "I do not know.": 0,
		} {
			if got, err := it.Score(answerOf(text)); got != want || err != nil {
				t.Fatalf("%+v: answer %q scores %v, %v; want %v", q, text, got, err, want)
			}
		}
	}
}

func TestCaseCountsOnlyWhereTheQuestionIsAboutLetters(t *testing.T) {
	for _, c := range []struct {
		kind  string
		right bool
	}{{"parity", true}, {"facts", true}, {"upper", false}, {"initials", false}} {
		s := NewSource([32]byte{1})
		q := Draw(s, slices.Index(Names(), c.kind))
		swapped := strings.ToUpper(q.Answer)
		if swapped == q.Answer {
			swapped = strings.ToLower(q.Answer)
		}
		if q.Check(swapped) != c.right {
			t.Errorf("%s: %q for %q counts as %v", c.kind, swapped, q.Answer, !c.right)
		}
	}
}

func TestObjectMayListItsKeysInAnyOrder(t *testing.T) {
	q := Question{Answer: `{"a": 1, "b": 2}`, read: anObject}
	for answer, want := range map[string]bool{
		`{"b":2,"a":1}`: true, `{"a":1.0,"b":2}`: true, "```json\n{\n  \"a\": 1,\n  \"b\": 2\n}\n```": true, "Here it is:\n{\"a\":1,\"b\":2}": true,
		`{"a":1}`: false, `{"a":1,"b":"2"}`: false, `{"a":1,"b":2,"c":3}`: false, `[1]`: false, `null`: false, `{"a":1,"b":3,"b":2}`: false,
		`{"a":1,"b":2} or {"a":2,"b":2}`: false, `{"a":1,"b":{}}`: false, `[{"a":1,"b":2}, 5`: false, strings.Repeat(`{"a":`, 3000): false,
	} {
		if q.Check(answer) != want {
			t.Errorf("%s counts as %v", answer, !want)
		}
	}
}

func TestMalformedAnswerIsAnError(t *testing.T) {
	it := Family{}.Item(task.Seed{}, 0)
	for name, body := range map[string]string{
		"no JSON":      "42",
		"no choice":    `{"choices":[]}`,
		"two choices":  `{"choices":[{"message":{"content":"a"}},{"message":{"content":"b"}}]}`,
		"a user's":     `{"choices":[{"message":{"role":"user","content":"a"}}]}`,
		"empty":        "",
		"far too long": `{"choices":[{"message":{"content":"` + strings.Repeat("a", maxAnswerBytes) + `"}}]}`,
	} {
		if score, err := it.Score([]byte(body)); err == nil || score != 0 {
			t.Errorf("%s: score %v, error %v", name, score, err)
		}
	}
}

func TestEveryKindIsDrawnEquallyOften(t *testing.T) {
	counts := map[string]int{}
	n := len(Names()) * 400
	for i := range uint64(n) {
		counts[At(task.Seed{8}, i).Family]++
	}
	for _, name := range Names() {
		if c, want := counts[name], n/len(Names()); c < want*7/10 || c > want*13/10 {
			t.Errorf("%s: %d of %d", name, c, n)
		}
	}
}

func TestOneBaseQuestionInTwentyIsHeldOut(t *testing.T) {
	s, held := NewSource([32]byte{3}), 0
	for range 20000 {
		if Draw(s, 1).HeldOut() {
			held++
		}
	}
	if held < 850 || held > 1150 {
		t.Errorf("%d of 20000 are held out", held)
	}
}

// No guess that ignores the question may be worth much: a miner of canned text must rank last.
func TestOneCannedAnswerIsRarelyRight(t *testing.T) {
	right := map[string]int{}
	const n = 5000
	for i := range uint64(n) {
		right[At(task.Seed{4}, i).Answer]++
	}
	for answer, times := range right {
		if times > n*6/100 {
			t.Errorf("%q is right %d times of %d", answer, times, n)
		}
	}
}

// The arithmetic is checked against the question's own words, by a second reading of them.
func TestSumsAreRight(t *testing.T) {
	s := NewSource([32]byte{6})
	for range 2000 {
		q := Draw(s, slices.Index(Names(), "add3"))
		var a, b, sum int
		digits := strings.FieldsFunc(q.base, func(r rune) bool { return r < '0' || r > '9' })
		fmt.Sscan(digits[0], &a)
		fmt.Sscan(digits[1], &b)
		if fmt.Sscan(q.Answer, &sum); a+b != sum {
			t.Fatalf("%+v", q)
		}
	}
}

func TestRomanNumerals(t *testing.T) {
	for n, want := range map[int]string{1: "I", 4: "IV", 9: "IX", 40: "XL", 49: "XLIX", 90: "XC", 99: "XCIX", 144: "CXLIV", 199: "CXCIX", 399: "CCCXCIX"} {
		if got := roman(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

func TestHelpIsPoliteAndNeverJudged(t *testing.T) {
	s := NewSource([32]byte{2})
	for range 200 {
		if q := Help(s); q.Answer != welcome && q.Answer != unknown {
			t.Errorf("%+v", q)
		}
	}
	if slices.Contains(Names(), "help") {
		t.Error("validators would ask for small talk")
	}
}

func FuzzScore(f *testing.F) {
	f.Add(answerOf("42"))
	f.Add([]byte(`{"choices":[{"message":{"content":null}}]}`))
	f.Add([]byte(`{"choices":[{}]}`))
	items := make([]task.Item, 60)
	for i := range items {
		items[i] = Family{}.Item(task.Seed{1}, uint64(i))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		for _, it := range items {
			score, err := it.Score(answer)
			if score < 0 || score > 1 || err != nil && score != 0 {
				t.Fatalf("score %v, error %v", score, err)
			}
		}
	})
}

func FuzzItem(f *testing.F) {
	f.Add([]byte{1}, uint64(0))
	f.Fuzz(func(t *testing.T, seed []byte, index uint64) {
		var s task.Seed
		copy(s[:], seed)
		a, b := Family{}.Item(s, index), Family{}.Item(s, index)
		if a.ID != b.ID || !bytes.Equal(a.Body, b.Body) {
			t.Fatal("two draws differ")
		}
		if got, err := a.Score(answerOf(At(s, index).Answer)); got != 1 || err != nil {
			t.Fatalf("its own answer scores %v, %v", got, err)
		}
	})
}

func BenchmarkDraw(b *testing.B) {
	s := NewSource([32]byte{})
	for i := 0; b.Loop(); i++ {
		Draw(s, i%len(families))
	}
}
