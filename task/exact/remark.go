package exact

import (
	"regexp"
	"slices"
	"strings"
)

// This file reads what stands beside an answer: remarks that go on from it, and words that take it back.

// told reads one sentence: all of it, or its main clause where a remark follows that gives no other value. A question says nothing.
func (q Question) told(sentence string) (string, bool) {
	if strings.HasSuffix(strings.TrimRight(sentence, ` "'”’)*`), "?") {
		return "", false
	}
	sentence = undress(sentence)
	if v, ok := q.say(q, sentence); ok {
		return v, true
	}
	for _, form := range []*regexp.Regexp{relative, apposition, cause, further} {
		at := form.FindStringIndex(sentence)
		if at == nil {
			continue
		}
		if v, ok := q.say(q, undress(sentence[:at[0]])); ok && q.harmless(form, sentence[at[0]:], v) {
			return v, true
		}
	}
	if at := setting.FindStringIndex(sentence); at != nil && !hedge.MatchString(sentence) {
		return q.say(q, sentence[at[1]:])
	}
	return q.followed(sentence)
}

// followed reads what a sentence says to follow from its beginning, which must not give another value.
func (q Question) followed(sentence string) (string, bool) {
	at := follows.FindStringIndex(sentence)
	if at == nil || hedge.MatchString(sentence) || doubt.MatchString(sentence) {
		return "", false
	}
	v, ok := q.say(q, sentence[at[1]:])
	if before, stated := q.say(q, sentence[:at[0]]); stated && before != v {
		return "", false
	}
	return v, ok
}

var (
	relative    = regexp.MustCompile(`(?i),["'”’]?\s+(?:which|who|where)\b.*$`)
	further     = regexp.MustCompile(`(?i),?\s+and (?:he|she|its?|they|this|that)\b.*$`)
	apposition  = regexp.MustCompile(`(?i),["'”’]?\s+(?:an?|the|with|capital|known|located|situated)\b.*$`)
	cause       = regexp.MustCompile(`(?i),?\s+(?:(?:as|because|since)\s+(?:it|they|he|she|this|that)|because|since)\b.*$`)
	conjunction = regexp.MustCompile(`(?i)^,?\s+(?:as|because|since)\s+`)
	setting     = regexp.MustCompile(`(?i)^(?:after|between|among|when|of|out of)\b.*,\s+`)
	step        = regexp.MustCompile(`(?i)^(?:to \pL+ .*\b(?:we|you|i)|we|you|let us) (?:first |simply )?(?:need to|have to|must|should|would|can)\b`)
	follows     = regexp.MustCompile(`(?i),\s+(?:and )?(?:so|thus|therefore|hence)\s+`)
	finite      = regexp.MustCompile(`(?i)\b(?:is|are|was|were|has|have|had|lives?|comes?|equals?|becomes?)\b|=`)
	results     = regexp.MustCompile(`(?i)(?:=|\b(?:is|are|be|equals|makes|gives|leaves))\s*[(\['"“‘$]*(-?\d[\d,.]*\d|\d)(\s+(?:more|less|greater|larger|smaller|bigger)\b)?`)
)

// harmless says that a remark of this form leaves the value before it alone: it denies nothing, offers no choice and names no
// other value, save that a cause may deny something and hold numbers that it does not state as results.
func (q Question) harmless(form *regexp.Regexp, remark, value string) bool {
	if choice.MatchString(remark) || hedge.MatchString(remark) || doubt.MatchString(remark) {
		return false
	}
	if form == cause && isNumber(value) {
		if v, ok := q.say(q, conjunction.ReplaceAllString(remark, "")); ok && v != value {
			return false
		}
		for _, m := range results.FindAllStringSubmatch(remark, -1) {
			if v, ok := numeral(m[1]); ok && m[2] == "" && v != value && !slices.Contains(numberValues(q.base), v) {
				return false
			}
		}
		return true
	}
	return !denial.MatchString(remark) && !q.names(remark, value) && (form != apposition || !finite.MatchString(remark))
}

