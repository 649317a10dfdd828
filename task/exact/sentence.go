package exact

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// The kinds of this file ask for a sentence under one to three conditions. A sentence is free, so there is no list of right
// answers, and the checker reads the sentence alone: whatever meets the conditions is right.

// condition is one demand on a sentence.
type condition struct {
	text string // as the question says it, after "that" or "which"
	met  func(words []string) bool
	// The writer of samples: the forbidden letter, the longest word, the number of words (0 where free), and what must stand
	// where (positions from 0, negative ones from the end).
	avoid  byte
	most   int
	length int
	fixed  map[int]string
	twice  string
}

// demand makes the condition of one kind about the word w, which the sentence must hold in any case.
type demand func(s *Source, w string) condition

// demands are the conditions by kind, in the order of families.
var demands = map[string]demand{
	"wordcount": wordCount, "avoid": avoidLetter, "position": wordPosition, "ends": firstAndLast,
	"shortwords": shortWords, "repeated": repeated, "lastword": lastWord,
}

// sentenceKinds lists the keys of demands in a fixed order.
var sentenceKinds = strings.Fields("wordcount avoid position ends shortwords repeated lastword")

const sentenceForms = "Write a sentence with the word '{0}' that {1}.|Write one sentence that uses the word '{0}' and {1}.|" +
	"Make a sentence which has the word '{0}' in it and {1}.|Give me a sentence that contains '{0}' and {1}."

func wordCount(s *Source, _ string) condition {
	n := s.between(5, 10)
	return condition{
		text: fill(s, "has exactly {0} words|is exactly {0} words long", n), length: n,
		met: func(words []string) bool { return len(words) == n },
	}
}

func avoidLetter(s *Source, w string) condition {
	c := "tsnioarlcdmup"[s.Intn(13)]
	for strings.IndexByte(w, c) >= 0 {
		c = "tsnioarlcdmupghb"[s.Intn(16)]
	}
	return condition{
		text: fill(s, "does not use the letter '{0}'|has no letter '{0}' in it", string(c)), avoid: c,
		met: func(words []string) bool { return !strings.ContainsRune(strings.Join(words, ""), rune(c)) },
	}
}

func wordPosition(s *Source, w string) condition {
	k := s.between(1, 4)
	return condition{
		text: fill(s, "has '{0}' as its {1} word|puts '{0}' in the {1} place", w, ordinals[k]), fixed: map[int]string{k: w},
		met: func(words []string) bool { return len(words) > k && words[k] == w },
	}
}

func firstAndLast(s *Source, w string) condition {
	first := pick(s, openers)
	return condition{
		text: fill(s, "begins with the word '{0}'|starts with the word '{0}'", first), fixed: map[int]string{0: first},
		met: func(words []string) bool { return words[0] == first },
	}
}

func lastWord(s *Source, w string) condition {
	return condition{
		text: fill(s, "ends with the word '{0}'|has '{0}' as its last word", w), fixed: map[int]string{-1: w},
		met: func(words []string) bool { return words[len(words)-1] == w },
	}
}

func shortWords(s *Source, w string) condition {
	most := max(len(w), s.between(4, 7))
	return condition{
		text: fill(s, "has no word of more than {0} letters|uses only words of at most {0} letters", most), most: most,
		met: func(words []string) bool {
			return !slices.ContainsFunc(words, func(x string) bool { return len(x) > most })
		},
	}
}

func repeated(s *Source, w string) condition {
	return condition{
		text: fill(s, "uses '{0}' exactly twice|has the word '{0}' two times", w), twice: w,
		met: func(words []string) bool { return timesIn(words, w) == 2 },
	}
}

func timesIn(words []string, w string) (n int) {
	for _, x := range words {
		if x == w {
			n++
		}
	}
	return n
}

// openers begin sentences.
var openers = strings.Fields("every this our many her his my that some")

// least and most bound the number of words of a sentence.
const leastWords, mostWords = 4, 30

// sentence asks for a sentence under the condition of one kind and up to two others that go with it.
func sentence(kind string) func(*Source) turn {
	return func(s *Source) turn {
		for {
			w := pick(s, common)
			list := conditions(s, kind, w)
			sample, ok := compose(s, w, list)
			if !ok {
				continue
			}
			if plain, ok := plainest(w, list); ok {
				sample = plain
			}
			texts := make([]string, len(list))
			for i, c := range list {
				texts[i] = c.text
			}
			return turn{
				q: fill(s, sentenceForms, w, join(texts)), a: sample, about: []string{w},
				match: func(answer string) bool { return meets(answer, w, list) },
			}
		}
	}
}

// conditions draws the kind's own condition and up to two others of different kinds, in any order.
func conditions(s *Source, kind, w string) []condition {
	list := []condition{demands[kind](s, w)}
	taken := []string{kind}
	for range s.Intn(3) {
		other := pick(s, sentenceKinds)
		if slices.Contains(taken, other) || slices.ContainsFunc(taken, func(k string) bool { return clash(k, other) }) {
			continue
		}
		taken = append(taken, other)
		list = append(list, demands[other](s, w))
	}
	if k := s.Intn(len(list)); k > 0 {
		list[0], list[k] = list[k], list[0]
	}
	return list
}

