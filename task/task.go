// Package task defines families of challenges: fresh questions with checkers that need no trust.
// A family is a subnet's mechanism: it draws an item from a secret seed and scores the answer that came back
// over the same wire, in the same shape, that serves consumers.
package task

import "errors"

// Seed is the secret that a validator's items are drawn from; it is used for one tempo and then never again.
type Seed [32]byte

// Item is one single-use challenge.
type Item struct {
	ID   [32]byte // SHA-256 over the family's name, Path and Body
	Path string   // "/v1/chat/completions" or "/v1/completions"
	Body []byte   // the OpenAI request to send: a JSON object to its last brace; "stream" is the judge's to add
	// Score judges the body of the answer: JSON and, of a stream, what it amounts to. The score is in [0, 1], higher is better.
	// An error says why the answer is malformed; the caller counts it as a score of 0.
	Score func(answer []byte) (float64, error)
}

// ErrNoScore marks an error of Item.Score that lies with this machine: nothing follows from it for the answer.
var ErrNoScore = errors.New("no score here")

// Family draws items. The same seed and index give the same item on every machine.
type Family interface {
	Name() string                      // the name under which a subnet selects it: "exact", "continuation"
	Item(seed Seed, index uint64) Item // one without a Path where there is none
}
