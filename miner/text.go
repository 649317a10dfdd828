package miner

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"agora/engine"
	"agora/wire/openai"
)

// lowest stands for a log-probability of minus infinity, which JSON cannot write; OpenAI uses the same number.
const lowest = -9999

// stitch puts tokens together to text that may be sent: a character split between tokens is held back until it is whole.
type stitch struct {
	strings.Builder     // all tokens
	sent            int // bytes of them that push and rest have returned
}

// push adds a token's bytes and returns the text that is whole by now.
func (s *stitch) push(b []byte) string {
	s.Write(b)
	text := s.String()[s.sent:]
	text = text[:len(text)-unfinished(text)]
	s.sent += len(text)
	return text
}

// rest returns what is left at the end, whole or not.
func (s *stitch) rest() string {
	text := s.String()[s.sent:]
	s.sent += len(text)
	return text
}

// unfinished is the number of bytes at the end of a text that begin a character and do not complete it, 0 to 3.
func unfinished(text string) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		tail := text[len(text)-n:]
		if !utf8.RuneStart(tail[0]) {
			continue
		}
		if utf8.FullRuneInString(tail) {
			return 0
		}
		return n
	}
	return 0
}

// spell writes a token as text; bytes that are no text are written as OpenAI writes them, "bytes:\xe2\x82".
func spell(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var s strings.Builder
	s.WriteString("bytes:")
	for _, c := range b {
		fmt.Fprintf(&s, `\x%02x`, c)
	}
	return s.String()
}

// finite keeps a log-probability within what JSON can write and a probability can be.
func finite(logprob float64) float64 {
	if math.IsNaN(logprob) {
		return lowest
	}
	return min(max(logprob, lowest), 0)
}

func tokenLogprob(t engine.Token, top int) openai.TokenLogprob {
	return openai.TokenLogprob{
		Token: spell(t.Bytes), Logprob: finite(t.Logprob), Bytes: ints(t.Bytes), TopLogprobs: alternatives(t, top),
	}
}

// alternatives are at most n of the token's alternatives, never nil.
func alternatives(t engine.Token, n int) []openai.TopLogprob {
	list := make([]openai.TopLogprob, 0, min(n, len(t.Top)))
	for _, alt := range t.Top[:min(n, len(t.Top))] {
		list = append(list, openai.TopLogprob{Token: spell(alt.Bytes), Logprob: finite(alt.Logprob), Bytes: ints(alt.Bytes)})
	}
	return list
}

func ints(b []byte) []int {
	list := make([]int, len(b))
	for i, c := range b {
		list[i] = int(c)
	}
	return list
}

func deref(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

// orEmpty makes a list that JSON writes as [] where it would write null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
