package exact

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A reader spells a bare value in the one way in which values of its kind are compared; false where the text is none.
type reader func(q Question, text string) (value string, ok bool)

var (
	plainNumber   = regexp.MustCompile(`^[-+]?\d+(?:\.\d+)?$`)
	groupedNumber = regexp.MustCompile(`^[-+]?\d{1,3}(?:[,_ '’\x{a0}\x{2009}\x{202f}]\d{3})+(?:\.\d+)?$`)
	notDigits     = regexp.MustCompile(`[,_ '’\x{a0}\x{2009}\x{202f}]`)
)

// aNumber reads 42, 13,579, 42.0, forty-two and, with words of the question or the unit after it, "50 apples".
func aNumber(q Question, text string) (string, bool) {
	if v, ok := numeral(text); ok {
		return v, true
	}
	if n := slices.Index(adverbs, strings.ToLower(text)); n >= 0 && strings.Contains(q.turn.unit, "times") {
		return strconv.Itoa(n + 1), true
	}
	words := strings.Fields(text)
	for n := len(words) - 1; n >= 1 && n >= len(words)-2; n-- {
		unit := strings.Join(words[n:], " ")
		if v, ok := numeral(strings.Join(words[:n], " ")); ok && len(wordsIn(unit)) > 0 && !denial.MatchString(unit) && !strange.MatchString(unit) && allIn(wordsIn(unit), q.unitWords()) {
			return v, true
		}
	}
	return terms(q, text)
}

// terms reads the continuation of a sequence over several terms: its first one, where all of them are right.
func terms(q Question, text string) (string, bool) {
	if q.Family != "sequence" {
		return "", false
	}
	text = q.withoutGiven(text)
	list, given := integers(text), integers(q.base)
	if len(list) < 1 || len(given) < 2 || strings.Trim(text, "0123456789, .…") != "" {
		return "", false
	}
	for i, n := range list {
		if n != given[len(given)-1]+(i+1)*(given[1]-given[0]) {
			return "", false
		}
	}
	return strconv.Itoa(list[0]), true
}

// unitWords may stand beside the number.
func (q Question) unitWords() []string {
	nouns := slices.DeleteFunc(wordsIn(q.base), func(w string) bool { return fillers[w] || w == "or" || w[0] < 'a' })
	return append(strings.Fields(q.turn.unit), nouns...)
}

// numeral spells a number without sign of plus, separators or empty decimals.
func numeral(text string) (string, bool) {
	if groupedNumber.MatchString(text) {
		text = notDigits.ReplaceAllString(text, "")
	}
	if !plainNumber.MatchString(text) || len(text) > 30 {
		return inWords(text)
	}
	text = strings.TrimPrefix(text, "+")
	if whole, rest, ok := strings.Cut(text, "."); ok && strings.Trim(rest, "0") == "" {
		text = whole
	}
	if short := strings.TrimLeft(text, "0"); short != "" && short[0] >= '0' && short[0] <= '9' {
		text = short
	} else if short == "" {
		text = "0"
	}
	return text, true
}

var (
	smallNumbers = strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
	adverbs      = strings.Fields("once twice thrice")
	tens         = strings.Fields("twenty thirty forty fifty sixty seventy eighty ninety")
)

// inWords reads numbers of up to a few thousand in English words.
func inWords(text string) (string, bool) {
	total, part, seen := 0, 0, false
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r == ' ' || r == '-' || r == ',' }) {
		small, ten := slices.Index(smallNumbers, w), slices.Index(tens, w)
		switch {
		case small >= 0:
			part += small
		case ten >= 0:
			part += 10 * (ten + 2)
		case w == "hundred" && seen:
			part *= 100
		case w == "thousand" && seen:
			total, part = total+1000*part, 0
		case w == "and" && seen:
		default:
			return "", false
		}
		if seen = true; total+part > 99_999 {
			return "", false
		}
	}
	return strconv.Itoa(total + part), seen
}

// aNumeral reads a number, or the letters of a Roman one where those are asked for.
func aNumeral(q Question, text string) (string, bool) {
	if q.Spell {
		return cased(q, text)
	}
	return aNumber(q, text)
}

var (
	listNumber = regexp.MustCompile(`\d+(?:\.0+)?`)
	listRest   = regexp.MustCompile(`^(?:[\s,;<>≤≥|/→()\[\]{}"'-]|and)*$`)
	rises      = regexp.MustCompile(`\d\s*[<≤]\s*\d`)
	falls      = regexp.MustCompile(`\d\s*[>≥]\s*\d`)
	listComma  = regexp.MustCompile(`\s*,\s*(?:and\s+)?|\s+and\s+`)
)

// aList reads numbers in any of the ways in which lists are written.
func aList(_ Question, text string) (string, bool) {
	text = inDigits(text)
	if len(text) > 100 || !listRest.MatchString(listNumber.ReplaceAllString(text, "")) {
		return "", false
	}
	list := integers(text)
	downward := func(a, b int) int { return b - a }
	if len(list) < 2 || rises.MatchString(text) && !slices.IsSorted(list) || falls.MatchString(text) && !slices.IsSortedFunc(list, downward) {
		return "", false
	}
	return commas(list), true
}

// inDigits is a list of numbers in words as one of digits; other texts are as they are.
func inDigits(text string) string {
	parts := listComma.Split(text, -1)
	for i, p := range parts {
		v, ok := inWords(p)
		if !ok {
			return text
		}
		parts[i] = v
	}
	return strings.Join(parts, ", ")
}

