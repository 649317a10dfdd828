package openai

import (
	"encoding/json"
	"io"
	"net/http"

	"agora/wire/openai"
)

const maxReason = 64 << 10 // bytes of a refusal that are read

// reason is a backend's refusal in OpenAI's shape, whatever its own is.
func reason(resp *http.Response) *openai.Error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReason))
	if err != nil {
		body = nil
	}
	e := openai.Foreign(resp.StatusCode, body)
	if e.Message == "" {
		e.Message = "the miner's backend refused the request without a reason"
	}
	return e
}

// withoutStream asks for a plain answer.
func withoutStream(body []byte) ([]byte, error) {
	var top map[string]json.RawMessage
	if err := json.Unmarshal(body, &top); err != nil {
		return nil, err
	}
	delete(top, "stream")
	delete(top, "stream_options")
	return json.Marshal(top)
}

// restream gives the plain answer of a backend that does not stream as a stream of one chunk.
func restream(w http.ResponseWriter, from io.Reader) error {
	body, err := io.ReadAll(io.LimitReader(from, maxAnswer+1))
	if err != nil || len(body) > maxAnswer {
		return openai.Errorf(http.StatusBadGateway, "the answer of the miner's backend is not whole")
	}
	chunk, usage, err := chunkOf(body)
	if err != nil {
		return openai.Errorf(http.StatusBadGateway, "the answer of the miner's backend is not what OpenAI's API gives")
	}
	events := openai.NewEventWriter(w)
	for _, v := range []map[string]json.RawMessage{chunk, usage} {
		if v == nil {
			continue
		}
		if err := events.Send(v); err != nil {
			return nil // nobody reads any more
		}
	}
	_ = events.Done() // likewise
	return nil
}

// chunkOf is a plain answer as the only chunk of a stream, and as that of its usage; nil where it tells none.
func chunkOf(answer []byte) (chunk, usage map[string]json.RawMessage, err error) {
	if err := json.Unmarshal(answer, &chunk); err != nil {
		return nil, nil, err
	}
	var choices []map[string]json.RawMessage
	if err := json.Unmarshal(chunk["choices"], &choices); err != nil {
		return nil, nil, err
	}
	for _, c := range choices {
		if c["message"] != nil {
			c["delta"] = c["message"]
			delete(c, "message")
			chunk["object"] = json.RawMessage(`"chat.completion.chunk"`)
		}
	}
	if chunk["choices"], err = json.Marshal(choices); err != nil {
		return nil, nil, err
	}
	if chunk["usage"] != nil {
		usage = map[string]json.RawMessage{"id": chunk["id"], "object": chunk["object"], "choices": json.RawMessage("[]"), "usage": chunk["usage"]}
		delete(chunk, "usage")
	}
	return chunk, usage, nil
}
