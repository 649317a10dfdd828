// Command code is a task: write a formula that computes what is asked. The module runs it on numbers that nobody has seen.
package main

import (
	"encoding/json"
	"fmt"

	"agora/task/kit/guest"
)

// piece is a part of a program: what is asked in words, and a formula that does it.
type piece struct{ words, formula string }

var pieces = []piece{
	{"the larger of %[1]s and %[2]s", "if(%[1]s>%[2]s,%[1]s,%[2]s)"},
	{"the smaller of %[1]s and %[2]s", "if(%[1]s<%[2]s,%[1]s,%[2]s)"},
	{"the sum of %[1]s and %[2]s", "(%[1]s+%[2]s)"},
	{"%[1]s times %[2]s", "(%[1]s*%[2]s)"},
	{"the distance between %[1]s and %[2]s", "if(%[1]s>%[2]s,%[1]s-%[2]s,%[2]s-%[1]s)"},
	{"the last digit of %[1]s", "(%[1]s%%10)"},
	{"the square of %[1]s", "(%[1]s*%[1]s)"},
	{"half of %[1]s, rounded down", "(%[1]s/2)"},
}

// draw makes a program of two or three pieces, one within the other.
func draw(s *guest.Source) piece {
	p := piece{"a", "a"}
	for _, v := range []string{"b", "c"}[:1+s.Intn(2)] {
		q := guest.Pick(s, pieces)
		words := p.words
		if words != "a" {
			words = "(" + words + ")"
		}
		p = piece{fmt.Sprintf(q.words+"%.0[2]s", words, v), fmt.Sprintf(q.formula+"%.0[2]s", p.formula, v)}
	}
	n := 1 + s.Intn(9)
	return piece{fmt.Sprintf("%d more than %s", n, p.words), fmt.Sprintf("%s+%d", p.formula, n)}
}

// test is what a formula is tried on.
type test struct {
	In  [3]int64
	Out int64
}

func item(seed [32]byte, index uint64) guest.Item {
	s := guest.NewSource(seed, index)
	p := draw(s)
	var tests [12]test
	for i := range tests {
		tests[i].In = [3]int64{int64(s.Intn(100)), int64(s.Intn(100)), int64(s.Intn(100))}
		tests[i].Out, _ = guest.Formula(p.formula, tests[i].In) // ours runs
	}
	key, _ := json.Marshal(tests) // numbers marshal
	return guest.Chat("Answer with "+guest.FormulaLanguage+".", "Compute "+p.words+".", 256, key)
}

// score is the square of the share of tests that the formula passes.
func score(key, answer []byte) (float64, string) {
	text, err := guest.Text(answer)
	var tests []test
	if err != nil || json.Unmarshal(key, &tests) != nil {
		return 0, "no formula"
	}
	passed := 0.0
	for _, t := range tests {
		got, err := guest.Formula(text, t.In)
		if err != nil {
			return 0, err.Error()
		}
		if got == t.Out {
			passed++
		}
	}
	share := passed / float64(len(tests))
	return share * share, fmt.Sprintf("passes %.0f of %d tests", passed, len(tests))
}

func init() {
	guest.Serve(guest.Task{Name: "code", About: "Writes a formula, which is run on tests.", Version: "1", Item: item, Score: score})
}

func main() {}
