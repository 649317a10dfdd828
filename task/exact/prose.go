package exact

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A sayer reads one sentence around a value. It reads only sentences all of whose words it knows (the question's own words and
// the fillers below) and which give one value; anything else is no answer, and never "contains" one.
type sayer func(q Question, sentence string) (value string, ok bool)

var fillers = wordSet(`the a an of is are was were be it its it's so then thus therefore this that these there which in on to for and as by with you
	your he she they we i his her their has have had having now here total altogether all together left in remaining remain equals equal number numbers
	letter letters word words answer result value called named known exactly indeed just only simply would will can get gets got gives give makes make
	becomes see following correct right final given list order sorted order alphabetical first second third fourth fifth sixth last at from if when
	after before sum product difference plus minus times time appear appears occurs occur contains contain written spelled spelt read reversed
	backwards reverse upper lower case uppercase lowercase capital city country opposite antonym roman numeral numerals initials acronym one than
	ascending descending maximum minimum larger largest bigger biggest greater greatest smaller smallest less least between among day month days
	digit digits months comes come follows following next because formula use used find calculate compute need add subtract multiply solve problem adds equation precedes sequence that's he's she's does do what long length characters lives live who owns own colour color`)

func wordSet(text string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(text) {
		set[w] = true
	}
	return set
}

// wordsIn lists the words of a text in lower case, without their quotes; numbers are words.
func wordsIn(text string) []string {
	list := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\'' && r != '’'
	})
	for i, w := range list {
		list[i] = strings.TrimSuffix(strings.TrimSuffix(strings.Trim(strings.ReplaceAll(w, "’", "'"), "'"), "'s"), "'")
	}
	return slices.DeleteFunc(list, func(w string) bool { return w == "" })
}

func allIn(words, set []string) bool {
	return !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(set, w) })
}

var denial = regexp.MustCompile(`(?i)\b(?:not|never|no|none|neither|nor|or|cannot|without|except|wrong|false)\b|n't\b|n’t\b`)

// unknown lists the words of a sentence that neither the question has nor are fillers.
func (q Question) unknown(words []string) (list []string) {
	asked := wordsIn(q.base)
	for _, w := range words {
		if !fillers[w] && !slices.Contains(asked, w) {
			list = append(list, w)
		}
	}
	return list
}

var (
	numberWord = regexp.MustCompile(`^\d[\d.]*$`)
	numberAt   = regexp.MustCompile(`(?:^|[^\w.,-]|[(=$])([-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?|[-+]?\d+(?:\.\d+)?)`)
	verbBefore = regexp.MustCompile(`(?i)(?:\b(?:is|are|was|be|equals|equal to|gives|makes|has|have|had|contains|get|gets|becomes|to|of length|number)|=|:|≈)\s*(?:the number |exactly |just |only |now )*["'“‘(]*$`)
	larger     = regexp.MustCompile(`(?i)^(?:the number )?(\d+) is (?:an? |the )?(?:(larger|bigger|greater|more|higher)|(smaller|less|lower|fewer))(?: number)?(?: in value)? (?:than|compared to) (?:the number )?(\d+)$`)
	strange    = regexp.MustCompile(`[%€£@#&~^|<>]|\bmore$`) // what makes another quantity of a number
	joint      = regexp.MustCompile(`(?i)^[\s("'-]*(?:and|or|/|,|;|&|to|-|–)?[\s("'-]*$`)
	headed     = regexp.MustCompile(`(?i)^(?:the number )?(\d+) (?:is|comes|follows|are)\b`)
)

