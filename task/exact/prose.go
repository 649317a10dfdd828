package exact

import (
	"regexp"
	"slices"
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
	digit digits months comes come follows following next because formula use used find calculate compute need add subtract multiply solve problem adds equation precedes sequence that's he's she's does do what long length characters lives live who owns own colour color
	any all values consist consists them arrange arranged placed lowest highest sentence phrase while also
	adding added multiplied multiplying subtracted subtracting taking take away giving made up person can represented represents expressed equivalent
	alphabetically item items figure put owned by belongs 1st 2nd 3rd 4th 5th 6th let`)

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

var denial = regexp.MustCompile(`(?i)\b(?:not|never|no|none|neither|nor|or|cannot|without|except|wrong|false)\b|n't\b|n’t\b|[≠` + denies + `]`)

// unknown lists the words of a sentence that neither the question has, as a word, a plural or a number, nor are fillers.
func (q Question) unknown(words []string) (list []string) {
	asked, numbers := wordsIn(q.base), numberValues(q.base)
	for _, w := range words {
		if fillers[w] || slices.Contains(asked, w) || slices.Contains(asked, w+"s") {
			continue
		}
		if v, ok := inWords(w); !ok || !slices.Contains(numbers, v) {
			list = append(list, w)
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
