package continuation

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"agora/task"
	"agora/wire/openai"
)

const (
	// Name is the family's name.
	Name = "continuation"
	// Path is where its items are sent.
	Path = "/v1/completions"
	// Chance is the score of a declaration without any skill: 1/256 for each byte, 8 bits.
	Chance = 0.5
	// Alternatives is how many next tokens a miner may declare; one more is accepted, for the token that it wrote.
	Alternatives = 256

	minPrefix = 64  // bytes shown at least, so that even a slow starter has something to go by
	maxPrefix = 512 // bytes shown at most
)

// Family draws continuation items. It implements task.Family and is safe for concurrent use.
type Family struct{ source *Source }

// New returns the family over the default source.
func New() *Family { return &Family{source: Default()} }

// Name is the name under which a subnet selects the family.
func (*Family) Name() string { return Name }

// Item draws one item: text from the seed and index, cut at a random byte.
func (f *Family) Item(seed task.Seed, index uint64) task.Item {
	prefix, next := f.cut(seed, index)
	body := requestBody(prefix)
	return task.Item{ID: itemID(body), Path: Path, Body: body, Score: func(answer []byte) (float64, error) {
		return scoreAnswer(answer, next)
	}}
}

// cut draws an item's text and the byte that follows it.
func (f *Family) cut(seed task.Seed, index uint64) (prefix []byte, next byte) {
	key := append([]byte("agora continuation item 1"), seed[:]...)
	random := rand.NewChaCha8(sha256.Sum256(binary.BigEndian.AppendUint64(key, index)))
	at := minPrefix + int(below(random, maxPrefix-minPrefix+1))
	text := f.source.draw(random, at+1)
	return text[:at], text[at]
}

// requestBody writes the OpenAI request for an item.
func requestBody(prefix []byte) []byte {
	one, zero, alternatives := 1, 0.0, Alternatives
	body, err := json.Marshal(openai.CompletionRequest{
		Model: Name, Prompt: openai.Prompt(prefix), MaxTokens: &one, Temperature: &zero, Logprobs: &alternatives,
	})
	if err != nil {
		panic(fmt.Sprintf("a request of plain text does not encode: %v", err)) // no such text
	}
	return body
}

// itemID is SHA-256 over the family's name, the path and the body, with a zero byte after each of the first two.
func itemID(body []byte) [32]byte {
	return sha256.Sum256(append([]byte(Name+"\x00"+Path+"\x00"), body...))
}
