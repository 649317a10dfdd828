package exact

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"agora/wire/openai"
)

// maxAnswerBytes bounds the answer body that Score reads.
const maxAnswerBytes = 64 << 10

// matcher compares an answer with what is wanted; nil means equality.
type matcher func(answer, want string) bool

// Check tells whether answer is right: equal to Answer after white space and one final full stop are cut away.
// Upper and lower case count only where the question is about letters; a JSON object may list its keys in any order.
func (q Question) Check(answer string) bool {
	answer = strings.TrimSpace(answer)
	answer = strings.TrimSpace(strings.TrimSuffix(answer, "."))
	if q.match == nil {
		return answer == strings.TrimSuffix(q.Answer, ".")
	}
	return q.match(answer, q.Answer)
}

func sameFold(answer, want string) bool { return strings.EqualFold(answer, want) }

func sameObject(answer, want string) bool {
	var a, w map[string]any
	if json.Unmarshal([]byte(answer), &a) != nil || json.Unmarshal([]byte(want), &w) != nil {
		return false
	}
	return reflect.DeepEqual(a, w)
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

func answerText(answer []byte) (string, error) {
	if len(answer) > maxAnswerBytes {
		return "", fmt.Errorf("answer has %d bytes, at most %d are read", len(answer), maxAnswerBytes)
	}
	var r openai.ChatResponse
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
