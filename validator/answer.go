package validator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"hash/fnv"
	"math"
	"slices"
	"strings"

	"agora/mechanism/score"
	"agora/task/exact"
)

// shortAnswer is the length in bytes up to which unrelated honest models often say the same.
const shortAnswer = 40

// levelsKept is how many of the likeliest declared tokens are compared.
const levelsKept = 16

// spoken is the part of an answer that a model is responsible for; ids, dates and names in it are left out.
type spoken struct {
	Choices []struct {
		Text    string `json:"text"`
		Message struct {
			Content json.RawMessage `json:"content"`
		} `json:"message"`
		Logprobs struct {
			TopLogprobs []map[string]float64 `json:"top_logprobs"`
			TopBytes    [][]struct {
				Token   string  `json:"token"`
				Logprob float64 `json:"logprob"`
			} `json:"top_bytes"`
		} `json:"logprobs"`
	} `json:"choices"`
}

// saidIn keeps of an answer what shows whether another miner gives it too: its text without thoughts, typesetting, blanks, stops and
// case, and the likeliest of the probabilities that it declares.
func saidIn(body []byte) (said score.Said) {
	var s spoken
	_ = json.Unmarshal(body, &s) // what does not fit its type is left out, so that nobody hides the rest behind it
	if len(s.Choices) == 0 {
		return said
	}
	var text strings.Builder
	for _, c := range s.Choices {
		text.WriteString(c.Text)
		var content string
		if json.Unmarshal(c.Message.Content, &content) != nil {
			content = string(bytes.TrimSpace(c.Message.Content))
		}
		text.WriteString(content)
	}
	first := s.Choices[0].Logprobs
	switch {
	case len(first.TopBytes) > 0:
		for _, t := range first.TopBytes[0] {
			said.Levels = append(said.Levels, level(t.Token, t.Logprob))
		}
	case len(first.TopLogprobs) > 0:
		for token, logprob := range first.TopLogprobs[0] {
			said.Levels = append(said.Levels, level(token, logprob))
		}
	}
	slices.SortFunc(said.Levels, func(a, b score.Level) int {
		return cmp.Or(cmp.Compare(b.Logprob, a.Logprob), cmp.Compare(a.Token, b.Token))
	})
	said.Levels = slices.Clip(said.Levels[:min(len(said.Levels), levelsKept)])
	visible := exact.Visible(text.String())
	hash, _ := normalised([]byte(strings.ReplaceAll(visible, "**", "")), nil)
	said.Text, said.Telling = hash|1, len(visible) > shortAnswer
	return said
}

func level(token string, logprob float64) score.Level {
	h := fnv.New32a()
	h.Write([]byte(token))
	if !(logprob > -30) {
		logprob = -30
	}
	return score.Level{Token: h.Sum32(), Logprob: int32(math.Round(1000 * min(logprob, 0)))}
}
