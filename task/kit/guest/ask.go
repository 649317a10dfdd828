package guest

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// Model names whom a task asks.
type Model [32]byte

// Weights is the model with this digest of its weights, "sha256:<hex>": every validator runs it himself. A digest that is none panics.
func Weights(digest string) Model {
	raw, err := hex.DecodeString(strings.TrimPrefix(digest, "sha256:"))
	if err != nil || len(raw) != len(Model{}) {
		panic("guest: " + digest + " is not sha256: and 64 hexadecimal digits")
	}
	return Model(raw)
}

// Subnet is the best miner of another subnet, as each validator ranks them.
func Subnet(netuid uint32) Model {
	var m Model
	binary.BigEndian.PutUint32(m[28:], netuid)
	return m
}

// Program is a program that every validator runs himself, by its name of at most 24 letters: "pocketsphinx" writes down English speech.
// Where a validator has not installed it, the item counts for nothing.
func Program(name string) (m Model) {
	copy(m[:], "program:"+name)
	return m
}

// Ask puts one question to a model, at temperature 0, and returns the text of its answer. Only Score may ask, at most eight times, 1 MiB
// each. The host keeps questions and answers with the score, so that it can be computed again. Where nobody can be asked the call
// ends there: the item counts for nothing.
func Ask(m Model, question string, tokens int) string {
	return put(m, Chat("", question, tokens, nil).Request)
}

// Hear has a model write down speech: a WAV file, as it came. Hint is what may be said, "" for anything.
func Hear(m Model, wav []byte, hint string) string {
	part := map[string]any{"type": "input_audio", "input_audio": map[string]any{"data": wav, "format": "wav"}}
	body, err := json.Marshal(map[string]any{
		"model": "task", "temperature": 0, "max_tokens": 256,
		"messages": []any{map[string]any{"role": "user", "content": []any{map[string]string{"type": "text", "text": hint}, part}}},
	})
	if err != nil {
		panic(err)
	}
	return put(m, body)
}

func put(m Model, request []byte) string {
	if warming {
		return ""
	}
	return ask(m, request)
}
