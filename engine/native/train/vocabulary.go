package train

import (
	"bytes"
	_ "embed"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"agora/engine/native/token"
	"agora/task/exact"
)

// The tokens before the words: the end of a text and the marks of turns, the characters that the smallest model has, and the
// rest of ASCII.
var (
	marks    = []string{"</s>", "[INST]", "[/INST]"}
	common   = "Ġ.,?!'\":+-*=(){}/Ċ0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	uncommon = "#$%&;<>@[\\]^_`|~"
)

const (
	endToken, askToken, answerToken = 0, 1, 2

	leastTokens  = 83
	maxWords     = 840 // tokens of the longest vocabulary
	cutLikeLlama = "llama-bpe"
)

//go:embed vocabulary.txt
var vocabularyText []byte

// Vocabulary is the first tokens of the list that all models share: whole words, with the space before them, and characters.
// A word in quotes has no space before it, so its letters stay visible to the model.
type Vocabulary struct{ *token.Tokenizer }

// NewVocabulary takes the first n tokens of the list.
func NewVocabulary(n int) (*Vocabulary, error) {
	list, err := readVocabulary(vocabularyText)
	if err != nil {
		return nil, err
	}
	if n < leastTokens || n > len(list) {
		return nil, fmt.Errorf("a vocabulary of %d tokens; there are %d to %d", n, leastTokens, len(list))
	}
	return vocabularyOf(list[:n])
}

func readVocabulary(file []byte) (list []string, err error) {
	for i, line := range bytes.Split(bytes.TrimSuffix(file, []byte("\n")), []byte("\n")) {
		t, err := strconv.Unquote(string(line))
		if err != nil || t == "" {
			return nil, fmt.Errorf("vocabulary line %d: %q is not a quoted token", i+1, line)
		}
		list = append(list, t)
	}
	return list, nil
}

func vocabularyOf(list []string) (*Vocabulary, error) {
	t := token.Table{Model: "gpt2", Cut: cutLikeLlama, Tokens: list, BOS: -1, EOS: endToken, Unk: -1}
	for i := range list {
		kind := token.Normal
		if i < len(marks) {
			kind = token.Control
		}
		t.Kinds = append(t.Kinds, kind)
	}
	tokens, err := token.New(t)
	if err != nil {
		return nil, err
	}
	return &Vocabulary{tokens}, nil
}

// render is a conversation's tokens as the template mistral-v3 writes them, and where its answers stand.
func (v *Vocabulary) render(c conversation) (ids []int32, answers []span) {
	if len(c.turns) == 0 {
		ids = v.Encode(c.text)
		return ids, []span{{1, len(ids), -1}}
	}
	for i, t := range c.turns {
		question := " " + t.question
		if i == len(c.turns)-1 && c.system != "" {
			question = " " + c.system + "\n\n" + t.question
		}
		ids = append(append(append(ids, askToken), v.Encode(question)...), answerToken)
		first := len(ids)
		ids = append(append(ids, v.Encode(" "+t.answer)...), endToken)
		answers = append(answers, span{first, len(ids), t.kind})
	}
	return ids, answers
}

// MakeVocabulary writes the list: marks, characters, then the most frequent words of 60,000 conversations and some stories,
// the most frequent first. It is made once and kept as a file: weights depend on it.
func MakeVocabulary() ([]byte, error) {
	list := slices.Clone(marks)
	for _, c := range common + uncommon {
		list = append(list, string(c))
	}
	letters, err := vocabularyOf(list)
	if err != nil {
		return nil, err
	}
	for _, w := range frequentWords(letters, 60000) {
		if len(list) < maxWords {
			list = append(list, w)
		}
	}
	var b bytes.Buffer
	for _, t := range list {
		b.WriteString(strconv.Quote(t) + "\n")
	}
	return b.Bytes(), nil
}

// frequentWords lists words, spelled as in a vocabulary, by falling count in n conversations, then by the alphabet.
func frequentWords(v *Vocabulary, n int) []string {
	counts := map[string]int{}
	d := &drawer{exact.NewSource(streamSeed("vocabulary", 0)), make([]float64, kinds()), true}
	note := func(text string) {
		for w := range v.Words(" " + text) {
			if wholeWord(w) {
				counts[strings.ReplaceAll(w, " ", "Ġ")]++
			}
		}
	}
	for i := range n {
		c := d.draw()
		if i%100 == 0 {
			note(story(d.source).text)
		}
		note(c.system)
		for _, t := range c.turns {
			note(t.question)
			note(t.answer)
		}
	}
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
}

// wholeWord tells what may be a token of its own: letters or signs after a space, letters that begin with a capital and go on
// without, and signs, each more than one character.
func wholeWord(w string) bool {
	bare := strings.TrimPrefix(w, " ")
	small, capital := "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	switch {
	case len(w) < 2 || strings.ContainsAny(w, "0123456789\n") || bare == "":
		return false
	case strings.ContainsAny(bare, small+capital):
		rest := strings.TrimLeft(bare[1:], small)
		return rest == "" && (w != bare || strings.Contains(capital, bare[:1]))
	}
	return true
}

// sorted visits a map in the order of its keys.
func sorted(m map[string]string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
