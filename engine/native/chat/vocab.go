package chat

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
)

// Tokens with a meaning instead of a text; they are the first lines of a vocabulary.
const (
	End       int32 = iota // ends an answer
	User                   // begins a question
	Assistant              // begins an answer
	specials
)

const maxVocab = 1 << 14

// Vocabulary splits text into tokens: one per printable ASCII character or newline, a few pieces of JSON, and whole
// frequent words with the space before them. A word in quotes has no space before it, so its letters stay visible to
// the model. It is safe for concurrent use.
type Vocabulary struct {
	text   []string
	id     map[string]int32
	pieces []string // longer than a character, not words
	digest [32]byte
}

// NewVocabulary reads a vocabulary file: one Go-quoted token per line, the specials first.
func NewVocabulary(file []byte) (*Vocabulary, error) {
	lines := bytes.Split(bytes.TrimSuffix(file, []byte("\n")), []byte("\n"))
	if len(lines) <= int(specials) || len(lines) > maxVocab {
		return nil, fmt.Errorf("vocabulary has %d tokens, want %d to %d", len(lines), specials+1, maxVocab)
	}
	v := &Vocabulary{id: make(map[string]int32, len(lines)), digest: sha256.Sum256(file)}
	for i, line := range lines {
		t, err := strconv.Unquote(string(line))
		if err != nil || t == "" {
			return nil, fmt.Errorf("vocabulary line %d: %q is not a quoted token", i+1, line)
		}
		if _, twice := v.id[t]; twice {
			return nil, fmt.Errorf("vocabulary line %d: token %s stands there twice", i+1, line)
		}
		v.add(t)
	}
	if _, ok := v.id["?"]; !ok {
		return nil, fmt.Errorf(`vocabulary has no "?", which stands for characters that it lacks`)
	}
	return v, nil
}

func (v *Vocabulary) add(t string) {
	id := int32(len(v.text))
	v.text = append(v.text, t)
	v.id[t] = id
	if id >= int32(specials) && len(t) > 1 && !isWord(t) {
		v.pieces = append(v.pieces, t)
	}
}

// Size is the number of tokens.
func (v *Vocabulary) Size() int { return len(v.text) }

// Text is what the token writes; "" for the specials.
func (v *Vocabulary) Text(id int32) string {
	if id < int32(specials) {
		return ""
	}
	return v.text[id]
}

// Encode splits prose. Text that begins with a letter or a space gets one space before it, so that a first word is
// the same token as elsewhere; Decode drops it again. Each byte that has no token becomes "?".
func (v *Vocabulary) Encode(s string) []int32 {
	if s != "" && (isLetter(s[0]) || s[0] == ' ') {
		s = " " + s
	}
	ids := make([]int32, 0, len(s)/2)
	for len(s) > 0 {
		id, n := v.next(s)
		ids, s = append(ids, id), s[n:]
	}
	return ids
}

// Spell splits s into characters.
func (v *Vocabulary) Spell(s string) []int32 {
	ids := make([]int32, len(s))
	for i := range s {
		ids[i] = v.character(s[i])
	}
	return ids
}

// next is the token at the start of s and its length in bytes.
func (v *Vocabulary) next(s string) (int32, int) {
	if n := wordLen(s); n > 0 {
		if id, ok := v.id[s[:n]]; ok {
			return id, n
		}
	}
	for _, p := range v.pieces {
		if strings.HasPrefix(s, p) {
			return v.id[p], len(p)
		}
	}
	return v.character(s[0]), 1
}

func (v *Vocabulary) character(c byte) int32 {
	if id, ok := v.id[string(rune(c))]; ok && c < 128 {
		return id
	}
	return v.id["?"]
}

// Decode joins the tokens' texts and drops the first space.
func (v *Vocabulary) Decode(ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(v.Text(id))
	}
	return strings.TrimPrefix(b.String(), " ")
}

// wordLen is the length of the space and the letters at the start of s, 0 where there are none.
func wordLen(s string) int {
	if s[0] != ' ' {
		return 0
	}
	n := 1
	for n < len(s) && isLetter(s[n]) {
		n++
	}
	if n < 3 {
		return 0
	}
	return n
}

func isWord(t string) bool { return wordLen(t) == len(t) }

func isLetter(c byte) bool { return c|32 >= 'a' && c|32 <= 'z' }
