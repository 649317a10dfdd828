// Package exact is the task family of short questions that have exactly one answer: sums, comparisons, spelling,
// lists, the calendar, small facts, reading. Questions are drawn fresh from a seed, phrased and typed as people do,
// and judged by a checker, so that no judge's opinion enters a score.
//
// The same generators feed the trainer of the native chat models (Draw, Help) and the validator (Family.Item). Both
// draw from the whole space. One base question in twenty is held out of training (Question.HeldOut), which is what
// offline accuracies are measured on.
package exact

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"

	"agora/task"
	"agora/wire/openai"
)

// maxAnswerTokens bounds the answer that an item asks for. The longest right answer needs under 60 of any tokenizer; the rest is
// for models that think before they answer.
const maxAnswerTokens = 1024

// Family draws items for the chat subnet. Its zero value asks for the model "chat".
type Family struct {
	Model string // what the request's "model" says: the subnet's name as consumers write it; "" is "chat"
}

// Name is "exact", under which a subnet selects this family.
func (Family) Name() string { return "exact" }

// Item draws the item with this index. The kind of question is uniform over Names; seed and index decide all the rest. It
// is the question alone, as a person types it: a system prompt of ours would tell miners what is a test.
func (f Family) Item(seed task.Seed, index uint64) task.Item {
	q := At(seed, index)
	body := f.body(q.Text)
	return task.Item{
		ID:    itemID(f.Name(), path, body),
		Path:  path,
		Body:  body,
		Score: func(answer []byte) (float64, error) { return score(q, answer) },
	}
}

// At is the question behind Item(seed, index).
func At(seed task.Seed, index uint64) Question {
	h := sha256.New()
	h.Write([]byte("agora/exact/item"))
	h.Write(seed[:])
	h.Write(binary.BigEndian.AppendUint64(nil, index))
	s := NewSource([32]byte(h.Sum(nil)))
	return Draw(s, s.Intn(len(families)))
}

const path = "/v1/chat/completions"

func (f Family) body(text string) []byte {
	model := f.Model
	if model == "" {
		model = "chat"
	}
	limit, greedy := maxAnswerTokens, 0.0
	body, err := json.Marshal(&openai.ChatRequest{
		Model:       model,
		Messages:    []openai.Message{{Role: "user", Content: openai.Content(text)}},
		MaxTokens:   &limit,
		Temperature: &greedy,
	})
	if err != nil {
		panic("exact: a request of strings and numbers must marshal: " + err.Error())
	}
	return body
}

// itemID is SHA-256 over the three parts, each with its length in eight bytes before it.
func itemID(name, path string, body []byte) [32]byte {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(name), []byte(path), body} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	return [32]byte(h.Sum(nil))
}
