package peek

import (
	"bytes"
	"encoding/json"
)

// Room is how many bytes AsStream may add to a body.
const Room = 64

const withUsage = `{"include_usage":true}`

// AsStream is the body of a request as miners get it: for a stream that tells its usage, whatever the consumer wanted, and
// without what only concerns the choice of a miner. A body that is so already stays as it is; where it has Room and lacks
// both fields they are written into the same memory. Head must be that of body.
func AsStream(body []byte, h Head) []byte {
	wish, option := find(h.fields, "stream"), find(h.fields, "stream_options")
	private := h.private()
	switch {
	case !private && h.Stream && tellsUsage(option):
		return body
	case !private && wish == nil && option == nil:
		return append(body[:h.end], `,"stream":true,"stream_options":`+withUsage+`}`...)
	}
	out := make([]byte, 0, len(body)+Room)
	for _, f := range h.fields {
		if !forMiners(f.Name) {
			continue
		}
		out = member(out, f.Name, f.Value)
	}
	out = member(out, "stream", []byte("true"))
	if !tellsUsage(option) {
		option = []byte(withUsage)
	}
	return append(member(out, "stream_options", option), '}')
}

// Bare is the body of a request for an answer in one piece as miners get it: without what only concerns their choice.
func Bare(body []byte, h Head) []byte {
	if !h.private() {
		return body
	}
	out := make([]byte, 0, len(body))
	for _, f := range h.fields {
		if forMiners(f.Name) || f.Name == "stream" || f.Name == "stream_options" {
			out = member(out, f.Name, f.Value)
		}
	}
	return append(out, '}')
}

// private says that a body has what miners do not see.
func (h Head) private() bool {
	return h.Provider != nil || h.Models != nil || find(h.fields, "session_id") != nil
}

// forMiners says whether a field is copied as it is.
func forMiners(key string) bool {
	switch key {
	case "provider", "models", "session_id", "stream", "stream_options":
		return false
	}
	return true
}

// member appends a member to an object that is being written.
func member(out []byte, key string, value []byte) []byte {
	if len(out) == 0 {
		out = append(out, '{')
	} else {
		out = append(out, ',')
	}
	name, err := json.Marshal(key)
	if err != nil { // strings always marshal
		panic(err)
	}
	return append(append(append(out, name...), ':'), value...)
}

// tellsUsage says whether stream_options ask for the usage.
func tellsUsage(option []byte) bool {
	if !bytes.Contains(option, []byte("include_usage")) {
		return false
	}
	var o struct {
		Usage bool `json:"include_usage"`
	}
	return json.Unmarshal(option, &o) == nil && o.Usage
}
