package exact

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

// Question is one question with its only answer.
type Question struct {
	Family string // e.g. "add2"; one of Names, or "help"
	Text   string // as a person types it
	Answer string
	Spell  bool // the answer is letters and digits, not prose; only the trainer's tokenizer cares
	base   string
	match  matcher
}

// turn is what a generator makes: the question before it is typed, and its answer.
type turn struct {
	q, a  string
	spell bool
}

type family struct {
	name  string
	gen   func(*Source) turn
	match matcher
	lower bool // the whole text may be typed in lower case: nothing in it must be copied
}

// families is what validators ask, in the order of Names.
var families = []family{
	{name: "add2", gen: addition(0, 99)},
	{name: "add3", gen: addition(100, 999)},
	{name: "add4", gen: addition(1000, 9999)},
	{name: "sum3", gen: sumOfThree},
	{name: "sub2", gen: subtraction(0, 99)},
	{name: "sub3", gen: subtraction(100, 999)},
	{name: "mul21", gen: product},
	{name: "story", gen: story},
	{name: "compare", gen: compare},
	{name: "maxmin", gen: extreme},
	{name: "sort3", gen: sortThree},
	{name: "sequence", gen: sequence},
	{name: "parity", gen: parity, match: sameFold},
	{name: "roman", gen: romanNumeral},
	{name: "reverse", gen: reverse},
	{name: "sortletters", gen: sortLetters},
	{name: "count", gen: count},
	{name: "length", gen: length},
	{name: "nthletter", gen: nthLetter},
	{name: "upper", gen: letterCase},
	{name: "yesno", gen: contains, match: sameFold},
	{name: "nthword", gen: nthWord},
	{name: "repeat", gen: repeat},
	{name: "initials", gen: initials},
	{name: "json", gen: object, match: sameObject},
	{name: "calendar", gen: calendar, match: sameFold, lower: true},
	{name: "facts", gen: fact, match: sameFold, lower: true},
	{name: "extract", gen: extract, match: sameFold},
}

// Names lists the kinds of question that validators ask.
func Names() []string {
	names := make([]string, len(families))
	for i, f := range families {
		names[i] = f.name
	}
	return names
}

// Draw makes a question of the i-th of Names, 0 ≤ i < len(Names()).
func Draw(s *Source, i int) Question { return families[i].draw(s) }

// Help makes a turn that no validator asks: a greeting, or something outside the kinds above, with a polite answer.
func Help(s *Source) Question {
	return (&family{name: "help", gen: help, lower: true}).draw(s)
}

func (f *family) draw(s *Source) Question {
	t := f.gen(s)
	return Question{Family: f.name, Text: typed(s, t.q, f.lower), Answer: t.a, Spell: t.spell, base: t.q, match: f.match}
}

// HeldOut tells whether the question, before it was typed, is among the one in twenty that the trainer leaves out.
func (q Question) HeldOut() bool {
	h := fnv.New64a()
	h.Write([]byte(q.base)) // never fails
	return h.Sum64()%20 == 0
}

// fill picks one of the forms, which are separated by |, and puts the arguments in the places {0}, {1} ...
func fill(s *Source, forms string, args ...any) string {
	form := pick(s, strings.Split(forms, "|"))
	for i, a := range args {
		form = strings.ReplaceAll(form, "{"+strconv.Itoa(i)+"}", fmt.Sprint(a))
	}
	return form
}
