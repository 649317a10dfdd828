// Package ladder holds the chat models that ship with the program: five sizes, each at least 4.2 times the last, files like
// any other, run by the engine of package llm. They answer short exact questions (sums, spelling, lists, the calendar, small
// facts, sentences under conditions) over several turns, and say that they do not know the rest; each model's card says how
// often it is right. Package train makes them.
package ladder

import (
	"compress/gzip"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"agora/engine/native/gguf"
	"agora/engine/native/llm"
)

// ErrUnknown says that no model of this name ships with the program.
var ErrUnknown = errors.New("no chat model of this name ships with agora")

// The files are GGUF as package train writes it, compressed, which takes a twentieth off.
//
//go:generate sh -c "gzip --best --no-name models/*.gguf"
//go:embed models
var files embed.FS

// Card says what a model is and what was measured. Shares are between 0 and 1.
type Card struct {
	Name       string             `json:"name"`
	Digest     string             `json:"digest"` // as everywhere: "sha256:<hex>" over tensors and tokenizer
	Bytes      int                `json:"bytes"`  // of the file
	Licence    string             `json:"licence"`
	Parameters int                `json:"parameters"`
	Vocabulary int                `json:"vocabulary"` // tokens
	Width      int                `json:"width"`      // of the residual stream
	Layers     int                `json:"layers"`
	Hidden     int                `json:"hidden"` // of the gated feed-forward part
	Heads      int                `json:"heads"`  // of attention
	KeyHeads   int                `json:"key_heads"`
	Context    int                `json:"context"` // tokens of a conversation
	Steps      int                `json:"training_steps"`
	Turns      int                `json:"training_turns"`   // questions seen
	Seconds    float64            `json:"training_seconds"` // of a processor
	Kernel     string             `json:"training_kernel"`
	Questions  int                `json:"questions"` // held out, drawn as validators draw
	Accuracy   float64            `json:"accuracy"`  // exact, greedy, over Questions
	Families   map[string]float64 `json:"families"`  // accuracy by kind of question
	Unknown    float64            `json:"unknown"`   // of 500 everyday requests: answered "I do not know."
}

// Cards lists the cards of the models, weakest first.
var Cards = sync.OnceValue(func() []Card {
	file, err := files.ReadFile("models/cards.json")
	if err != nil {
		panic("ladder: the embedded cards must be there: " + err.Error())
	}
	var cards []Card
	if err := json.Unmarshal(file, &cards); err != nil {
		panic("ladder: the embedded cards must be JSON: " + err.Error())
	}
	return cards
})

// Names lists the models, weakest first.
func Names() []string {
	var names []string
	for _, c := range Cards() {
		names = append(names, c.Name)
	}
	return names
}

// Named is the card of the model of this name, or of this digest.
func Named(name string) (Card, bool) {
	i := slices.IndexFunc(Cards(), func(c Card) bool { return c.Name == name || c.Digest == name })
	if i < 0 {
		return Card{}, false
	}
	return Cards()[i], true
}

// File is the model's GGUF file.
func (c Card) File() ([]byte, error) {
	packed, err := files.Open("models/" + c.Name + ".gguf.gz")
	if err != nil {
		return nil, err
	}
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		return nil, err
	}
	file := make([]byte, c.Bytes)
	_, err = io.ReadFull(unpacked, file)
	return file, err
}

// keptTexts bounds what each of these models, of which a market has many and which take questions more than conversations, keeps of
// texts for the next turn, in bytes.
const keptTexts = 2 << 20

// Open loads the model of this name, or of this digest. The error is ErrUnknown where none ships.
func Open(name string, o llm.Options) (*llm.Engine, error) {
	c, ok := Named(name)
	if !ok {
		return nil, fmt.Errorf("%w: %q; there are %s", ErrUnknown, name, strings.Join(Names(), ", "))
	}
	file, err := c.File()
	if err != nil {
		return nil, fmt.Errorf("embedded model %s: %w", c.Name, err)
	}
	f, err := gguf.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("embedded model %s: %w", c.Name, err)
	}
	if o.Name == "" {
		o.Name = c.Name
	}
	if o.Licence == "" {
		o.Licence = c.Licence
	}
	if o.Batch.Kept == 0 {
		o.Batch.Kept = keptTexts
	}
	return llm.New(f, o)
}
