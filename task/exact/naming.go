package exact

import (
	"regexp"
	"slices"
	"strings"
)

var (
	endWord  = regexp.MustCompile(`(?i)(?:\b(?:it['’]s|that['’]s|is|are|be|becomes|called|named|as|spells|gives|word|letter)|=|:|→|->)\s+["'“‘«]?([\pL]+|\pL(?:(?:[-. ]|, (?:and )?)\pL)+)["'”’»]?$`)
	headWord = regexp.MustCompile(`(?i)^(?:the (?:letter|word) )?["'“‘]?(\pL+)["'”’]? is (?:the|an?) (.*)$`)
	inRoman  = regexp.MustCompile(`(?i) in roman numerals$`)
	anyQuote = strings.NewReplacer(`"`, "", "“", "", "”", "", "‘", "", "«", "", "»", "")
)

// lettersIn reads a sentence about the letters of a word: it ends with them after a verb, or has one word that the question has not.
func lettersIn(q Question, sentence string) (string, bool) {
	if denial.MatchString(sentence) || q.elsewhere(sentence) || q.Family == "nthletter" && inside.MatchString(sentence) {
		return "", false
	}
	sentence = anyQuote.Replace(inRoman.ReplaceAllString(sentence, ""))
	if m := headWord.FindStringSubmatch(sentence); m != nil && len(q.unknown(wordsIn(m[2]))) == 0 && onTopic(m[2]) && !fillers[strings.ToLower(m[1])] {
		return q.read(q, m[1])
	}
	m := endWord.FindStringSubmatchIndex(sentence)
	if m == nil {
		return "", false
	}
	if len(q.unknown(wordsIn(sentence[:m[0]]))) > 0 {
		return "", false
	}
	return q.read(q, strings.Trim(strings.ReplaceAll(sentence[m[2]:m[3]], ", and ", ", "), "'"))
}

// onTopic says that a text speaks of what was asked of a word: its place, its order, its case.
func onTopic(text string) bool {
	return slices.ContainsFunc(wordsIn(text), func(w string) bool { return topics[w] })
}

var topics = wordSet("first second third fourth fifth sixth last reversed backwards reverse sorted alphabetical uppercase lowercase upper lower initials acronym")

// wordIn reads a sentence with exactly one word, or one name of two, that is neither the question's nor a filler.
func wordIn(q Question, sentence string) (string, bool) {
	if no := denial.FindString(sentence); no != "" && !slices.Contains(q.turn.also, strings.ToLower(no)) {
		return "", false
	}
	if q.Family == "calendar" && !q.onCourse(sentence) {
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
	if !q.named(left[0], sentence) {
		return "", false
	}
	return q.read(q, strings.Join(left, " "))
}

var (
	course  = regexp.MustCompile(`(?i)\b(?:(after|follows?)|before|precedes?) (\pL+)`)
	isToday = regexp.MustCompile(`(?i)^today (?:it )?is (?:an? )?\pL+$`)
	back    = regexp.MustCompile(`(?i)\b(?:before|precedes?)\b`)
)

// onCourse says that a sentence goes from the day or month of the question in the direction of the question, or comes to it from the
// other side: "Monday is before Tuesday" for what is after Monday.
func (q Question) onCourse(sentence string) bool {
	asked := wordsIn(q.base)
	for _, at := range course.FindAllStringSubmatchIndex(sentence, -1) {
		forward, from := at[2] >= 0, strings.ToLower(sentence[at[4]:at[5]])
		if q.rivals(from) == nil {
			continue
		}
		same := forward != back.MatchString(q.base)
		came := slices.ContainsFunc(wordsIn(sentence[:at[0]]), func(w string) bool { return slices.Contains(asked, w) && q.rivals(w) != nil })
		if slices.Contains(asked, from) != same || !same && !came {
			return false
		}
	}
	return !isToday.MatchString(sentence)
}

// named says that a word stands as a name or a property may, not as what else is told of it: a city has a capital letter where the
// sentence has one, and "it is a ..." tells a kind.
func (q Question) named(word, sentence string) bool {
	if kindOf.MatchString(sentence) {
		return false
	}
	lower := strings.ToLower(sentence) == sentence || !slices.ContainsFunc(capitals, func(p [2]string) bool { return strings.Contains(q.base, p[0]) })
	return lower || strings.Contains(sentence, strings.ToUpper(word[:1])+word[1:]) || strings.Contains(sentence, strings.ToUpper(word))
}

var kindOf = regexp.MustCompile(`(?i)^(?:it|this|that)(?: is|'s) (?:also )?an? `)

var states = regexp.MustCompile(`(?i)\b(?:is|are|was|comes|come|follows|precedes|called|named|be)\b|'s\b|:`)
