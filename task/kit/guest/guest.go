// Package guest is what a task in Go is built on: describe a Task, hand it to Serve, build it with the standard toolchain.
//
//	func init() { guest.Serve(guest.Task{Name: "sums", Item: item, Score: score}) }
//	func main() {}
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags="-s -w" -o sums.wasm .
//
// A task is two functions without memory: what Item and Score leave behind is gone at the next call. Nothing comes from outside but
// the seed: no files, no network, a clock that tells nothing, no chance. The same code is tested as ordinary Go.
package guest

import (
	"encoding/json"
	"errors"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"strings"
)

// Task is a family of items.
type Task struct {
	Name    string // lower-case letters, digits and hyphens, 3 to 32
	About   string // a sentence or two for people
	Version string // your own count
	Source  string // where your source can be read

	// Item draws the item with this index; the same seed and index must give the same item.
	Item func(seed [32]byte, index uint64) Item
	// Score judges the body of an answer: a number from 0 to 1, higher is better, and why. Key is the item's. A malformed answer is 0.
	Score func(key, answer []byte) (float64, string)
}

// Item is one question for a model.
type Item struct {
	Path    string // "/v1/chat/completions", "/v1/completions" or "/v1/embeddings"
	Request []byte // the JSON body to send; without "stream"
	Key     []byte // what Score needs to judge the answer; no miner sees it
}

var served Task

// Serve makes a task the one that this module runs. Call it in init.
func Serve(t Task) {
	served = t
	warm()
}

// Served is the task that Serve was given: what a test of the task runs.
func Served() Task { return served }

// warming is while the module starts: nobody is asked then.
var warming bool

// spare is how many bytes a call may allocate before the module's memory has to grow. After a call that grew its memory a validator makes
// a new instance, which takes some milliseconds.
const spare = 1 << 20

// warm draws and scores once, and makes room: what packages learn at first use (JSON about types, tables) is then there in every later
// call, which all start from the state after this.
func warm() {
	if served.Item == nil || served.Score == nil {
		return
	}
	warming = true
	defer func() { warming = false }()
	item := served.Item([32]byte{}, 0)
	served.Score(item.Key, []byte(`{"choices":[{"message":{"role":"assistant","content":"\u00e9"}}]}`))
	room := make([]byte, spare)
	runtime.KeepAlive(&room)
	runtime.GC()
}

// Source is a stream of choices that follows from a seed and an index.
type Source struct{ chacha *rand.ChaCha8 }

// NewSource starts the stream of an item.
func NewSource(seed [32]byte, index uint64) *Source {
	for i := range 8 {
		seed[i] ^= byte(index >> (8 * i))
	}
	return &Source{rand.NewChaCha8(seed)}
}

// Intn returns a number in [0, n), n ≥ 1.
func (s *Source) Intn(n int) int {
	high, _ := bits.Mul64(s.chacha.Uint64(), uint64(n))
	return int(high)
}

// Pick returns one of a list.
func Pick[T any](s *Source, from []T) T { return from[s.Intn(len(from))] }

// Message is one turn of a conversation.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Chat is an item that asks a chat model at temperature 0: what it is told to be ("" for nothing), what it is asked, how many tokens
// it may answer with.
func Chat(system, user string, tokens int, key []byte) Item {
	var turns []Message
	if system != "" {
		turns = append(turns, Message{"system", system})
	}
	body, err := json.Marshal(struct {
		Model       string    `json:"model"`
		Messages    []Message `json:"messages"`
		MaxTokens   int       `json:"max_tokens"`
		Temperature float64   `json:"temperature"`
	}{"task", append(turns, Message{"user", user}), tokens, 0})
	if err != nil {
		panic(err)
	}
	return Item{Path: "/v1/chat/completions", Request: body, Key: key}
}

// Text reads the text of a chat completion, without a thought before it (<think>…</think>) and without space around it.
func Text(answer []byte) (string, error) {
	var reply struct {
		Choices []struct{ Message Message }
	}
	if err := json.Unmarshal(answer, &reply); err != nil {
		return "", err
	}
	if len(reply.Choices) != 1 {
		return "", errors.New("the answer has not one choice")
	}
	text := reply.Choices[0].Message.Content
	if at := strings.LastIndex(text, "</think>"); at >= 0 {
		text = text[at+len("</think>"):]
	}
	return strings.TrimSpace(text), nil
}
