package openai

import (
	"bytes"
	"encoding/json"
	"fmt"

	"agora/wire/openai"
)

// renameModel writes name in place of the top-level "model" of a request and leaves every other byte as it is.
// The body must be a JSON object without doubled keys; without a name nothing is written.
func renameModel(body []byte, name string) ([]byte, error) {
	if err := openai.CheckJSON(body); err != nil {
		return nil, err
	}
	from, to, err := modelSpan(body)
	if err != nil || name == "" {
		return body, err
	}
	quoted, err := json.Marshal(name)
	if err != nil {
		return nil, fmt.Errorf("model's name: %w", err)
	}
	out := make([]byte, 0, len(body)-(to-from)+len(quoted))
	return append(append(append(out, body[:from]...), quoted...), body[to:]...), nil
}

// modelSpan is where the value of "model" stands in body.
func modelSpan(body []byte) (from, to int, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.Token() // the brace that CheckJSON has seen
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return 0, 0, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return 0, 0, err
		}
		if key == "model" {
			end := int(d.InputOffset())
			return end - len(value), end, nil
		}
	}
	return 0, 0, openai.Invalid("model", "model is missing; GET /v1/models lists the names")
}
