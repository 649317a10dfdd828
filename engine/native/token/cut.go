package token

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cut is the length of the first word of a text that is not empty.
type cut func(text string) int

type cutting struct {
	cut   cut
	whole bool // a word that is a token is not merged up
	bos   bool // a text begins with BOS unless the file says otherwise
}

// cuts are the ways of cutting text into words that model files name.
var cuts = map[string]cutting{
	"gpt-2":     {cut: func(s string) int { return gpt2(s, false) }},
	"smollm":    {cut: func(s string) int { return gpt2(s, true) }},
	"starcoder": {cut: func(s string) int { return gpt2(s, true) }},
	"refact":    {cut: func(s string) int { return gpt2(s, true) }},
	"command-r": {cut: func(s string) int { return gpt2(s, true) }},
	"llama-bpe": {cut: func(s string) int { return llama3(s, 3) }, whole: true, bos: true},
	"qwen2":     {cut: func(s string) int { return llama3(s, 1) }},
}

func init() {
	for alias, name := range map[string]string{"llama3": "llama-bpe", "llama-v3": "llama-bpe", "falcon3": "llama-bpe", "deepseek-r1-qwen": "qwen2"} {
		cuts[alias] = cuts[name]
	}
}

func cutNames() string {
	var names []string
	for name := range cuts {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// gpt2 is the first match of
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// With digits, every \p{N} is a word of its own, cut out before anything else is looked at.
func gpt2(text string, digits bool) int {
	s := text
	if digits {
		first, n := utf8.DecodeRuneInString(text)
		if unicode.IsNumber(first) {
			return n
		}
		s = text[:until(text, unicode.IsNumber)]
	}
	for _, c := range []string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"} {
		if strings.HasPrefix(s, c) {
			return len(c)
		}
	}
	at := 0
	if s[0] == ' ' {
		at = 1
	}
	for _, in := range []func(rune) bool{unicode.IsLetter, unicode.IsNumber, isOther} {
		if n := run(s[at:], in); n > 0 {
			return at + n
		}
	}
	return blanks(s)
}

// llama3 is the first match of
//
//	(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
func llama3(s string, digits int) int {
	for _, c := range []string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"} {
		if len(s) >= len(c) && strings.EqualFold(s[:len(c)], c) && isASCII(s[:len(c)]) {
			return len(c)
		}
	}
	first, n := utf8.DecodeRuneInString(s)
	if !isBreak(first) && !unicode.IsLetter(first) && !unicode.IsNumber(first) {
		if letters := run(s[n:], unicode.IsLetter); letters > 0 {
			return n + letters
		}
	}
	if letters := run(s, unicode.IsLetter); letters > 0 {
		return letters
	}
	if unicode.IsNumber(first) {
		return someDigits(s, digits)
	}
	at := 0
	if s[0] == ' ' {
		at = 1
	}
	if other := run(s[at:], isOther); other > 0 {
		at += other
		return at + run(s[at:], isBreak)
	}
	space := run(s, unicode.IsSpace)
	if last := strings.LastIndexAny(s[:space], "\r\n"); last >= 0 {
		return last + 1
	}
	return blanks(s)
}

func someDigits(s string, most int) (n int) {
	for range most {
		r, size := utf8.DecodeRuneInString(s[n:])
		if size == 0 || !unicode.IsNumber(r) {
			break
		}
		n += size
	}
	return n
}

// blanks is \s+(?!\S)|\s+: all blanks at the end of a text, else all but the last, which goes to the word that follows.
func blanks(s string) int {
	n := run(s, unicode.IsSpace)
	_, last := utf8.DecodeLastRuneInString(s[:n])
	if n == len(s) || n == last {
		return n
	}
	return n - last
}

func isBreak(r rune) bool { return r == '\r' || r == '\n' }
func isOther(r rune) bool { return !unicode.IsSpace(r) && !unicode.IsLetter(r) && !unicode.IsNumber(r) }

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// until is where the first character of a kind stands, the end where there is none.
func until(s string, in func(rune) bool) int {
	if n := strings.IndexFunc(s, in); n >= 0 {
		return n
	}
	return len(s)
}

// run is the length of the characters of a kind that s begins with.
func run(s string, in func(rune) bool) int {
	return until(s, func(r rune) bool { return !in(r) })
}