// numberIn reads the number that a sentence states.
func numberIn(q Question, sentence string) (string, bool) {
	sentence = q.asked(strings.ReplaceAll(sentence, " is actually ", " is "))
	if m := larger.FindStringSubmatch(sentence); m != nil {
		return q.compared(m)
	}
	if denial.MatchString(sentence) || strange.MatchString(sentence) || slices.ContainsFunc(q.unknown(wordsIn(sentence)), notNumber(q)) {
		return "", false
	}
	if wantsLess.MatchString(q.base) && wantsMore.MatchString(sentence) || wantsMore.MatchString(q.base) && wantsLess.MatchString(sentence) {
		return "", false
	}
	asked := numberValues(q.base)
	found := numberAt.FindAllStringSubmatchIndex(sentence, -1)
	var all, fresh []string
	for i, at := range found {
		v, ok := numeral(sentence[at[2]:at[3]])
		if !ok {
			return "", false
		}
		if all = appendNew(all, v); slices.Contains(asked, v) {
			continue
		}
		if fresh = appendNew(fresh, v); i > 0 && joint.MatchString(sentence[found[i-1][3]:at[2]]) || i+1 < len(found) && joint.MatchString(sentence[at[3]:found[i+1][2]]) {
			return "", false // one of two
		}
	}
	if len(all) == 0 {
		return wordedNumber(q, sentence)
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

// numeralIn reads a sentence that states a number or a Roman numeral, whichever is asked for.
func numeralIn(q Question, sentence string) (string, bool) {
	if q.Spell {
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

// wordedNumber reads a sentence whose only number is written in words.
func wordedNumber(q Question, sentence string) (string, bool) {
	var all []string
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

func appendNew(list []string, v string) []string {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
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

// listIn reads a sentence that ends with the list, after a verb or a colon.
func listIn(q Question, sentence string) (string, bool) {
	if denial.MatchString(sentence) {
		return "", false
	}
	verb := regexp.MustCompile(`(?i)(?:\b(?:is|are|be|become|becomes)\b|:|=)`).FindAllStringIndex(sentence, -1)
	if len(verb) == 0 {
		return "", false
	}
	at := verb[len(verb)-1]
	if slices.ContainsFunc(q.unknown(wordsIn(sentence[:at[0]])), notNumber(q)) {
		return "", false
	}
	return aList(q, undress(sentence[at[1]:]))
}

var (
	leadingYes = regexp.MustCompile(`(?i)^(yes|no)\b\s*(?:[,.;:!–—-]|$)`)
	property   = regexp.MustCompile(`(?i)\b(?:(\d+)|it|that)(?: is|'s)((?: an?| the| indeed| in fact| also| definitely| clearly| actually| therefore| called| considered)*)( not|n't)?(?: an?| indeed)*(?: number)?(?: that is)? (odd|even)\b`)
	unsure     = regexp.MustCompile(`(?i)\b(?:yes|or|maybe)\b`)
	isNot      = regexp.MustCompile(`(?i)\bisn['’]t\b`)
	inside     = regexp.MustCompile(`(?i)\b(?:contains?|is (?:indeed )?in|there is|has|includes?|appears?)\b`)
)

// stated reads yes and no, and what a sentence says of the number or the word that was asked about.
func stated(q Question, sentence string) (string, bool) {
	sentence = isNot.ReplaceAllString(sentence, "is not")
	verdict := ""
	if m := leadingYes.FindStringSubmatch(sentence); m != nil {
		verdict = strings.ToLower(m[1])
		sentence = strings.TrimSpace(sentence[len(m[0]):])
		if leadingYes.MatchString(sentence) || unsure.MatchString(sentence) || verdict == "yes" && denial.MatchString(sentence) && q.said(sentence) == "" {
			return "", false
		}
	}
	said := q.said(sentence)
	switch {
	case verdict == "":
		return said, said != ""
	case said == verdict, said == "" && (verdict == "no" || !denial.MatchString(sentence)):
		return verdict, true
	}
	return "", false
}

// said is yes or no as the sentence amounts to it, "" where it does not say.
func (q Question) said(sentence string) string {
	if q.Family == "parity" {
		return q.parityOf(sentence)
	}
	words := wordsIn(sentence)
	unknown := slices.DeleteFunc(q.unknown(words), func(w string) bool {
		return slices.Contains([]string{"not", "doesn't", "does", "no", "inside", "include", "includes", "present", "didn't", "isn't"}, w)
	})
	if len(unknown) > 0 || !inside.MatchString(sentence) || !allIn(wordsIn(quotedIn(q.base)), words) {
		return ""
	}
	return yes(!denial.MatchString(sentence))
}

var quotes = regexp.MustCompile(`'([^']*)'`)

// quotedIn is what stands between quotes.
func quotedIn(text string) string {
	var b strings.Builder
	for _, m := range quotes.FindAllStringSubmatch(text, -1) {
		b.WriteString(m[1] + " ")
	}
	return b.String()
}

func (q Question) parityOf(sentence string) string {
	asked, answer := integers(q.base), ""
	for _, m := range property.FindAllStringSubmatch(sentence, -1) {
		if n := integers(m[1]); len(n) > 0 && (len(asked) == 0 || n[0] != asked[0]) {
			continue
		}
		is := m[3] == ""
		if same := strings.Contains(strings.ToLower(q.base), strings.ToLower(m[4])); !same {
			is = !is
		}
		if answer != "" && answer != yes(is) {
			return ""
		}
		answer = yes(is)
	}
	return answer
}

var (
	endWord  = regexp.MustCompile(`(?i)(?:\b(?:is|are|be|becomes|called|named|as|spells|gives|word|letter)|=|:|→|->)\s+["'“‘«]?([\pL]+|\pL(?:[-. ]\pL)+)["'”’»]?$`)
	anyQuote = strings.NewReplacer(`"`, "", "“", "", "”", "", "‘", "", "«", "", "»", "")
)

// lettersIn reads a sentence about the letters of a word: it ends with them after a verb, or has one word that the question has not.
func lettersIn(q Question, sentence string) (string, bool) {
	if denial.MatchString(sentence) {
		return "", false
	}
	sentence = anyQuote.Replace(sentence)
	m := endWord.FindStringSubmatchIndex(sentence)
	if m == nil {
		return "", false
	}
	if len(q.unknown(wordsIn(sentence[:m[0]]))) > 0 {
		return "", false
	}
	return q.read(q, strings.Trim(sentence[m[2]:m[3]], "'"))
}

// wordIn reads a sentence with exactly one word, or one name of two, that is neither the question's nor a filler.
func wordIn(q Question, sentence string) (string, bool) {
	if no := denial.FindString(sentence); no != "" && !slices.Contains(q.turn.also, strings.ToLower(no)) {
		return "", false
	}
	if m := endWord.FindStringSubmatch(anyQuote.Replace(sentence)); m != nil {
		if end := strings.ToLower(m[1]); slices.Contains(wordsIn(q.base), end) && !fillers[end] && len(q.unknown(wordsIn(sentence))) <= 1 {
			return q.read(q, end)
		}
	}
	left := q.unknown(wordsIn(sentence))
	if m := endWord.FindStringSubmatch(anyQuote.Replace(sentence)); m != nil && len(left) == 0 {
		return q.read(q, m[1])
	}
	if !states.MatchString(sentence) || len(left) == 0 || len(left) > 2 {
		return "", false
	}
	if len(left) == 2 && left[0] == left[1] {
		left = left[:1]
	}
	return q.read(q, strings.Join(left, " "))
}

var states = regexp.MustCompile(`(?i)\b(?:is|are|was|comes|come|follows|precedes|called|named|be)\b|'s\b|:`)

var tells = regexp.MustCompile(`(?i)\b(?:is|are|has|have|had|lives|owns|comes)\b|'s\b|:`)

// oneOfIn reads a sentence that names one of the words that were offered, or ends with one after a verb, or says it in the part
// that speaks of what was asked.
func oneOfIn(q Question, sentence string) (string, bool) {
	sentence = q.withoutPlace(aside.ReplaceAllString(sentence, ""))
	if denial.MatchString(sentence) || !tells.MatchString(sentence) || len(q.unknown(wordsIn(sentence))) > 0 {
		return "", false
	}
	if v, ok := q.only(sentence); ok && (allIn(wordsIn(strings.Join(q.turn.about, " ")), wordsIn(sentence)) || q.plainly(v, sentence)) {
		return v, true
	}
	if len(q.turn.about) == 0 {
		if m := endWord.FindStringSubmatch(anyQuote.Replace(sentence)); m != nil {
			return q.read(q, strings.Trim(m[1], "'"))
		}
		return "", false
	}
	found := ""
	for _, part := range clause.Split(sentence, -1) {
		if !allIn(wordsIn(strings.Join(q.turn.about, " ")), wordsIn(part)) {
			continue
		}
		v, ok := q.only(part)
		if !ok || found != "" && v != found {
			return "", false
		}
		found = v
	}
	return found, found != ""
}

// withoutPlace takes away the country that a sentence ends with behind a city.
func (q Question) withoutPlace(sentence string) string {
	m := country.FindStringSubmatchIndex(sentence)
	if m == nil || slices.ContainsFunc(q.turn.among, func(w string) bool { return strings.EqualFold(w, sentence[m[2]:m[3]]) }) {
		return sentence
	}
	return sentence[:m[0]]
}

var country = regexp.MustCompile(`,\s+(?:in |the )?(\p{Lu}\pL+)[.!]?$`)

// several says that a sentence which cannot be read names more than one of the words offered.
func (q Question) several(sentence string) bool {
	n, words := 0, wordsIn(sentence)
	for _, w := range q.turn.among {
		if slices.Contains(words, strings.ToLower(w)) {
			n++
		}
	}
	return n > 1 && len(q.unknown(words)) > 0
}

// plainly says that a sentence has nothing but fillers and the value, so that it speaks of what was asked.
func (q Question) plainly(v, sentence string) bool {
	return !slices.ContainsFunc(wordsIn(sentence), func(w string) bool { return !fillers[w] && w != v })
}

var aside = regexp.MustCompile(`(?i)(?:,\s*which\b|\s+and the rest\b).*$`)

var clause = regexp.MustCompile(`(?i),\s*(?:and\s+)?|\s+and\s+|\s+while\s+`)

// only is the one of the words offered that a text names.
func (q Question) only(text string) (string, bool) {
	found, words := "", wordsIn(text)
	for _, w := range q.turn.among {
		w = strings.ToLower(w)
		if !slices.Contains(words, w) {
			continue
		}
		if found != "" && found != w {
			return "", false
		}
		found = w
	}
	return found, found != ""
}
