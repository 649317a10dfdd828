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
	Answer string // the one right answer, or a sample where many are right
	Spell  bool   // the answer is letters and digits, not prose; only the trainer's tokenizer cares
	base   string
	turn   turn
	read   reader
	say    sayer // nil where the question is about form
}

// turn is what a generator makes: the question before it is typed, and its answer.
type turn struct {
	q, a  string
	spell bool
	also  []string               // other right answers
	among []string               // what the answer is one of, where the question names them
	about []string               // words of the question that say which of them is meant
	unit  string                 // words that may stand beside a number
	match func(text string) bool // where many answers are right
}

type family struct {
	name  string
	gen   func(*Source) turn
	read  reader
	say   sayer // nil where the question is about form
	lower bool  // the whole text may be typed in lower case: nothing in it must be copied
}

// families is what validators ask, in the order of Names.
var families = append([]family{
	{name: "add2", gen: addition(0, 99), read: aNumber, say: numberIn},
	{name: "add3", gen: addition(100, 999), read: aNumber, say: numberIn},
	{name: "add4", gen: addition(1000, 9999), read: aNumber, say: numberIn},
	{name: "sum3", gen: sumOfThree, read: aNumber, say: numberIn},
	{name: "sub2", gen: subtraction(0, 99), read: aNumber, say: numberIn},
	{name: "sub3", gen: subtraction(100, 999), read: aNumber, say: numberIn},
	{name: "mul21", gen: product, read: aNumber, say: numberIn},
	{name: "story", gen: story, read: aNumber, say: numberIn},
	{name: "compare", gen: compare, read: aNumber, say: numberIn},
	{name: "maxmin", gen: extreme, read: aNumber, say: numberIn},
	{name: "sort3", gen: sortThree, read: aList, say: listIn},
	{name: "sequence", gen: sequence, read: aNumber, say: numberIn},
	{name: "parity", gen: parity, read: yesOrNo, say: stated},
	{name: "roman", gen: romanNumeral, read: aNumeral, say: numeralIn},
	{name: "reverse", gen: reverse, read: letters, say: lettersIn},
	{name: "sortletters", gen: sortLetters, read: letters, say: lettersIn},
	{name: "count", gen: count, read: aNumber, say: numberIn},
	{name: "length", gen: length, read: aNumber, say: numberIn},
	{name: "nthletter", gen: nthLetter, read: letters, say: lettersIn},
	{name: "upper", gen: letterCase, read: cased, say: lettersIn},
	{name: "yesno", gen: contains, read: yesOrNo, say: stated},
	{name: "nthword", gen: nthWord, read: oneOf, say: oneOfIn},
	{name: "repeat", gen: repeat, read: verbatim},
	{name: "initials", gen: initials, read: cased, say: lettersIn},
	{name: "json", gen: object, read: anObject},
	{name: "calendar", gen: calendar, read: aWord, say: wordIn, lower: true},
	{name: "facts", gen: fact, read: aWord, say: wordIn, lower: true},
	{name: "extract", gen: extract, read: oneOf, say: oneOfIn},
}, sentenceFamilies()...)

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
	return Question{Family: f.name, Text: typed(s, t.q, f.lower), Answer: t.a, Spell: t.spell, base: t.q, turn: t, read: f.read, say: f.say}
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
