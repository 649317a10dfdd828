package task

import "context"

// Reader is a model that says how probable it takes a text to be.
type Reader interface {
	// Tokens cuts a text as the model does. The first begin of them stand before every text and write nothing.
	Tokens(text string) (ids []int32, begin int)
	// Written is what tokens write in the order of ids, without what Tokens put before the text.
	Written(ids []int32) [][]byte
	// Score is the natural logarithm of each token's probability after those before it, but for the first.
	Score(ctx context.Context, ids []int32) ([]float64, error)
	// Window is how many tokens the model reads together, at least 2.
	Window() int
}
