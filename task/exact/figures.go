package exact

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

var (
	numberWord = regexp.MustCompile(`^\d[\d.]*$`)
	numberAt   = regexp.MustCompile(`(?:^|[^\w.,-]|[(=$])([-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?|[-+]?\d+(?:\.\d+)?)`)
	verbBefore = regexp.MustCompile(`(?i)(?:\b(?:is|are|was|be|equals|equal to|gives|makes|has|have|had|contains|get|gets|becomes|to|of length|number)|=|:|≈)\s*(?:the number |exactly |just |only |now )*["'“‘(]*$`)
	larger     = regexp.MustCompile(`(?i)^(?:the number )?(\d+) is (?:an? |the )?(?:(larger|bigger|greater|more|higher)|(smaller|less|lower|fewer))(?: number| value| version)?(?: in value)? (?:than|of|compared to) (?:the number )?(\d+)$`)
	strange    = regexp.MustCompile(`[%€£@#&~^|<>√∛±¬\p{No}]|\bmore$|\d\s+times \pL+$|(?i)(?:^|\b(?:is|are|be|equals)|[=:])\s*minus\b`) // what makes another quantity of a number
	joint      = regexp.MustCompile(`(?i)^[\s("'-]*(?:and|or|/|,|;|&|to|-|–)?[\s("'-]*$`)
	glued      = regexp.MustCompile(`^\pL`)
	headed     = regexp.MustCompile(`(?i)^(?:the number )?(\d+) (?:is|comes|follows|are)\b`)
)

// numberIn reads the number that a sentence states.
func numberIn(q Question, sentence string) (string, bool) {
	sentence = q.asked(possible.ReplaceAllString(pluralLetter.ReplaceAllString(sentence, "'$1'"), "$1 "))
	for _, form := range []*regexp.Regexp{larger, largerSign} {
		if m := form.FindStringSubmatch(sentence); m != nil {
			return q.compared(m)
		}
	}
	if v, ok := q.chained(sentence); ok {
		return v, true
	}
	if v, ok := q.computed(sentence); ok {
		return v, true
	}
	sentence = q.withoutGiven(sentence)
	if !q.plainNumbers(sentence) {
		return "", false
	}
	if !numberAt.MatchString(sentence) {
		return wordedNumber(q, sentence)
	}
	v, ok := q.oneNumber(sentence)
	return v, ok && !bounded(sentence, v)
}

// largerSign is what larger says, in signs.
var largerSign = regexp.MustCompile(`^(\d+)\s*(?:(>)|(<))\s*(\d+)$`)

var chain = regexp.MustCompile(`^(.*?)(\d[\d,]*(?:\s*[-+*x×·]\s*\d[\d,]*)+)((?:\s*=\s*\d[\d,]*(?:\s*[-+*x×·]\s*\d[\d,]*)*)*)\s*=\s*(\d[\d,]*)$`)

// chained reads equations one behind the other, all of which are true and begin with the question's own numbers or, where those are
// letters, with the letters.
func (q Question) chained(sentence string) (string, bool) {
	m := chain.FindStringSubmatch(sentence)
	if m == nil || denial.MatchString(m[1]) || len(q.unknown(wordsIn(m[1]))) > 0 || strange.MatchString(m[1]) {
		return "", false
	}
	v, ok := numeral(m[4])
	for _, side := range append(strings.Split(m[3], "=")[min(1, strings.Count(m[3], "=")):], m[2]) {
		if side != "" && strconv.Itoa(worth(side)) != v {
			return "", false
		}
	}
	_, own := q.computed(m[2] + " = " + v)
	return v, ok && (own || q.Family == "roman" && (m[1] == "" || allIn(wordsIn(quotedIn(q.base)), wordsIn(m[1]))))
}

// worth is the value of sums and differences of products.
func worth(expression string) int {
	sum, product, sign := 0, 1, 1
	for _, t := range term.FindAllString(strings.ReplaceAll(expression, ",", ""), -1) {
		switch t {
		case "+", "-":
			sum, product, sign = sum+sign*product, 1, 1
			if t == "-" {
				sign = -1
			}
		case "*", "x", "×", "·":
		default:
			n, err := strconv.Atoi(t)
			if err != nil || n > 1<<20 || product > 1<<20 {
				return -1
			}
			product *= n
		}
	}
	return sum + sign*product
}

var term = regexp.MustCompile(`\d+|[-+*x×·]`)

// plainNumbers says that a sentence has no words but known ones, denies nothing and speaks of the same end of a comparison as the
// question does.
func (q Question) plainNumbers(sentence string) bool {
	switch {
	case denial.MatchString(sentence) || strange.MatchString(sentence) || slices.ContainsFunc(q.unknown(wordsIn(sentence)), notNumber(q)):
		return false
	case q.turn.unit != "" && (strings.ContainsAny(sentence, "*+/") || numberAt.MatchString(sentence) && adverb.MatchString(sentence)):
		return false
	case wantsLess.MatchString(q.base):
		return !wantsMore.MatchString(sentence)
	case wantsMore.MatchString(q.base):
		return !wantsLess.MatchString(sentence)
	}
	return true
}

