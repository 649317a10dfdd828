package exact

import (
	"encoding/json"
	"errors"
	"fmt"

	"agora/wire/openai"
)

// maxAnswerBytes bounds the answer body that Score reads: 1,024 tokens of any tokenizer, with room for what a server adds.
const maxAnswerBytes = 256 << 10

// maxText bounds the text that is read, in bytes.
const maxText = 16 << 10

// Check tells whether answer is right, read as people give answers: thoughts before it are skipped, and so are emphasis, quotes,
// fences, "The answer is" and, where the question is not about form, a sentence around it. Whoever names two different answers
// has given none.
func (q Question) Check(answer string) bool {
	text, ok := visible(answer)
	if !ok || len(text) > maxText {
		return false
	}
	value, ok := q.value(text)
	return ok && q.accepts(value)
}

// accepts compares a value, as the kind's reader spells it, with the right ones.
func (q Question) accepts(value string) bool {
	if q.turn.match != nil {
		return q.turn.match(value)
	}
	for _, right := range append([]string{q.Answer}, q.turn.also...) {
		if want, ok := q.read(q, right); ok && value == want {
			return true
		}
	}
	return false
}

func score(q Question, answer []byte) (float64, error) {
	text, err := answerText(answer)
	if err != nil {
		return 0, err
	}
	if q.Check(text) {
		return 1, nil
	}
	return 0, nil
}

// said is what is read of an answer. What else a server puts in, and how, says nothing about it.
type said struct {
	Choices []struct {
		Message struct {
			Role    string         `json:"role"`
			Content openai.Content `json:"content"`
		} `json:"message"`
	} `json:"choices"`
}

func answerText(answer []byte) (string, error) {
	if len(answer) > maxAnswerBytes {
		return "", fmt.Errorf("answer has %d bytes, at most %d are read", len(answer), maxAnswerBytes)
	}
	var r said
	if err := json.Unmarshal(answer, &r); err != nil {
		return "", fmt.Errorf("answer is not a chat completion: %w", err)
	}
	if len(r.Choices) != 1 {
		return "", fmt.Errorf("answer has %d choices, want 1", len(r.Choices))
	}
	if role := r.Choices[0].Message.Role; role != "assistant" && role != "" {
		return "", errors.New("answer's message is not the assistant's")
	}
	return string(r.Choices[0].Message.Content), nil
}
