package exact

import (
	"slices"
	"strings"
)

const (
	reverseForms = "Reverse the word '{0}'.|Write '{0}' backwards.|Spell '{0}' in reverse.|What is '{0}' backwards?"
	orderForms   = "Sort the letters of '{0}'.|Put the letters of '{0}' in alphabetical order.|Arrange the letters in '{0}' alphabetically."
	countForms   = "How many times does '{1}' appear in '{0}'?|Count the letter '{1}' in '{0}'.|How many '{1}' are in the word '{0}'?"
	lengthForms  = "How many letters are in '{0}'?|What is the length of '{0}'?|How long is the word '{0}'?"
	letterForms  = "What is the {1} letter of '{0}'?|Give the {1} letter in '{0}'.|Tell me the {1} letter of the word '{0}'."
	upperForms   = "Write '{0}' in upper case.|Convert '{0}' to uppercase.|Put '{0}' in capital letters."
	lowerForms   = "Write '{0}' in lower case.|Convert '{0}' to lowercase."
	insideForms  = "Does '{0}' contain the letter '{1}'?|Is there a letter '{1}' in '{0}'?|Is '{1}' in the word '{0}'?"
	wordForms    = "What is the {1} word of: {0}|Give the {1} word in this list: {0}|Tell me word number {2} of: {0}"
	repeatForms  = "Repeat after me: {0}|Say exactly this: {0}|Copy this text: {0}"
	initialForms = "What are the initials of: {0}|Make an acronym of: {0}"
)

const vowels, consonants = "aeiou", "bcdfghjklmnprstvwyz"

// word is, half the time, one of the common words, else a made-up pronounceable one; lo to hi letters.
func word(s *Source, lo, hi int) string {
	if w := pick(s, common); s.one(2) && len(w) >= lo && len(w) <= hi {
		return w
	}
	b := make([]byte, s.between(lo, hi))
	first := s.Intn(2)
	for i := range b {
		from := consonants
		if i%2 == first {
			from = vowels
		}
		b[i] = from[s.Intn(len(from))]
	}
	return string(b)
}

func spelled(q, a string) turn { return turn{q: q, a: a, spell: true} }

func reverse(s *Source) turn {
	w := word(s, 3, 7)
	b := []byte(w)
	slices.Reverse(b)
	return spelled(fill(s, reverseForms, w), string(b))
}

func sortLetters(s *Source) turn {
	w := word(s, 3, 6)
	b := []byte(w)
	slices.Sort(b)
	return spelled(fill(s, orderForms, w), string(b))
}

// count asks how often a letter occurs. Half the words get the letter once or twice more, so that 1 is no safe guess.
func count(s *Source) turn {
	b := []byte(word(s, 4, 8))
	c := b[s.Intn(len(b))]
	switch {
	case s.one(2):
		for range s.between(1, 2) {
			b[s.Intn(len(b))] = c
		}
	case s.one(3):
		c = "aeioulrst"[s.Intn(9)]
	}
	w := string(b)
	return measured(fill(s, countForms, w, string(c)), strings.Count(w, string(c)), "time times letter letters character characters occurrence occurrences")
}

func length(s *Source) turn {
	w := word(s, 3, 9)
	return measured(fill(s, lengthForms, w), len(w), "letter letters character characters")
}

func nthLetter(s *Source) turn {
	w := word(s, 4, 7)
	if s.one(7) {
		return spelled(fill(s, letterForms, w, "last"), w[len(w)-1:])
	}
	i := s.Intn(min(len(w), len(ordinals)))
	return spelled(fill(s, letterForms, w, ordinals[i]), w[i:i+1])
}

func letterCase(s *Source) turn {
	w := word(s, 3, 8)
	if s.one(3) {
		return spelled(fill(s, lowerForms, strings.ToUpper(w)), w)
	}
	return spelled(fill(s, upperForms, w), strings.ToUpper(w))
}

func contains(s *Source) turn {
	w := word(s, 4, 7)
	c := string(w[s.Intn(len(w))])
	if s.one(2) {
		c = string((vowels + consonants)[s.Intn(len(vowels)+len(consonants))])
	}
	return turn{q: fill(s, insideForms, w, c), a: yes(strings.Contains(w, c))}
}

func commonWords(s *Source, n int) []string {
	words := make([]string, n)
	for i, j := range s.sample(len(common), n) {
		words[i] = common[j]
	}
	return words
}

func nthWord(s *Source) turn {
	words := commonWords(s, s.between(4, 6))
	i := s.Intn(len(words))
	return turn{q: fill(s, wordForms, strings.Join(words, " "), ordinals[i], i+1), a: words[i], among: words}
}

func repeat(s *Source) turn {
	text := strings.Join(commonWords(s, s.between(2, 4)), " ")
	return turn{q: fill(s, repeatForms, text), a: text}
}

func initials(s *Source) turn {
	words := commonWords(s, s.between(3, 5))
	var b strings.Builder
	for _, w := range words {
		b.WriteString(strings.ToUpper(w[:1]))
	}
	return spelled(fill(s, initialForms, strings.Join(words, " ")), b.String())
}
