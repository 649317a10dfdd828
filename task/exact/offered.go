package exact

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var tells = regexp.MustCompile(`(?i)\b(?:is|are|has|have|had|lives|owns|comes|does)\b|'s\b|:`)

// oneOfIn reads a sentence that names one of the words that were offered, or ends with one after a verb, or says it in the part
// that speaks of what was asked.
func oneOfIn(q Question, sentence string) (string, bool) {
	sentence = contrast.ReplaceAllString(sentence, ", and ")
	sentence = q.withoutCountries(aside.ReplaceAllString(sentence, ""))
	if q.Family == "nthword" {
		sentence = inQuotes.ReplaceAllStringFunc(sentence, func(s string) string {
			if title.MatchString(s) {
				return ""
			}
			return s
		})
	}
	if q.elsewhere(sentence) {
		return "", false
	}
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
	return q.ofAsked(clause.Split(sentence, -1))
}

// ofAsked is what the parts of a sentence say that speak of what was asked. No other part may give another value of nothing else.
func (q Question) ofAsked(parts []string) (found string, ok bool) {
	var bare []string
	for _, part := range parts {
		v, ok := q.only(part)
		switch {
		case !allIn(wordsIn(strings.Join(q.turn.about, " ")), wordsIn(part)):
			if ok && q.plainly(v, part) {
				bare = append(bare, v)
			}
		case !ok || found != "" && v != found:
			return "", false
		default:
			found = v
		}
	}
	return found, found != "" && allIn(bare, []string{found})
}

var (
	inQuotes = regexp.MustCompile(`["“][^"“”]*["”]`)
	title    = regexp.MustCompile(`^["“][^"“”]*\pL\s+\pL`) // a phrase of several words in quotes
)

// quotesTitle says that a text has a phrase in quotes.
func quotesTitle(text string) bool {
	return slices.ContainsFunc(inQuotes.FindAllString(text, -1), title.MatchString)
}

// elsewhere says that a sentence speaks of another place in the word or the list than the question does.
func (q Question) elsewhere(sentence string) bool {
	if q.Family != "nthword" && q.Family != "nthletter" {
		return false
	}
	asked := wordsIn(q.base)
	for i, place := range ordinals {
		if (slices.Contains(wordsIn(sentence), place) || slices.Contains(wordsIn(sentence), nth[i])) && !slices.Contains(asked, place) && !slices.Contains(asked, strconv.Itoa(i+1)) {
			return true
		}
	}
	return false
}

// nth are the ordinals in digits.
var nth = strings.Fields("1st 2nd 3rd 4th 5th 6th")

// withoutCountries takes away the countries that stand behind the cities on offer.
func (q Question) withoutCountries(sentence string) string {
	lists := func(list []string, w string) bool {
		return slices.ContainsFunc(list, func(x string) bool { return strings.EqualFold(x, w) })
	}
	return country.ReplaceAllStringFunc(sentence, func(place string) string {
		m := country.FindStringSubmatch(place)
		if !lists(q.turn.among, m[1]) || lists(q.turn.among, m[2]) || lists(wordsIn(q.base), m[2]) {
			return place
		}
		return m[1] + m[3]
	})
}

var country = regexp.MustCompile(`\b(\p{Lu}\pL+),\s+(?:in |the )?(\p{Lu}\pL+)(,|[.!]?$|\s+(?:and|while)\b)`)

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

// plainly says that a sentence has nothing but fillers, the value and words of what was asked after the story, so that it speaks of
// that.
func (q Question) plainly(v, sentence string) bool {
	asked := wordsIn(q.base[strings.LastIndex(q.base, ". ")+1:])
	return !slices.ContainsFunc(wordsIn(sentence), func(w string) bool { return !fillers[w] && w != v && !slices.Contains(asked, w) })
}

var contrast = regexp.MustCompile(`(?i),?\s+(?:but|whereas)\s+`)

var aside = regexp.MustCompile(`(?i)\s+and the rest\b.*$`)

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
