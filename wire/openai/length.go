package openai

import (
	"encoding/binary"
	"encoding/json"
	"math"
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

// hold adds a text, valid UTF-8, to the request: before it is counted it has at most a token for each byte, and a word for every
// other one.
func (a *Ask) hold(text []byte) {
	a.texts = append(a.texts, text)
	a.Bytes, a.words, a.Tokens = a.Bytes+len(text), a.words+(len(text)+1)/2, a.Tokens+len(text)
}

// holdJSON adds what is read by the model too, whatever its bytes are: none has more than two tokens.
func (a *Ask) holdJSON(raw json.RawMessage) {
	if given(raw) {
		a.forms = append(a.forms, raw)
		a.Tokens += 2 * len(raw)
	}
}

// Count counts words and tokens. What fits and what is too long is the same before for whatever surely fits.
func (a *Ask) Count() {
	a.words, a.Tokens = 0, a.turns*perMessage
	for _, text := range a.texts {
		words, tokens := lengthOf(text)
		a.words, a.Tokens = a.words+words, a.Tokens+tokens
	}
	for _, raw := range a.forms {
		_, tokens := lengthOf(raw)
		a.Tokens += tokens
	}
}

// SurelyFits says that a request, counted or not, has room in a context of so many tokens, 0 for an unknown one.
func (a *Ask) SurelyFits(context int) bool { return a.Fits(context) && a.TooLong(context) == nil }

// least is how many tokens the request surely has. Tokenizers split at blanks, and the few that do not join three words
// into two tokens on average.
func (a *Ask) least() int { return max(a.Bytes/surelyTooLong, a.words*2/3) }

// TooLong is the error for a request that surely does not fit into a context of so many tokens; nil where it may fit or
// the context is unknown (0). The miner, who counts tokens, has the last word.
func (a *Ask) TooLong(context int) *Error {
	if context <= 0 || a.least() < context {
		return nil
	}
	return Invalid("messages", "the request has about %d tokens; this model reads at most %d: shorten it", a.Tokens, context).WithCode(CodeContext)
}

// Fits says whether the request has room in a context of so many tokens by the rule of thumb and a margin of a quarter, with
// a short answer. An unknown context (0) may have any size.
func (a *Ask) Fits(context int) bool {
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
func lengthOf(text []byte) (words, tokens int) {
	l := length{before: space}
	for i := 0; i < len(text); {
		i += l.plain(text[i:])
		for end := min(i+8, len(text)); i < end; {
			i += l.sign(text[i:])
		}
	}
	return l.words, (l.parts + 14) / 15
}

// length is that of the text so far.
type length struct {
	words, parts int   // fifteenths of a token
	before       uint8 // kind of the last sign
}

const (
	firstOfWord = 12 // parts of a word's first letter beside its own: what is left of the last token
	ones        = math.MaxUint64 / 255
	highs       = ones << 7
)

// plain adds what a text begins with that is ASCII, eight bytes at once, and says how many it added. Marks are the high bits of
// bytes; at most 255 are added up in each byte.
func (l *length) plain(text []byte) (n int) {
	var letters, spaces, signs, first, starts, all uint64 // of the last eight; of all
	switch l.before {
	case letter:
		letters = highs
	case space:
		spaces = highs
	}
	for ; len(text)-n >= 8 && n < 8*255; n += 8 {
		x := binary.LittleEndian.Uint64(text[n:])
		if x&highs != 0 {
			break
		}
		lettersBefore, spacesBefore := letters>>56, spaces>>56
		letters = within(x|ones*0x20, 'a', 'z')
		inked := (x ^ ones*' ') + ones*0x7f
		spaces = (within(x, '\t', '\r') | ^inked) & highs
		first += letters &^ (letters<<8 | lettersBefore) >> 7
		starts += (spaces<<8 | spacesBefore) &^ spaces >> 7
		all += letters >> 7
		signs += inked & highs >> 7
	}
	if n == 0 {
		return 0
	}
	l.words += sum(starts)
	l.parts += 15*sum(signs) - 12*sum(all) + firstOfWord*sum(first) // a letter is 3
	l.before = sign
	switch {
	case letters>>63 != 0:
		l.before = letter
	case spaces>>63 != 0:
		l.before = space
	}
	return n
}

// within marks the bytes from one to another, of eight below 0x80.
func within(x uint64, from, to byte) uint64 {
	return (x + ones*uint64(0x80-from)) &^ (x + ones*uint64(0x7f-to)) & highs
}

// sum adds up the eight bytes of x.
func sum(x uint64) int {
	const evens = math.MaxUint64 / 0xffff * 0xff
	return int((x&evens + x>>8&evens) * (math.MaxUint64 / 0xffff) >> 48)
}

// sign adds what a text begins with, and says how many bytes that has.
func (l *length) sign(text []byte) (size int) {
	size = 1
	now := kinds[text[0]]
	switch now {
	case letter:
		l.parts += 3
	case gap:
		l.parts, now = l.parts+15, space
	case sign:
		l.parts += 15
	case wide:
		r, parts := rune(0), 0
		r, size = utf8.DecodeRune(text)
		now, parts = wideOf(r)
		l.parts += parts
	}
	if now == letter && l.before != letter {
		l.parts += firstOfWord
	}
	if l.before == space && now != space {
		l.words++
	}
	l.before = now
	return size
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
