package peek

import (
	"bytes"
	"encoding/json"

	"agora/wire/openai"
)

// Events is the length of the complete events that buf begins with; an event ends with an empty line.
func Events(buf []byte) int {
	end := 0
	if i := bytes.LastIndex(buf, []byte("\n\n")); i >= 0 {
		end = i + 2
	}
	if i := bytes.LastIndex(buf, []byte("\r\n\r\n")); i >= 0 {
		end = max(end, i+4)
	}
	return end
}

// IsDone says whether the last event is the one that ends an OpenAI stream.
func IsDone(events []byte) bool {
	line := bytes.TrimRight(events, "\r\n")
	line = line[bytes.LastIndexByte(line, '\n')+1:]
	data, ok := bytes.CutPrefix(line, []byte("data:"))
	return ok && string(bytes.TrimSpace(data)) == "[DONE]"
}

// Usage finds the usage object in an answer. Quotes inside a JSON string are escaped, so text cannot be taken for it.
func Usage(part []byte) (openai.Usage, bool) {
	const mark = `"usage":{`
	var u openai.Usage
	i := bytes.LastIndex(part, []byte(mark))
	if i < 0 {
		return u, false
	}
	err := json.NewDecoder(bytes.NewReader(part[i+len(mark)-1:])).Decode(&u)
	return u, err == nil
}
