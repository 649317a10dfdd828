package exact

import (
	"slices"
	"strings"
)

// plainest writes the sample that follows from the conditions alone, so that whoever learns from samples has one sentence to
// learn for one question: of the lengths and the places of w the first that does, each other word the first of its part that may
// stand there.
func plainest(w string, list []condition) (string, bool) {
	r := rulesOf(list)
	for _, n := range r.lengths() {
		for _, at := range placesOf(n, w, list) {
			if words, ok := r.fill(n, at, w, list); ok {
				text := strings.Join(words, " ")
				return strings.ToUpper(text[:1]) + text[1:] + ".", true
			}
		}
	}
	return "", false
}

// rules are what conditions say of the words of a sample.
type rules struct {
	avoid  string // letters that no word may have
	most   int    // letters of the longest word
	length int    // words; 0 where free
}

func rulesOf(list []condition) rules {
	r := rules{most: 20}
	for _, c := range list {
		if c.length > 0 {
			r.length = c.length
		}
		if c.avoid > 0 {
			r.avoid += string(c.avoid)
		}
		if c.most > 0 {
			r.most = min(r.most, c.most)
		}
	}
	return r
}

// lengths of a sentence in the order in which they are tried.
func (r rules) lengths() []int {
	if r.length > 0 {
		return []int{r.length}
	}
	return []int{7, 8, 6, 9, 5, 10}
}

// placesOf lists where w can stand: the places that the conditions name and, where those are too few, one or two more.
func placesOf(n int, w string, list []condition) [][]int {
	need := 1
	var named []int
	for _, c := range list {
		if c.twice != "" {
			need = 2
		}
		for at, x := range c.fixed {
			if x == w {
				named = append(named, (at+n)%n)
			}
		}
	}
	if len(named) >= need {
		return [][]int{named}
	}
	var all [][]int
	for _, at := range []int{2, 7, 1, 3, 4, 5, 6, 8, 9} {
		if at >= n || slices.Contains(named, at) {
			continue
		}
		if need-len(named) == 1 {
			all = append(all, append(slices.Clone(named), at))
			continue
		}
		for second := at + 2; second < n; second++ {
			all = append(all, []int{at, second})
		}
	}
	return all
}

// fill writes n words with w in its places.
func (r rules) fill(n int, at []int, w string, list []condition) ([]string, bool) {
	words := make([]string, n)
	for _, i := range at {
		if i >= n {
			return nil, false
		}
		words[i] = w
	}
	for _, c := range list {
		for i, x := range c.fixed {
			words[(i+n)%n] = x
		}
	}
	shift := shiftFor(words, w)
	if end := pattern[(n-1+shift)%len(pattern)]; words[n-1] == "" && end != noun && end != verb {
		return nil, false
	}
	for i := range words {
		if words[i] == "" {
			words[i] = r.word(parts[pattern[(i+shift)%len(pattern)]], words)
		}
		if words[i] == "" {
			return nil, false
		}
	}
	return words, !slices.Contains(words[1:], words[0]) && meets(strings.Join(words, " "), w, list)
}

// word is the first of a part that may stand beside the others; empty where there is none.
func (r rules) word(part, words []string) string {
	for _, x := range part {
		if len(x) <= r.most && !strings.ContainsAny(x, r.avoid) && !slices.Contains(words, x) {
			return x
		}
	}
	return ""
}
