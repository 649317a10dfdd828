package peek

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"agora/wire/openai"
	"agora/wire/walk"
)

// Bounds of what a request's body may look like, beside its size.
const (
	maxKeys = 64  // keys of the top-level object; OpenAI's own requests have about 40
	maxName = 256 // bytes of a model's name
)

// Head is what must be known of a request's body to route it.
type Head struct {
	Model    string
	Stream   bool
	Provider json.RawMessage // how a miner shall be chosen; nil where it is not said
	Models   json.RawMessage // models to fall back to
	Session  string          // requests of one session go to one miner while that is well
	fields   []openai.Member
	end      int // the closing brace
}

// Request reads the top level of a JSON body and checks the syntax of the rest. input is the field that must be there.
// Keys that differ in case only count as duplicates, since many decoders take one for the other: a body must not mean
// one thing here and another at the miner. Errors are *openai.Error.
func Request(body []byte, input string) (Head, error) {
	if !utf8.Valid(body) {
		return Head{}, openai.Errorf(http.StatusBadRequest, "the body is not valid UTF-8")
	}
	fields, err := top(body)
	if err != nil {
		return Head{}, err
	}
	h, err := readHead(fields, input)
	h.end = bytes.LastIndexByte(body, '}')
	return h, err
}

func readHead(fields []openai.Member, input string) (Head, error) {
	var h Head
	model := find(fields, "model")
	if model == nil {
		if model = firstOf(find(fields, "models")); model != nil {
			fields = append(fields, openai.Member{Name: "model", Value: model})
		}
	}
	if model == nil {
		return h, openai.Invalid("model", "you must provide a model: a subnet's name or a model's, GET /v1/models lists them")
	}
	name, ok := walk.Text(model)
	if h.Model = string(name); !ok || h.Model == "" || len(h.Model) > maxName {
		return h, openai.Invalid("model", "model must be a string of 1 to %d bytes", maxName)
	}
	if in := find(fields, input); in == nil || string(in) == "null" {
		return h, openai.Invalid(input, "missing required parameter: %q", input)
	}
	switch stream := find(fields, "stream"); string(stream) {
	case "", "false", "null":
	case "true":
		h.Stream = true
	default:
		return h, openai.Invalid("stream", "stream must be true or false")
	}
	h.Provider, h.Models = find(fields, "provider"), find(fields, "models")
	h.fields = fields
	if session := find(fields, "session_id"); session != nil && string(session) != "null" {
		text, ok := walk.Text(session)
		if h.Session = string(text); !ok || len(h.Session) > maxName {
			return h, openai.Invalid("session_id", "session_id must be a string of at most %d bytes", maxName)
		}
	}
	if h.Session == "" {
		key, _ := walk.Text(find(fields, "prompt_cache_key")) // one that is no text is for the miner to refuse
		h.Session = string(key)
	}
	return h, nil
}

// firstOf is the first of the models that a request would be content with; nil where there is none.
func firstOf(models []byte) []byte {
	var list []json.RawMessage
	if len(models) == 0 || json.Unmarshal(models, &list) != nil || len(list) == 0 {
		return nil
	}
	return list[0]
}

// Member is the value of a member of the body; nil where there is none.
func (h Head) Member(name string) []byte { return find(h.fields, name) }

// Ask is what the request asks.
func (h Head) Ask() openai.Ask { return openai.AskOf(h.fields) }

func find(fields []openai.Member, key string) []byte {
	for _, f := range fields {
		if f.Name == key {
			return f.Value
		}
	}
	return nil
}

// top reads the only value of a body, which must be an object.
func top(body []byte) ([]openai.Member, error) {
	fields := make([]openai.Member, 0, 8)
	err := walk.Object(body, func(key, value []byte) error {
		if err := admit(fields, string(key)); err != nil {
			return err
		}
		fields = append(fields, openai.Member{Name: string(key), Value: value})
		return nil
	})
	if err == nil {
		return fields, nil
	}
	if fault := (*walk.Error)(nil); errors.As(err, &fault) {
		return nil, openai.Errorf(http.StatusBadRequest, "the body is not valid JSON: %s", fault)
	}
	return nil, err
}

func admit(fields []openai.Member, key string) error {
	if len(fields) == maxKeys {
		return openai.Errorf(http.StatusBadRequest, "the body has more than %d keys", maxKeys)
	}
	for _, known := range [...]string{"model", "stream", "stream_options", "provider", "models", "session_id"} {
		if key != known && strings.EqualFold(key, known) {
			return openai.Invalid(known, "write the key %q in lower case", known)
		}
	}
	for _, f := range fields {
		if strings.EqualFold(f.Name, key) {
			return openai.Invalid(f.Name, "the key %q appears twice", f.Name)
		}
	}
	return nil
}
