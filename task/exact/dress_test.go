package exact

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"agora/task"
)

// dresses are the ways in which assistants write an answer; %s is the answer alone.
var dresses = []string{
	"%s", "%s.", "  %s \n", "**%s**", "**%s.**", "`%s`", `"%s"`, "'%s'", "%s!", "Answer: %s", "**Answer:** %s", "The answer is %s.",
	"The correct answer is: \"%s\".", "Final answer: **%s**", "```\n%s\n```", "```text\n%s\n```", "<think>41? No.\n\nOr 43.</think>\n\n%s", "<think></think>%s",
	"thinking aloud, 41 at first</think>%s", "So, %s.", `\boxed{%s}`, `$\boxed{%s}$`, "#### %s", "- %s", "> %s", "<answer>%s</answer>",
	"Let me see.\n\nI look at it step by step.\n\nAnswer: %s", "Sure!\n%s", "# Answer\n\n**Answer**: %s\n", "The answer is:\n\n%s", "\ufeff%s", "“%s”",
	"%s ✅", "🎉 **%s** 🎉", `\boxed{\text{%s}}`, `$\boxed{\mathbf{%s}}$`, "%s<|im_end|>", "%s</s>", "<p>%s</p>", "&nbsp;%s", "assistant: %s", "Here is the answer: %s",
	"[THINK]41? No.[/THINK]%s", "<think>41</think><think>43</think>%s", "<|channel|>analysis<|message|>41?<|end|><|start|>assistant<|channel|>final<|message|>%s",
	"~~~\n%s\n~~~", "\u200b%s\u200b", "La respuesta es: %s", "Answer: %s ✅",
}

// quarrels hold two different answers.
var quarrels = []string{
	"%s or %s", "%s, or %s", "%s / %s", "%s\n%s", "Answer: %s\nAnswer: %s", "%s. No, %s.", "It is %s or it is %s", "either %s or %s", "%s? Wait, %s",
	"%s; %s", "The answer is %s. Actually the answer is %s.", "%s\n\nAnswer: %s", "**%s** and **%s**", "%s (or %s)", "%s not %s", "- %s\n- %s",
	"%s ❌ %s", `\boxed{%s} \boxed{%s}`, `{"a": "%s", "b": "%s"}`, "| a | b |\n|---|---|\n| %s | %s |", "Answer: %s\nCorrection: %s", "%s (%s)", "~~%s~~ %s",
	"<answer>%s</answer><answer>%s</answer>", "%s → %s", "%s ≠ %s", "1. %s\n2. %s", "%s<|im_end|>%s",
}

// wrongOf is an answer of the same kind that is not right.
func wrongOf(q Question, i uint64) string {
	switch q.Family {
	case "parity", "yesno":
		return map[string]string{"yes": "no", "no": "yes"}[q.Answer]
	}
	if q.turn.match != nil {
		return "My " + q.turn.about[0] + " stood under our silver mountain by an old bridge in the quiet forest."
	}
	for n := uint64(0); ; n++ {
		s := NewSource([32]byte{byte(n), byte(n >> 8), byte(i), 99})
		if other := Draw(s, slices.Index(Names(), q.Family)); !q.Check(other.Answer) && other.Spell == q.Spell {
			return other.Answer
		}
	}
}

func TestRightAnswerIsRightInEveryDressAndAWrongOneInNone(t *testing.T) {
	for i := range uint64(600) {
		q := At(task.Seed{31}, i)
		wrong := wrongOf(q, i)
		if q.Check(wrong) {
			continue // a free sentence that happens to be right
		}
		for _, d := range dresses {
			if text := strings.Replace(d, "%s", q.Answer, 1); !q.Check(text) {
				t.Errorf("%s: %s %q: %q counts as wrong", q.Family, q.Text, q.Answer, text)
			}
			if text := strings.Replace(d, "%s", wrong, 1); q.Check(text) {
				t.Errorf("%s: %s %q: %q counts as right", q.Family, q.Text, q.Answer, text)
			}
		}
		for _, d := range quarrels {
			for _, both := range [][2]any{{q.Answer, wrong}, {wrong, q.Answer}} {
				if text := fmt.Sprintf(d, both[:]...); q.Check(text) {
					t.Errorf("%s: %s %q: %q counts as right", q.Family, q.Text, q.Answer, text)
				}
			}
		}
		if t.Failed() && i > 20 {
			t.FailNow()
		}
	}
}

// asked draws a question of a kind that has the given text, from the kinds' own generators.
func asked(t *testing.T, kind, text string) Question {
	t.Helper()
	for i := range 400_000 {
		q := Draw(NewSource([32]byte{byte(i), byte(i >> 8), byte(i >> 16), 5}), slices.Index(Names(), kind))
		if q.base == text {
			return q
		}
	}
	t.Fatalf("no question %q", text)
	return Question{}
}

