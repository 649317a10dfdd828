package guest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
)

func body(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return out
}

// Look is an item that asks a chat model about a picture, a PNG file.
func Look(question string, png []byte, tokens int, key []byte) Item {
	return Item{Path: "/v1/chat/completions", Key: key, Request: body(map[string]any{
		"model": "task", "max_tokens": tokens, "temperature": 0,
		"messages": []any{map[string]any{"role": "user", "content": []any{
			map[string]string{"type": "text", "text": question},
			map[string]any{"type": "image_url", "image_url": map[string]string{"url": "data:image/png;base64," + base64.StdEncoding.EncodeToString(png)}},
		}}},
	})}
}

// Embed is an item that asks for the vectors of texts.
func Embed(texts []string, key []byte) Item {
	return Item{Path: "/v1/embeddings", Key: key, Request: body(map[string]any{"model": "task", "input": texts, "encoding_format": "float"})}
}

// Vectors reads the answer to Embed: one vector for each text, all of one length.
func Vectors(answer []byte, texts int) ([][]float64, error) {
	var reply struct {
		Data []struct {
			Index     int       `json:"index"`
			Embedding []float64 `json:"embedding"`
		} `json:"data"`
	}
	if err := json.Unmarshal(answer, &reply); err != nil {
		return nil, err
	}
	list := make([][]float64, texts)
	for _, d := range reply.Data {
		if d.Index < 0 || d.Index >= texts || len(d.Embedding) == 0 || len(d.Embedding) != len(reply.Data[0].Embedding) {
			return nil, errors.New("a vector is of another length than the first, or of no text")
		}
		list[d.Index] = d.Embedding
	}
	for _, v := range list {
		if v == nil {
			return nil, errors.New("a text has no vector")
		}
	}
	return list, nil
}

// Speak is an item that wants a text spoken, as a WAV file.
func Speak(text string, key []byte) Item {
	return Item{Path: "/v1/audio/speech", Key: key, Request: body(map[string]string{"model": "task", "input": text, "voice": "alloy", "response_format": "wav"})}
}

// Edits is the least number of things to change, add or leave out that make b of a: words for a word error rate, letters for one of letters.
func Edits[T comparable](a, b []T) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, w := range a {
		before := i
		row[0] = i + 1
		for j, v := range b {
			change := before
			if w != v {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
