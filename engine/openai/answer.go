package openai

import (
	"bytes"
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

// eventsOf is the stream of an answer for which a stream was asked, by what it begins with: servers name events in many ways, or
// none. A plain answer is written as a stream of one chunk, and nil is left of it.
func eventsOf(w http.ResponseWriter, body io.Reader) (io.Reader, error) {
	first, err := beginning(body)
	if err != nil {
		return nil, openai.Errorf(http.StatusBadGateway, "the answer of the miner's backend is empty or broke off")
	}
	from := io.MultiReader(bytes.NewReader(first), body)
	switch text := trimmed(first); text[0] {
	case '{', '[', '<', '"':
		return nil, restream(w, from)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	return from, nil
}

const maxBlank = 64 << 10 // bytes before an answer that say nothing

// beginning reads up to the first byte that says something.
func beginning(from io.Reader) (first []byte, err error) {
	room := make([]byte, 4<<10)
	for len(first) < maxBlank {
		n, err := from.Read(room)
		if first = append(first, room[:n]...); len(trimmed(first)) > 0 {
			return first, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, io.ErrUnexpectedEOF
}

// trimmed is a text without its byte order mark and the blanks before it.
func trimmed(text []byte) []byte { return bytes.TrimLeft(text, "\xef\xbb\xbf \t\r\n") }

// restream gives the plain answer of a backend that does not stream as a stream of one chunk.
func restream(w http.ResponseWriter, from io.Reader) error {
	body, err := io.ReadAll(io.LimitReader(from, maxAnswer+1))
	if err != nil || len(body) > maxAnswer {
		return openai.Errorf(http.StatusBadGateway, "the answer of the miner's backend is not whole")
	}
	body = trimmed(body)
	chunk, usage, err := chunkOf(body)
	if err != nil {
		return err
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

// chunkOf is a plain answer as the only chunk of a stream, and as that of its usage; nil where it tells none. An answer without
// choices is the error that it tells. A choice that came whole has ended, whether it says why or not.
func chunkOf(answer []byte) (chunk, usage map[string]json.RawMessage, err error) {
	odd := openai.Errorf(http.StatusBadGateway, "the answer of the miner's backend is not what OpenAI's API gives")
	var choices []map[string]json.RawMessage
	if json.Unmarshal(answer, &chunk) != nil {
		return nil, nil, odd
	}
	if json.Unmarshal(chunk["choices"], &choices) != nil || len(choices) == 0 {
		if told := openai.Foreign(0, answer); told.Message != "" {
			return nil, nil, told
		}
		return nil, nil, odd
	}
	for _, c := range choices {
		if c == nil {
			return nil, nil, odd
		}
		if why := string(c["finish_reason"]); why == "" || why == "null" || why == `""` {
			c["finish_reason"] = json.RawMessage(`"stop"`)
		}
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
