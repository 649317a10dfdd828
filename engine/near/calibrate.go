package near

import (
	"context"
	"crypto/sha256"
	"fmt"

	"agora/engine"
	"agora/task"
	"agora/task/exact"
	"agora/wire/openai"
)

// Most is the largest number of questions of a calibration.
const Most = 10_000

// limit is how long an answer of a calibration may be, in tokens, as validators ask for.
const limit = 64

// Calibrate asks a server n fresh questions, as validators do, at temperature 0, and measures its answers by the model on the exact engine.
// ask returns the words of an answer; of those that it gives the first keep of 1 are measured, so that less than 1 is a server that cuts its
// answers. tell, which may be nil, is told how far it is.
func Calibrate(ctx context.Context, model engine.Gauger, ask func(context.Context, *openai.ChatRequest) (string, error), seed string, n int, keep float64, tell func(doing string, have, of int64)) (Figures, error) {
	if n < 1 || n > Most || keep <= 0 || keep > 1 {
		return Figures{}, fmt.Errorf("near: %d questions of which %g of each answer is kept: want 1 to %d, and more than 0 and at most 1", n, keep, Most)
	}
	var answers [][]float64
	for i := range n {
		if tell != nil {
			tell("measuring", int64(i), int64(n))
		}
		req := Question(seed, i)
		text, err := ask(ctx, req)
		if err != nil {
			return Figures{}, fmt.Errorf("near: question %d: %w", i, err)
		}
		gaps, err := model.Gaps(ctx, req, first(text, keep))
		if err != nil {
			return Figures{}, fmt.Errorf("near: question %d: %w", i, err)
		}
		answers = append(answers, gaps)
	}
	return Measure(answers), nil
}

// Question is the i-th that a seed draws.
func Question(seed string, i int) *openai.ChatRequest {
	most, cold := limit, 0.0
	text := exact.At(task.Seed(sha256.Sum256([]byte(seed))), uint64(i)).Text
	return &openai.ChatRequest{Messages: []openai.Message{{Role: "user", Content: openai.Content(text)}}, MaxTokens: &most, Temperature: &cold}
}

// first is the part of a text's characters that comes first.
func first(text string, part float64) string {
	all := []rune(text)
	return string(all[:int(float64(len(all))*part)])
}