// oneNumber is the only number of a sentence, the one at its end after a verb, or the only one that the question has not.
func (q Question) oneNumber(sentence string) (string, bool) {
	asked := numberValues(q.base)
	found := numberAt.FindAllStringSubmatchIndex(sentence, -1)
	var all, fresh []string
	for i, at := range found {
		v, ok := numeral(sentence[at[2]:at[3]])
		if !ok || glued.MatchString(sentence[at[3]:]) {
			return "", false
		}
		if all = appendNew(all, v); slices.Contains(asked, v) {
			continue
		}
		if fresh = appendNew(fresh, v); i > 0 && joint.MatchString(sentence[found[i-1][3]:at[2]]) || i+1 < len(found) && joint.MatchString(sentence[at[3]:found[i+1][2]]) {
			return "", false // one of two
		}
	}
	last := found[len(found)-1]
	stated, _ := numeral(sentence[last[2]:last[3]])
	atEnd := verbBefore.MatchString(sentence[:last[2]]) && !strings.ContainsAny(sentence[last[3]:], "0123456789+*=/")
	switch {
	case len(all) == 1:
		return all[0], true
	case len(fresh) > 1:
		return "", false
	case atEnd && (len(fresh) == 0 || fresh[0] == stated):
		return stated, true
	case len(fresh) == 1 && !strings.ContainsRune(sentence, '='):
		return fresh[0], true
	}
	if m := headed.FindStringSubmatch(sentence); m != nil && len(fresh) == 0 {
		return numeral(m[1])
	}
	return "", false
}

// bounded says that a sentence gives this number as a bound: "less than 61", "at least 2".
func bounded(sentence, value string) bool {
	return slices.ContainsFunc(bound.FindAllStringSubmatch(sentence, -1), func(m []string) bool {
		v, ok := numeral(m[1])
		return ok && v == value
	})
}

var (
	possible     = regexp.MustCompile(`(?i)\b(is|least|smallest|lowest|minimum|largest|greatest|biggest|highest|maximum) (?:possible|actually) `)
	pluralLetter = regexp.MustCompile(`["'“‘](\pL)["'”’]['’]?s\b`)
	adverb       = regexp.MustCompile(`(?i)\b(?:once|twice|thrice)\b`)
	sumIn        = regexp.MustCompile(`(\d[\d,]*(?:\s*[-+*x×·]\s*\d[\d,]*)+)\s*=\s*(-?\d[\d,]*(?:\.\d+)?)(.*)$`)
	bound        = regexp.MustCompile(`(?i)\b(?:at (?:least|most)|(?:less|more|fewer|greater|smaller|larger|bigger|higher|lower) than|between|above|below)\s+(?:the number )?["'“‘]*(\d[\d,]*(?:\.\d+)?|one)\b`)
	scale        = regexp.MustCompile(`(?i)\b(?:dozen|hundred|thousand|million)`)
	supposed     = regexp.MustCompile(`(?i)\b(?:if|whether|suppose|were)\b`)
)

// computed reads a sentence, in whatever words, that has the question's own sum with its result and no other result or number.
func (q Question) computed(sentence string) (string, bool) {
	sign, is := map[string]string{"add": "+", "sum": "+", "sub": "-", "mul": "*x×·"}[q.Family[:min(3, len(q.Family))]]
	m := sumIn.FindStringSubmatch(sentence)
	if !is || m == nil || strings.Count(sentence, "=") > 1 || strings.ContainsAny(m[3], "+*/×") || strange.MatchString(sentence) || scale.MatchString(m[3]) {
		return "", false
	}
	result, ok := numeral(m[2])
	if !ok || q.names(sentence, result) || denial.MatchString(sentence) || choice.MatchString(sentence) || hedge.MatchString(sentence) || doubt.MatchString(sentence) || supposed.MatchString(sentence) {
		return "", false
	}
	terms, asked := integers(strings.ReplaceAll(m[1], ",", "")), integers(q.base)
	slices.Sort(terms)
	slices.Sort(asked)
	ordered := sign != "-" || len(terms) == 2 && strings.HasPrefix(m[1], strconv.Itoa(terms[1]))
	return result, slices.Equal(terms, asked) && ordered && strings.Trim(m[1], "0123456789, "+sign) == ""
}

// withoutGiven takes away what an answer may repeat of the question: the terms of a sequence, the letters of a word one by one.
func (q Question) withoutGiven(text string) string {
	switch {
	case q.Family == "sequence":
		return strings.Replace(text, commas(integers(q.base))+", ", "", 1)
	case q.turn.unit != "":
		return lettersFirst.ReplaceAllString(spelledOut.ReplaceAllString(text, ""), "")
	}
	return text
}

// lettersFirst are a word's letters one by one before what is said of them.
var lettersFirst = regexp.MustCompile(`^\pL(?:(?:,\s*|-|\s+)\pL)+\s*[:=]\s*`)

var spelledOut = regexp.MustCompile(`(?:[:,]|\s\()\s*\pL(?:(?:,\s*(?:and )?|-|\s+(?:and )?)\pL)+\)?$`)

