package validator

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"agora/wire/openai"
)

// headLength is after how many letters, digits and signs most prompts are told from those of all open items.
const headLength = 16

// openPrompts are hashes of prompts, normalised: true for a whole one, false for one's head alone.
type openPrompts map[uint64]bool

// promptsOf are the prompts of a request.
func promptsOf(body []byte) openPrompts {
	all := openPrompts{}
	for _, text := range openai.ReadAsk(body).Prompts {
		hash, _ := normalised(text, func(head uint64) bool {
			all.add(openPrompts{head: false})
			return true
		})
		all[hash] = true
	}
	return all
}

func (o openPrompts) add(others openPrompts) {
	for hash, whole := range others {
		o[hash] = o[hash] || whole
	}
}

// isOpen says whether a prompt is one of those. A prompt that begins as none of them is not read further than its head.
func isOpen(prompt []byte, open []openPrompts) bool {
	hash, read := normalised(prompt, func(head uint64) bool {
		return slices.ContainsFunc(open, func(o openPrompts) bool { _, begins := o[head]; return begins })
	})
	return read && slices.ContainsFunc(open, func(o openPrompts) bool { return o[hash] })
}

// letters are what ASCII counts as in a normalised text; 0 is what parts words.
var letters = func() (table [utf8.RuneSelf]byte) {
	for r := range rune(utf8.RuneSelf) {
		if counts(r) {
			table[r] = byte(unicode.ToLower(r))
		}
	}
	return table
}()

func counts(r rune) bool {
	switch r {
	case '+', '-', '*', '/', '<', '>':
		return true
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

// normalised is the hash, FNV-1a of 64 bits, of a text's letters, digits and signs of arithmetic, in lower case, with one space for all
// else. Of a text that is as long as a head it tells that one's hash, and reads on only if it is told to; without goOn it reads all.
func normalised(text []byte, goOn func(head uint64) bool) (hash uint64, read bool) {
	const offset, prime = 14695981039346656037, 1099511628211
	hash = offset
	n, parted := 0, false
	for i := 0; i < len(text); {
		var sign [utf8.UTFMax]byte
		size := 1
		if c := text[i]; c < utf8.RuneSelf {
			sign[0] = letters[c]
			i++
		} else {
			r, width := utf8.DecodeRune(text[i:])
			i += width
			if r = unicode.ToLower(r); counts(r) {
				size = utf8.EncodeRune(sign[:], r)
			}
		}
		if sign[0] == 0 {
			parted = n > 0
			continue
		}
		if parted {
			hash = (hash ^ ' ') * prime
			parted = false
		}
		for _, b := range sign[:size] {
			hash = (hash ^ uint64(b)) * prime
		}
		if n++; n == headLength && goOn != nil && !goOn(hash) {
			return 0, false
		}
	}
	return hash, true
}