// names says that a text may name another value than this one.
func (q Question) names(text, value string) bool {
	words := wordsIn(text)
	if isNumber(value) {
		own := append(numberValues(q.base), value)
		return slices.ContainsFunc(numberValues(text), func(v string) bool { return !slices.Contains(own, v) }) ||
			slices.ContainsFunc(words, func(w string) bool { v, ok := inWords(w); return ok && w != "one" && w != "and" && v != value })
	}
	others := q.rivals(value)
	if others == nil && q.Spell {
		return spelling.MatchString(text)
	}
	return others == nil || slices.ContainsFunc(words, func(w string) bool { return slices.Contains(others, w) })
}

// spelling is what could be letters that are the answer: in quotes, capitals or one by one.
var spelling = regexp.MustCompile(`["“”‘:=]|(?:^|\s)'|\b\p{Lu}{2,}\b|\b[b-hj-zB-Z]\b`)

// rivals are the other values that an answer of this kind could have, in lower case; nil where any word could be one.
func (q Question) rivals(value string) (others []string) {
	for _, all := range [][]string{q.turn.among, verdicts, days, months, cities()} {
		var lower []string
		for _, w := range all {
			lower = append(lower, strings.ToLower(w))
		}
		if i := slices.Index(lower, strings.ToLower(value)); i >= 0 {
			return slices.Delete(lower, i, i+1)
		}
	}
	asked := wordsIn(q.base)
	for _, p := range opposites {
		if slices.Contains(asked, p[0]) || slices.Contains(asked, p[1]) {
			others = append(others, slices.Concat(p[:], strings.Fields(alsoOpposite[p[0]]), strings.Fields(alsoOpposite[p[1]]))...)
		}
	}
	return slices.DeleteFunc(others, func(w string) bool { return w == value || slices.Contains(asked, w) })
}

// verdicts are the answers to yes or no and the words that say as much.
var verdicts = strings.Fields("yes no not odd even true false contain contains")

func isNumber(value string) bool { return plainNumber.MatchString(value) }

var (
	choice = regexp.MustCompile(`(?i)\b(?:or|but|except|unless|otherwise|only if)\b`)
	// hedge takes back what was said before it, or leaves it open.
	hedge = regexp.MustCompile(`(?i)^\s*(?:or|no)\b|\bno\s*(?:[,.;:!?]|$)|\b(?:wait|sorry|correction|wrong|(?:is|are|was|were|be|'s)(?: \w+)? incorrect|alternatively|maybe|perhaps|(?:may|might|can|could) also (?:be|say|get|give|answer|call|have|mean)|also (?:be|correct|right|possible|valid|acceptable|accepted)|could be|might be|(?:it|this)(?:'s| is) not|doubt|unsure|uncertain|disagree|disregard|ignore|oops|used to be)\b`)
	// doubt does so where it stands in few words, or beside another value or a denial.
	doubt     = regexp.MustCompile(`(?i)\b(?:actually|instead|rather|however|mistake|incorrect)\b`)
	negation  = regexp.MustCompile(`(?i)\b(?:not|never|no|none|neither|nor|cannot|without|wrong|false)\b|n['’]t\b`)
	concludes = regexp.MustCompile(`(?i)^(?:and )?(?:so|thus|therefore|hence|finally|consequently|in conclusion|in summary)\b`)
)

// enough words to say something else than that the answer before them is wrong.
const enough = 8

// takesBack says that a sentence which gives no value itself may take back this one, given beside it.
func (q Question) takesBack(sentence, value string) bool {
	switch {
	case hedge.MatchString(sentence):
		return true
	case concludes.MatchString(sentence):
		return (isNumber(value) || q.rivals(value) != nil) && q.names(sentence, value)
	case doubt.MatchString(sentence):
		return value == "" || len(wordsIn(sentence)) < enough || negation.MatchString(sentence) || q.names(sentence, value)
	}
	return false
}

// overruled says that lines after the one that gives this value come to another; values are what they give.
func (q Question) overruled(lines, values []string, value string) bool {
	for i, line := range lines {
		if v := values[i]; v != "" && v != value && !q.equally(v, value) {
			return true
		}
		for j, sentence := range q.sentences(line) {
			if (concludes.MatchString(sentence) || j == 0 && concludes.MatchString(line)) && q.names(sentence, value) {
				return true
			}
		}
	}
	return false
}
