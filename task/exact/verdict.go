package exact

import (
	"regexp"
	"slices"
	"strings"
)

var (
	leadingYes = regexp.MustCompile(`(?i)^(yes|no)\b\s*(?:[,.;:!–—-]|$)`)
	property   = regexp.MustCompile(`(?i)\b(?:(\d+)|it|that)(?: is|'s)((?: an?| the| indeed| in fact| also| definitely| clearly| actually| therefore| called| considered)*)( not|n't)?(?: an?| indeed)*(?: number)?(?: that is)? (odd|even)\b`)
	onlyIf     = regexp.MustCompile(`(?i)^(?:if|unless|only|provided|assuming)\b`)
	unsure     = regexp.MustCompile(`(?i)\b(?:yes|or|maybe)\b`)
	isNot      = regexp.MustCompile(`(?i)\bisn['’]t\b`)
	inside     = regexp.MustCompile(`(?i)\b(?:contains?|is (?:indeed )?in|there is|has|includes?|appears?|(?:part|found|present|exists?) (?:of|in))\b`)
	asks       = regexp.MustCompile(`(?i)^(?:does|do|did|is|are|can)\s+(?:["'“‘]|(?:the|there|this|a|it)\b)`)
	placed     = regexp.MustCompile(`(?i)\b(?:(?:first|second|third|fourth|fifth|sixth|last) letter (?:of|in)|(?:starts|begins|ends) with)\b`)
	unless     = regexp.MustCompile(`(?i)\b(?:if|whether|when|unless|suppose) (?:the (?:number|word) )?$`)
)

// stated reads yes and no, and what a sentence says of the number or the word that was asked about.
func stated(q Question, sentence string) (string, bool) {
	sentence = isNot.ReplaceAllString(sentence, "is not")
	verdict := ""
	if m := leadingYes.FindStringSubmatch(sentence); m != nil {
		verdict = strings.ToLower(m[1])
		sentence = strings.TrimSpace(sentence[len(m[0]):])
		if leadingYes.MatchString(sentence) || onlyIf.MatchString(sentence) || unsure.MatchString(sentence) || verdict == "yes" && denial.MatchString(sentence) && q.said(sentence) == "" {
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
	if asks.MatchString(sentence) {
		return ""
	}
	head, rest := q.upToNames(sentence)
	for _, part := range []string{sentence, head} {
		if part == head && (denial.MatchString(rest) || choice.MatchString(rest) && denial.MatchString(head)) || supposed.MatchString(part) || !q.mentions(part) {
			continue
		}
		unknown := slices.DeleteFunc(q.unknown(wordsIn(part)), func(w string) bool { return slices.Contains(aboutInside, w) })
		if len(unknown) == 0 && placed.MatchString(part) && !denial.MatchString(part) {
			return "yes"
		}
		if len(unknown) == 0 && inside.MatchString(part) {
			return yes(!denial.MatchString(part))
		}
	}
	return ""
}

var aboutInside = strings.Fields("not doesn't does no inside include includes present didn't isn't part found exist exists starts begins ends with")

// longest is where upToNames and beside stop looking, in bytes: they read a sentence once for every word, or bracket.
const longest = 200

// upToNames cuts a sentence behind the first place where it has named all that the question names in quotes.
func (q Question) upToNames(sentence string) (head, rest string) {
	for i, r := range sentence[:min(len(sentence), longest)] {
		if (r == ' ' || r == ',') && q.mentions(sentence[:i]) {
			return sentence[:i], sentence[i:]
		}
	}
	return sentence, ""
}

// lone finds the letters that are words too, where they stand for letters.
var lone = map[string]*regexp.Regexp{
	"a": regexp.MustCompile(`(?i)["'“‘]a["'”’]|\bletter a\b`),
	"i": regexp.MustCompile(`(?i)["'“‘]i["'”’]|\bletter i\b`),
}

// mentions says that a text has the words that the question has in quotes. A lone "a" or "i" is no letter without quotes.
func (q Question) mentions(text string) bool {
	words := wordsIn(text)
	for _, w := range wordsIn(quotedIn(q.base)) {
		if !slices.Contains(words, w) || lone[w] != nil && !lone[w].MatchString(text) {
			return false
		}
	}
	return true
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
	for _, at := range property.FindAllStringSubmatchIndex(sentence, -1) {
		if unless.MatchString(sentence[:at[0]]) {
			continue
		}
		m := property.FindStringSubmatch(sentence[at[0]:at[1]])
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
