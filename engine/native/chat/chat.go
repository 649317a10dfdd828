// Package chat is a ladder of small llama-shaped models that ship with the program, run by the engine of package model.
// They answer short exact questions (sums, spelling, lists, the calendar, small facts) and nothing
// else; each model's card says how often it is right.
//
// An answer depends on the request alone: arithmetic is bit-exact on every machine, and sampling takes its seed from
// the request. The model reads the last user message and no other.
package chat

import (
	"crypto/sha256"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// ErrUnknown says that no model of this name ships with the program.
var ErrUnknown = errors.New("no such native chat model")

//go:embed weights
var files embed.FS

// ModelCard says what a model is and what was measured. Accuracies are shares between 0 and 1.
type ModelCard struct {
	Name       string             `json:"name"`
	Digest     string             `json:"digest"` // "sha256:<hex>" of the weights file
	Parameters int                `json:"parameters"`
	Width      int                `json:"width"`
	Layers     int                `json:"layers"`
	Hidden     int                `json:"hidden"`
	Context    int                `json:"context"` // tokens of question and answer together
	Precision  string             `json:"precision"`
	Licence    string             `json:"licence"`
	Steps      int                `json:"training_steps"`   // of 2,048 tokens
	Turns      int                `json:"training_turns"`   // questions seen
	Seconds    float64            `json:"training_seconds"` // by the clock
	Kernel     string             `json:"training_kernel"`
	Questions  int                `json:"questions"` // held out, drawn as validators draw
	Accuracy   float64            `json:"accuracy"`  // exact, greedy, over Questions
	Families   map[string]float64 `json:"families"`  // accuracy by kind of question
}

// Cards lists the cards of the embedded models, weakest first.
var Cards = sync.OnceValue(func() []ModelCard {
	var cards []ModelCard
	file, err := files.ReadFile("weights/cards.json")
	if err != nil {
		return nil
	}
	if err := json.Unmarshal(file, &cards); err != nil {
		panic("chat: the embedded cards must be JSON: " + err.Error())
	}
	return cards
})

// Models names the embedded models, weakest first.
func Models() []string {
	var names []string
	for _, c := range Cards() {
		names = append(names, c.Name)
	}
	return names
}

// Card is the card of the model of this name.
func Card(name string) (ModelCard, bool) {
	i := slices.IndexFunc(Cards(), func(c ModelCard) bool { return c.Name == name })
	if i < 0 {
		return ModelCard{}, false
	}
	return Cards()[i], true
}

var vocabulary = sync.OnceValues(func() (*Vocabulary, error) {
	file, err := files.ReadFile("weights/vocab.txt")
	if err != nil {
		return nil, err
	}
	return NewVocabulary(file)
})

// Open loads an embedded model. The error is ErrUnknown for a name that is not among Models.
func Open(name string) (*Engine, error) {
	v, err := vocabulary()
	if err != nil {
		return nil, fmt.Errorf("embedded vocabulary: %w", err)
	}
	if _, ok := Card(name); !ok {
		return nil, fmt.Errorf("%w: %q; there are %v", ErrUnknown, name, Models())
	}
	file, err := files.ReadFile("weights/" + name + ".bin")
	if err != nil {
		return nil, fmt.Errorf("embedded model %s: %w", name, err)
	}
	return Load(name, file, v)
}

// Load makes an engine of a weights file that was made for the vocabulary v.
func Load(name string, file []byte, v *Vocabulary) (*Engine, error) {
	w, err := Unmarshal(file, v)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", name, err)
	}
	return newEngine(name, fmt.Sprintf("sha256:%x", sha256.Sum256(file)), w, v)
}