// The question is made up where its numbers are many: readers use its words alone.
func posed(kind, text, answer string, also ...string) Question {
	f := families[slices.Index(Names(), kind)]
	return Question{Family: kind, Text: text, Answer: answer, Spell: kind == "roman", base: text, read: f.read, say: f.say, turn: turn{a: answer, also: also}}
}

func TestAnswersInSentencesAreReadForWhatTheySay(t *testing.T) {
	oldQ := asked(t, "facts", "What is the opposite of old?")
	count := asked(t, "count", "How many times does 'e' appear in 'bottle'?")
	length := posed("length", "What is the length of 'tiger'?", "5")
	length.turn.unit = "letter letters character characters"
	story := posed("story", "Leo has 32 apples and buys 18 more. How many apples does Leo have?", "50")
	lives := posed("extract", "Grace lives in Berlin. Ann lives in Rome. Where does Grace live?", "Berlin")
	lives.turn.among, lives.turn.about = cities(), []string{"Grace"}
	word := posed("nthword", "What is the third word of: island brother garden small", "garden")
	word.turn.among = strings.Fields("island brother garden small")
	for _, c := range []struct {
		q     Question
		right []string
		wrong []string
	}{
		{posed("add4", "What is 8426 + 5153?", "13579"), []string{
			"13,579", "13 579", "13579.0", "8426 + 5153 = 13579", "8426 + 5153 = 13,579.", "$8426 + 5153 = 13579$", "The sum of 8426 and 5153 is **13,579**.",
			"So 8426 plus 5153 equals 13579.", "6 + 3 is 9.\n7 is next.\nSo 8426 + 5153 = 13579", "thirteen thousand five hundred and seventy-nine", "It's 13579!",
			"13579\n\n8426 + 5153 = 13579.", "The result is\n\n\\boxed{13579}",
		}, []string{
			"13.579", "1,3579", "8426 + 5153", "8426", "8426 + 5153 = 13578", "8425 + 5154 = 13579", "8426 + 5153 is not 13579", "13579 or 13578", "about 13579 to 13580",
			"8426 + 5153 = 13579 + 1", "It is 13579. No, it is 13578.", "-13579", "13579.5", "13579%", "<think>13579", "13579\n13578", "1 3 5 7 9",
		}},
		{story, []string{"50 apples", "Leo has 50 apples.", "Leo now has 50 apples in total.", "32 + 18 = 50", "fifty", "There are 50 apples.", "50.0"}, []string{
			"50 oranges", "32 apples", "Leo has 32 apples and buys 18 more.", "50 apples or 14 apples", "Leo has 50 apples, not 14", "Leo had 32 apples and 50 more",
		}},
		{length, []string{"5 letters", "The word 'tiger' is 5 letters long.", "five", "It has 5 characters"}, []string{"5 words long and 6 letters", "5 apples"}},
		{count, []string{"1 time", "once", "The letter 'e' appears 1 time in 'bottle'.", "The number of times 'e' appears in 'bottle' is 1."}, []string{"2", "1 or 2 times"}},
		{posed("compare", "Which is smaller, 33 or 55?", "33"), []string{
			"33 is smaller than 55.", "33 is less than 55.", "55 is larger than 33", "The smaller number is 33.", "33 is the smaller of 33 and 55", "The smaller of 33 and 55 is 33.",
		}, []string{"55 is smaller than 33.", "33 and 55", "33 is larger than 55", "The smaller of 33 and 55 is 55.", "55 is the smaller of 55 and 33", "55 < 33", "33 or 55", "not 33"}},
		{posed("maxmin", "Find the smallest number in this list: 77, 93, 32, 94.", "32"), []string{
			"The smallest number in this list is 32.", "The smallest number in this list: 77, 93, 32, 94 is 32", "32 is the smallest number in this list: 77, 93, 32, 94.",
		}, []string{"77 is the smallest of 94, 93, 77, 32", "94", "77, 93, 32, 94", "The smallest number in this list is 77."}},
		{posed("sort3", "Sort 16, 79, 48.", "16, 48, 79"), []string{
			"[16, 48, 79]", "16,48,79", "16 48 79", "16 < 48 < 79", "16\n48\n79", "- 16\n- 48\n- 79", "16, 48 and 79", "The numbers in ascending order are: 16, 48, 79.", "(16, 48, 79)",
		}, []string{"16, 79, 48", "16, 48", "16, 48, 79, 80", "16, 48, 79 or 79, 48, 16", "79, 48, 16"}},
		{posed("sequence", "What comes next: 40, 52, 64, 76?", "88"), []string{"88", "88, 100, 112", "88, 100, ...", "The next number in the sequence is 88."}, []string{
			"88, 99", "100, 88", "40, 52, 64, 76", "The next number in the sequence is 76.",
		}},
		{posed("parity", "Is 77 odd?", "yes"), []string{
			"Yes, it is.", "Yes.", "YES", "Yes, 77 is odd.", "77 is odd.", "The number 77 is indeed odd.", "77 is an odd number.", "77 is not even.", "True",
			"Yes, because 77 is not even.", "The number 77 is indeed odd. In mathematics, an odd number is any number that is not divisible by 2. In this case, 77 is indeed odd.",
		}, []string{"No, it is odd.", "77 is even.", "Yes and no", "yes or no", "Yes? No.", "77 is not odd", "No, 77 is not odd", "Yes, 77 is even.", "79 is odd.", "Yes, it's not odd", "odd or even"}},
		{posed("yesno", "Does 'bicozi' contain the letter 't'?", "no"), []string{
			"No, it does not.", "'bicozi' does not contain the letter 't'.", "No.", "no, there is no 't' in 'bicozi'", "The word 'bicozi' doesn't contain the letter 't'.",
		}, []string{"'bicozi' contains the letter 't'.", "Yes, it does not.", "The word contains no letter"}},
		{posed("nthletter", "What is the third letter of 'market'?", "r"), []string{"R", "r", "The third letter of 'market' is 'r'.", "'R'", "The third letter is R."}, []string{"k", "r or k", "ma", "The third letter of 'market' is 'k'."}},
		{posed("reverse", "Reverse the word 'tiger'.", "regit"), []string{"r-e-g-i-t", "r e g i t", "R, E, G, I, T", "Regit", "The word 'tiger' reversed is 'regit'.", "'tiger' backwards is \"regit\"."}, []string{
			"tiger", "The word 'regit' reversed is 'tiger'.", "r e g t i", "regit tiger", "The word is not 'regit'",
		}},
		{posed("initials", "What are the initials of: horse garden tiger", "HGT"), []string{"H.G.T.", "H G T", "H-G-T", "The initials are HGT.", "The initials are H.G.T."}, []string{"hgt", "HTG", "h.g.t."}},
		{posed("upper", "Write 'market' in upper case.", "MARKET"), []string{"'market' in upper case is MARKET.", "**MARKET**"}, []string{"market", "Market", "MARKET in upper case is market"}},
		{posed("roman", "Write 39 in Roman numerals.", "XXXIX"), []string{"39 is XXXIX", "39 in Roman numerals is XXXIX.", "39 = XXXIX"}, []string{"xxxix", "39 is XXXVIIII", "39"}},
		{posed("facts", "What is the capital of India?", "Delhi", "New Delhi"), []string{"New Delhi", "The capital of India is New Delhi.", "delhi", "The capital of India is called Delhi."}, []string{
			"New Mumbai", "The capital of India is Mumbai, not New Delhi.", "Delhi, Mumbai", "Old Delhi", "The capital is Delhi or Mumbai", "Mumbai. Delhi.", "The capital of India is New Delhi. Wait, it is Mumbai.",
		}},
		{oldQ, []string{"young", "new", "The opposite of old is young.", "New."}, []string{"old", "young old", "youngish", "the opposite of young is old"}},
		{posed("calendar", "What day comes after Monday?", "Tuesday"), []string{"tuesday", "The day after Monday is Tuesday.", "Tuesday comes after Monday."}, []string{"Monday", "Monday or Tuesday", "Wednesday", "The day after Tuesday is Wednesday."}},
		{lives, []string{"Berlin", "Grace lives in Berlin.", "Grace lives in Berlin, and Ann lives in Rome."}, []string{"Grace lives in Rome, and Ann lives in Berlin.", "Rome", "Berlin and Rome", "Ann lives in Rome.", "Grace does not live in Berlin."}},
		{word, []string{"The third word is 'garden'.", "garden", "The third word in the list is **garden**."}, []string{"The third word of island brother garden small is small.", "brother garden", "Garden brother"}},
		{posed("repeat", "Copy this text: orange quiet", "orange quiet"), []string{`"orange quiet"`, "orange  quiet", "Answer: orange quiet"}, []string{"orange", "quiet orange", "orange quiet orange quiet", "I say orange quiet"}},
	} {
		for _, text := range c.right {
			if !c.q.Check(text) {
				t.Errorf("%s: %q counts as wrong", c.q.Text, text)
			}
		}
		for _, text := range c.wrong {
			if c.q.Check(text) {
				t.Errorf("%s: %q counts as right", c.q.Text, text)
			}
		}
	}
}
