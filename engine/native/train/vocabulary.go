package train

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"agora/engine/native/chat"
	"agora/task/exact"
)

// VocabularySize is the number of tokens of the shared vocabulary.
const VocabularySize = 608

// pieces are the parts of a small JSON object.
var pieces = []string{`{"`, `": "`, `": `, `", "`, `, "`, `"}`}

// Vocabulary writes the vocabulary file: specials, printable ASCII, newline, pieces of JSON, then the most frequent
// whole words of 60,000 questions and answers. It is made once and kept as a file: weights depend on it.
func Vocabulary() []byte {
	tokens := []string{"<end>", "<user>", "<assistant>"}
	for c := ' '; c <= '~'; c++ {
		tokens = append(tokens, string(c))
	}
	tokens = append(tokens, "\n")
	tokens = append(tokens, pieces...)
	for _, w := range frequentWords(60000) {
		if len(tokens) < VocabularySize {
			tokens = append(tokens, w)
		}
	}
	var b strings.Builder
	for _, t := range tokens {
		b.WriteString(strconv.Quote(t) + "\n")
	}
	return []byte(b.String())
}

// frequentWords lists words by falling count in n questions, then by the alphabet.
func frequentWords(n int) []string {
	counts := map[string]int{}
	each := func(w string) { counts[w]++ }
	s := exact.NewSource(streamSeed("vocabulary", 0))
	for i := range n {
		q := draw(s, i%kinds())
		chat.Words(q.Text, each)
		if !q.Spell {
			chat.Words(q.Answer, each)
		}
	}
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
}
