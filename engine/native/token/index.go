package token

import "hash/maphash"

// index finds tokens by their spelling. It holds numbers only, in a table at least twice as long as the vocabulary, where each lies at
// its spelling's hash or in the next free place: a fifth of a map's memory, and nothing for the collector to look at.
type index struct {
	tokens []string
	places []int32 // a power of two of them; a token's number + 1, 0 where there is none
	seed   maphash.Seed
}

// newIndex takes the first of tokens that are spelled alike: files have doubles among the unused.
func newIndex(tokens []string) *index {
	size := 2
	for size < 2*len(tokens) {
		size *= 2
	}
	x := &index{tokens: tokens, places: make([]int32, size), seed: maphash.MakeSeed()}
	for i, s := range tokens {
		if at := x.place(s); x.places[at] == 0 {
			x.places[at] = int32(i) + 1
		}
	}
	return x
}

// place is where a spelling lies, or would.
func (x *index) place(s string) int {
	last := len(x.places) - 1
	at := int(maphash.String(x.seed, s)) & last
	for x.places[at] != 0 && x.tokens[x.places[at]-1] != s {
		at = (at + 1) & last
	}
	return at
}

// find is the number of a spelling.
func (x *index) find(s string) (id int32, ok bool) {
	id = x.places[x.place(s)] - 1
	return id, id >= 0
}