// integers lists the numbers in a text, decimals of zero left out.
func integers(text string) (list []int) {
	for _, m := range listNumber.FindAllString(text, -1) {
		whole, _, _ := strings.Cut(m, ".")
		n, err := strconv.Atoi(whole)
		if err != nil {
			return nil
		}
		list = append(list, n)
	}
	return list
}

// yesOrNo reads the bare word, or what says as much.
func yesOrNo(q Question, text string) (string, bool) {
	switch w := strings.ToLower(text); w {
	case "yes", "no":
		return w, true
	case "true", "yeah", "yep", "yup", "y", "correct", "absolutely", "certainly", "affirmative", "it is", "it does", "that's correct", "that is correct", "sí", "ja", "oui":
		return "yes", true
	case "false", "nope", "n", "it is not", "it isn't", "it does not", "it doesn't", "nein", "non":
		return "no", true
	case "odd", "even":
		return yes(slices.Contains(wordsIn(q.base), w)), q.Family == "parity"
	}
	return "", false
}

var apart = regexp.MustCompile(`^\pL(?:[\s.,/–-]+\pL)+$`)

// together joins letters that were written one by one: r-e-g-i-t, H.G.T.
func together(text string) string {
	if !apart.MatchString(text) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, text)
}

// cased reads one word of letters whose case counts.
func cased(_ Question, text string) (string, bool) {
	text = together(text)
	return text, text != "" && strings.IndexFunc(text, func(r rune) bool { return !unicode.IsLetter(r) }) < 0
}

// letters reads one word of letters in either case.
func letters(q Question, text string) (string, bool) {
	v, ok := cased(q, text)
	return strings.ToLower(v), ok
}

// aWord reads a word or a name.
func aWord(q Question, text string) (string, bool) {
	for _, right := range q.turn.also {
		if strings.EqualFold(text, right) {
			return strings.ToLower(text), true
		}
	}
	return letters(q, text)
}

// oneOf reads a word, whether the question offers it or not.
func oneOf(q Question, text string) (string, bool) {
	text = strings.TrimPrefix(strings.ToLower(text), "in ")
	return text, text != "" && strings.IndexFunc(text, func(r rune) bool { return !unicode.IsLetter(r) }) < 0
}

// verbatim reads a text of common words to the letter; only space may be laid out differently.
func verbatim(_ Question, text string) (string, bool) {
	words := strings.Fields(text)
	return strings.Join(words, " "), len(words) > 0 && allIn(wordsIn(text), common)
}

// aSentence reads one sentence with the word that was asked for; another one is talk about the task.
func aSentence(q Question, text string) (string, bool) {
	words, ok := wordsOf(text)
	_, marked := afterMark(text)
	return text, ok && !marked && !announced.MatchString(text) && allIn(q.turn.about, words) && (!slices.Contains(words, "sentence") || ofItself.MatchString(text) && !quotesTitle(text))
}

// announced is a sentence behind a colon, of which this is not the whole.
var announced = regexp.MustCompile(`:\s+["“]`)

// ofItself is a sentence that says what it is; one about "the sentence" is about another.
var ofItself = regexp.MustCompile(`(?i)^(?:this\s+sentence|(?:(?:this|that|it)|[^"“]*[^"“:])\s+is\s+(?:a|one)\s+(?:\pL+\s+)?sentence)\b`)

// anObject reads the JSON object in a text, fenced or not, with words before it or after it. Of several all must be the same.
func anObject(_ Question, text string) (found string, ok bool) {
	for {
		open := strings.Index(text, "{")
		if open < 0 {
			return found, found != "" && outside(text)
		}
		if !outside(text[:open]) || assigned.MatchString(text[:open]) {
			return "", false
		}
		d := json.NewDecoder(strings.NewReader(text[open:]))
		d.UseNumber()
		value, ok := distinct(d)
		if !ok {
			return "", false
		}
		b, err := json.Marshal(value)
		if err != nil || found != "" && string(b) != found {
			return "", false
		}
		found, text = string(b), text[open+int(d.InputOffset()):]
	}
}

// assigned ends a text that goes on as a program, not as an answer.
var assigned = regexp.MustCompile(`(?:=|return|\()\s*["'` + "`" + `]*\s*$`)

// outside says that a text beside an object is prose: it has no bracket, and its end does not touch the object as a letter would.
func outside(beside string) bool {
	if strings.ContainsAny(beside, "[]{}") {
		return false
	}
	last, _ := utf8.DecodeLastRuneInString(beside)
	first, _ := utf8.DecodeRuneInString(beside)
	return !unicode.IsLetter(last) && !unicode.IsDigit(last) || !unicode.IsLetter(first) && !unicode.IsDigit(first)
}

// distinct decodes a value in which no name occurs twice.
func distinct(d *json.Decoder) (any, bool) {
	t, err := d.Token()
	if err != nil {
		return nil, false
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '{' {
			return members(d)
		}
		return nil, false
	case json.Number:
		return numeralOf(t)
	}
	return t, true
}

func members(d *json.Decoder) (any, bool) {
	m := map[string]any{}
	for d.More() {
		name, err := d.Token()
		key, is := name.(string)
		if err != nil || !is {
			return nil, false
		}
		if _, twice := m[key]; twice {
			return nil, false
		}
		v, ok := distinct(d)
		if !ok {
			return nil, false
		}
		m[key] = v
	}
	_, err := d.Token()
	return m, err == nil
}

func numeralOf(n json.Number) (any, bool) {
	v, ok := numeral(n.String())
	return json.Number(v), ok
}
