package validator

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
)

// shortAnswer is the length in bytes up to which unrelated honest models often say the same.
const shortAnswer = 24

// said is the part of an answer that a model is responsible for; ids, dates and names in it are left out.
type said struct {
	Choices []struct {
		Text    string `json:"text"`
		Message struct {
			Content json.RawMessage `json:"content"`
		} `json:"message"`
		Logprobs json.RawMessage `json:"logprobs"`
	} `json:"choices"`
}

// fingerprint hashes what was answered. trivial says that another honest model may well answer the same: it is right,
// or short, and declares no probabilities.
func fingerprint(body []byte, score float64) (hash [32]byte, trivial bool) {
	var s said
	if json.Unmarshal(body, &s) != nil || len(s.Choices) == 0 {
		return sha256.Sum256(body), true
	}
	h := sha256.New()
	length, declared := 0, false
	for _, c := range s.Choices {
		for _, part := range [][]byte{[]byte(c.Text), c.Message.Content, compact(c.Logprobs)} {
			h.Write(part)
			h.Write([]byte{0})
		}
		length += len(c.Text) + len(c.Message.Content)
		declared = declared || len(c.Logprobs) > 0 && !bytes.Equal(c.Logprobs, []byte("null"))
	}
	return [32]byte(h.Sum(nil)), !declared && (score >= 1 || length <= shortAnswer)
}

func compact(raw json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return nil
	}
	return b.Bytes()
}
