package openai

import (
	"encoding/json"
	"unicode"
	"unicode/utf8"
)

// How long a request is in tokens only its model's tokenizer knows. Two figures bound it: what it surely has, below which no
// tokenizer gets, and what it has by a rule of thumb that holds for vocabularies of 32,000 and more, with a margin.
const (
	surelyTooLong = 16 // bytes that a token of text cannot have on average
	perMessage    = 8  // tokens that a chat template may put round a turn
	replyRoom     = 16 // tokens left for an answer
)

// count adds a text to the length of the request.
func (a *Ask) count(text string) {
	a.Bytes += len(text)
	words, tokens := lengthOf(text)
	a.words, a.Tokens = a.words+words, a.Tokens+tokens
}

func (a *Ask) countJSON(raw json.RawMessage) {
	if given(raw) {
		_, tokens := lengthOf(string(raw))
		a.Tokens += tokens
	}
}

// least is how many tokens the request surely has. Tokenizers split at blanks, and the few that do not join three words
// into two tokens on average.
func (a Ask) least() int { return max(a.Bytes/surelyTooLong, a.words*2/3) }

// TooLong is the error for a request that surely does not fit into a context of so many tokens; nil where it may fit or
// the context is unknown (0). The miner, who counts tokens, has the last word.
func (a Ask) TooLong(context int) *Error {
	if context <= 0 || a.least() < context {
		return nil
	}
	return Invalid("messages", "the request has about %d tokens; this model reads at most %d: shorten it", a.Tokens, context).WithCode(CodeContext)
}

// Fits says whether the request has room in a context of so many tokens by the rule of thumb and a margin of a quarter, with
// a short answer. An unknown context (0) may have any size.
func (a Ask) Fits(context int) bool {
	return context <= 0 || a.Tokens+a.Tokens/4+replyRoom <= context
}

// Kinds of bytes, as far as a text's length goes.
const (
	wide   = iota // a part of a letter beyond ASCII
	letter        // of a word
	space         // between words
	gap           // the same that counts
	sign          // of its own
)

var kinds = func() (all [256]uint8) {
	for c := range utf8.RuneSelf {
		switch r := rune(c); {
		case r == ' ':
			all[c] = space
		case unicode.IsSpace(r):
			all[c] = gap
		case unicode.IsLetter(r):
			all[c] = letter
		default:
			all[c] = sign
		}
	}
	return all
}()

// lengthOf is the number of words of a text, and about how many tokens it has: one for five letters of a word, one for a digit,
// a sign or a line, one for a letter of two bytes, one and a half for one of three, and two for any other sign.
func lengthOf(text string) (words, tokens int) {
	parts, before := 0, uint8(space) // fifteenths of a token
	for i := 0; i < len(text); {
		from, now := i, kinds[text[i]]
		switch i++; now {
		case letter:
			for i < len(text) && kinds[text[i]] == letter {
				i++
			}
			parts += 3 * (i - from)
		case gap:
			parts, now = parts+15, space
		case sign:
			parts += 15
		case wide:
			r, size := utf8.DecodeRuneInString(text[from:])
			i = from + size
			n := 0
			now, n = wideOf(r)
			parts += n
		}
		if now == letter && before != letter {
			parts += 12 // what is left of the last token
		}
		if before == space && now != space {
			words++
		}
		before = now
	}
	return words, (parts + 14) / 15
}

// wideOf is the kind of a sign beyond ASCII, and how many fifteenths of a token it is.
func wideOf(r rune) (kind uint8, parts int) {
	switch {
	case unicode.IsSpace(r):
		return space, 15
	case unicode.IsDigit(r):
		return sign, 15
	case unicode.IsLetter(r) && r < 0x250:
		return letter, 3
	case unicode.IsLetter(r), unicode.IsMark(r):
		return sign, 7 * utf8.RuneLen(r)
	}
	return sign, 30
}