// romanSum is a number with its parts, and the numeral that they make.
var romanSum = regexp.MustCompile(`^(\d+)(?:\s*=\s*[\dIVXLC\s+()]+)*\s*=\s*([IVXLC]+)$`)

// numeralIn reads a sentence that states a number or a Roman numeral, whichever is asked for.
func numeralIn(q Question, sentence string) (string, bool) {
	if q.Spell {
		if m := romanSum.FindStringSubmatch(sentence); m != nil && slices.Contains(numberValues(q.base), m[1]) {
			return m[2], true
		}
		return lettersIn(q, sentence)
	}
	return numberIn(q, sentence)
}

// notNumber tells the words that a sentence about a number may not hold.
func notNumber(q Question) func(string) bool {
	return func(w string) bool {
		if slices.Contains(adverbs, w) && strings.Contains(q.turn.unit, "times") {
			return false
		}
		return !numberWord.MatchString(w) && !slices.Contains(smallNumbers, w) && !slices.Contains(tens, w) && !slices.Contains(strings.Fields(q.turn.unit), w)
	}
}

// oneUnit is "one 'e'" or "one book": one of what was asked for.
var oneUnit = regexp.MustCompile(`(?i)\bone (?:(["'“‘]\pL["'”’])|(\pL+))`)

// wordedNumber reads a sentence whose only number is written in words.
func wordedNumber(q Question, sentence string) (string, bool) {
	var all []string
	if m := oneUnit.FindStringSubmatch(sentence); m != nil && !bound.MatchString(sentence) && (m[1] != "" && q.turn.unit != "" || m[2] != "" && allIn(wordsIn(m[2]+" "+m[2]+"s"), slices.Concat(q.unitWords(), wordsIn(m[2])))) {
		all = append(all, "1")
	}
	for _, w := range strings.FieldsFunc(sentence, func(r rune) bool { return !unicode.IsLetter(r) && r != '-' }) {
		if n := slices.Index(adverbs, strings.ToLower(w)); n >= 0 && strings.Contains(q.turn.unit, "times") {
			all = appendNew(all, strconv.Itoa(n+1))
		}
		if v, ok := inWords(w); ok && !strings.EqualFold(w, "one") && !strings.EqualFold(w, "and") {
			all = appendNew(all, v)
		}
	}
	if len(all) != 1 {
		return "", false
	}
	return all[0], true
}

func numberValues(text string) (list []string) {
	for _, m := range numberAt.FindAllStringSubmatch(text, -1) {
		if v, ok := numeral(m[1]); ok {
			list = appendNew(list, v)
		}
	}
	return list
}

var (
	wantsLess = regexp.MustCompile(`(?i)\b(?:smaller|smallest|less|least|minimum|lower|lowest)\b`)
	wantsMore = regexp.MustCompile(`(?i)\b(?:larger|largest|bigger|biggest|greater|greatest|maximum|higher|highest)\b`)
)

// asked is the part of a sentence that speaks of the smaller or the larger, as the question does, where another speaks of the
// contrary.
func (q Question) asked(sentence string) string {
	want, other := wantsLess, wantsMore
	if wantsMore.MatchString(q.base) {
		want, other = other, want
	}
	if !want.MatchString(q.base) || !want.MatchString(sentence) || !other.MatchString(sentence) {
		return sentence
	}
	found := sentence
	for _, part := range clause.Split(sentence, -1) {
		if !want.MatchString(part) || other.MatchString(part) {
			continue
		}
		if found != sentence {
			return sentence
		}
		found = part
	}
	return found
}

// compared reads "33 is less than 55": true or not, it says which of the two is which.
func (q Question) compared(m []string) (string, bool) {
	a, b := m[1], m[4]
	asked := numberValues(q.base)
	if q.Family != "compare" || a == b || !slices.Contains(asked, a) || !slices.Contains(asked, b) {
		return "", false
	}
	if firstIsLess := m[3] != ""; firstIsLess == wantsLess.MatchString(q.base) {
		return a, true
	}
	return b, true
}

var (
	listFirst = regexp.MustCompile(`(?i)^([\d,\s]+(?:and \d+)?) (?:is|are) ([^\d]*)$`)
	listVerb  = regexp.MustCompile(`(?i)(?:\b(?:is|are|be|become|becomes)\b|:|=)`)
)

// listIn reads a sentence that begins with the list, or ends with it after a verb or a colon.
func listIn(q Question, sentence string) (string, bool) {
	if denial.MatchString(sentence) {
		return "", false
	}
	if m := listFirst.FindStringSubmatch(sentence); m != nil && !slices.ContainsFunc(q.unknown(wordsIn(m[2])), notNumber(q)) {
		return aList(q, m[1])
	}
	verb := listVerb.FindAllStringIndex(sentence, -1)
	if len(verb) == 0 {
		return "", false
	}
	at := verb[len(verb)-1]
	if slices.ContainsFunc(q.unknown(wordsIn(sentence[:at[0]])), notNumber(q)) {
		return "", false
	}
	return aList(q, undress(sentence[at[1]:]))
}