// clash names pairs of kinds that place one word twice.
func clash(a, b string) bool {
	places := []string{"position", "lastword", "repeated"}
	return slices.Contains(places, a) && slices.Contains(places, b)
}

func join(parts []string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}

// meets reads an answer as one sentence and holds it to the word and the conditions. A sentence has words of letters, each with a
// vowel, hardly any of them twice; a made-up string of letters is none.
func meets(answer, w string, list []condition) bool {
	words, ok := wordsOf(answer)
	if !ok || !slices.Contains(words, w) {
		return false
	}
	for _, c := range list {
		if !c.met(words) {
			return false
		}
	}
	return true
}

// wordsOf splits a sentence into words in lower case; false where the text is no sentence.
func wordsOf(text string) (words []string, ok bool) {
	text = strings.ToLower(strings.TrimRight(strings.TrimSpace(text), ".!?"))
	if strings.ContainsAny(text, ".!?\n") {
		return nil, false // more than one
	}
	seen := map[string]int{}
	for _, f := range strings.Fields(text) {
		f = strings.Trim(f, `,;:"'“”‘’()-–—*`)
		if f == "" {
			continue
		}
		if !isWord(f) {
			return nil, false
		}
		if seen[f]++; seen[f] > 3 {
			return nil, false
		}
		words = append(words, f)
	}
	return words, len(words) >= leastWords && len(words) <= mostWords && 5*len(seen) >= 2*len(words)
}

// isWord tells letters with a vowel; an apostrophe or a hyphen may stand inside.
func isWord(f string) bool {
	vowel := false
	for _, r := range f {
		if !unicode.IsLetter(r) && !strings.ContainsRune("'’-", r) {
			return false
		}
		vowel = vowel || strings.ContainsRune("aeiouyáàâäéèêëíîïóôöúûü", r)
	}
	return vowel && len(f) <= 20
}

// The words of samples by their part in the sentence: determiner, adjective, noun, verb, preposition and so on around.
var (
	parts = [][]string{
		strings.Fields("the a our my her his this every one"),
		strings.Fields("small old red big green happy quiet new long warm busy fine pretty"),
		append(strings.Fields("dog cat man boy hen king day box car road ship tree bee"), common...),
		strings.Fields("sleeps stood waits runs went came sat fell grew stays"),
		strings.Fields("by in on with near under for from behind"),
	}
	pattern = []int{0, 1, 2, 3, 4}
)

// Parts that may end a sentence.
const noun, verb = 2, 3

// compose writes a sample: words by their parts, the fixed ones in their places. It gives up where the conditions leave no room.
func compose(s *Source, w string, list []condition) (string, bool) {
	for range 40 {
		if words, ok := attempt(s, w, list); ok {
			text := strings.Join(words, " ")
			return strings.ToUpper(text[:1]) + text[1:] + ".", true
		}
	}
	return "", false
}

func attempt(s *Source, w string, list []condition) ([]string, bool) {
	n := s.between(6, 9)
	var avoid []byte
	most := 20
	for _, c := range list {
		if c.length > 0 {
			n = c.length
		}
		if c.avoid > 0 {
			avoid = append(avoid, c.avoid)
		}
		if c.most > 0 {
			most = min(most, c.most)
		}
	}
	words := make([]string, n)
	if !place(s, words, w, list) {
		return nil, false
	}
	shift := shiftFor(words, w)
	if end := pattern[(n-1+shift)%len(pattern)]; words[n-1] == "" && end != noun && end != verb {
		return nil, false
	}
	for i := range words {
		if words[i] != "" {
			continue
		}
		from := parts[pattern[(i+shift)%len(pattern)]]
		for range 20 {
			if x := pick(s, from); len(x) <= most && !strings.ContainsAny(x, string(avoid)) && x != w && !slices.Contains(words, x) {
				words[i] = x
				break
			}
		}
		if words[i] == "" {
			return nil, false
		}
	}
	return words, !slices.Contains(words[1:], words[0]) && meets(strings.Join(words, " "), w, list)
}

// place puts the words that have a place, and w where it has none.
func place(s *Source, words []string, w string, list []condition) bool {
	n, twice := len(words), false
	for _, c := range list {
		for at, x := range c.fixed {
			if at < 0 {
				at += n
			}
			if at < 0 || at >= n || words[at] != "" && words[at] != x {
				return false
			}
			words[at] = x
		}
		twice = twice || c.twice != ""
	}
	want := 1
	if twice {
		want = 2
	}
	for range 20 {
		if timesIn(words, w) >= want {
			return true
		}
		if at := s.Intn(n); words[at] == "" {
			words[at] = w
		}
	}
	return false
}

// shiftFor lets the pattern have a noun where w stands first.
func shiftFor(words []string, w string) int {
	at := slices.Index(words, w)
	return ((2-at)%len(pattern) + len(pattern)) % len(pattern)
}

func sentenceFamilies() []family {
	list := make([]family, len(sentenceKinds))
	for i, kind := range sentenceKinds {
		if demands[kind] == nil {
			panic(fmt.Sprintf("exact: no condition for kind %q", kind))
		}
		list[i] = family{name: kind, gen: sentence(kind), read: aSentence}
	}
	return list
}
