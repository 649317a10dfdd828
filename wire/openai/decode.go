package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDepth bounds how deeply arrays and objects of a request may nest.
const maxDepth = 64

// ReadBody reads a request's body of at most limit bytes. A larger one gives a 413, a broken one a 400.
func ReadBody(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) || int64(len(body)) > limit {
		return nil, Errorf(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes; send a shorter request", limit)
	}
	if err != nil {
		return nil, Errorf(http.StatusBadRequest, "the body did not arrive whole: %v", err)
	}
	return body, nil
}

// DecodeChat reads and validates the body of POST /v1/chat/completions. Fields it does not know are ignored;
// a key that stands twice is refused, since two readers could take different ones. Every error is an *Error.
func DecodeChat(body []byte) (*ChatRequest, error) {
	req := new(ChatRequest)
	if err := Decode(body, req); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	return req, nil
}

// DecodeCompletion reads and validates the body of POST /v1/completions, by the same rules as DecodeChat.
func DecodeCompletion(body []byte) (*CompletionRequest, error) {
	req := new(CompletionRequest)
	if err := Decode(body, req); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	return req, nil
}

// Decode reads the body of a request into a struct, by the rules of DecodeChat.
func Decode(body []byte, into any) error {
	if err := CheckJSON(body); err != nil {
		return err
	}
	err := json.Unmarshal(body, into)
	var refusal *Error
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && strings.HasPrefix(wrong.Value, "number") {
		err = json.Unmarshal(wholeNumbers(body), into)
	}
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal):
		return refusal
	case errors.As(err, &wrong):
		return Invalid(wrong.Field, "%s must be %s, not %s", wrong.Field, spoken(wrong.Type.Kind().String()), wrong.Value)
	}
	return Errorf(http.StatusBadRequest, "the body is not a valid request: %v", err)
}

// wholeNumbers writes top-level numbers such as 100.0 and 1e2 as 100, which is what clients mean that know no integers.
func wholeNumbers(body []byte) []byte {
	var top map[string]json.RawMessage
	if json.Unmarshal(body, &top) != nil {
		return body
	}
	for key, raw := range top {
		var n float64
		if bytes.ContainsAny(raw, ".eE") && json.Unmarshal(raw, &n) == nil && n == math.Trunc(n) && math.Abs(n) < 1<<53 {
			top[key] = strconv.AppendInt(nil, int64(n), 10)
		}
	}
	out, err := json.Marshal(top)
	if err != nil { // it was read from JSON
		return body
	}
	return out
}

// spoken is what a person calls a Go kind.
func spoken(kind string) string {
	switch {
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "uint"):
		return "a whole number"
	case strings.HasPrefix(kind, "float"):
		return "a number"
	case kind == "bool":
		return "true or false"
	case kind == "slice":
		return "a list"
	case kind == "struct", kind == "map":
		return "an object"
	}
	return "a " + kind
}

// CheckJSON says whether body is one JSON object in valid UTF-8, nested at most 64 deep, without anything after it and
// without a key that stands twice in an object. Among the request's own fields, keys that differ only in case count as
// the same, because some decoders do not tell them apart. Every error is an *Error with status 400.
func CheckJSON(body []byte) error {
	if !utf8.Valid(body) {
		return Errorf(http.StatusBadRequest, "the body is not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	first, err := d.Token()
	if err != nil {
		return malformed(d, err)
	}
	if first != json.Delim('{') {
		return Errorf(http.StatusBadRequest, "the body must be a JSON object")
	}
	if err := checkObject(d, 1, true); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return Errorf(http.StatusBadRequest, "something follows the JSON object in the body (at byte %d)", d.InputOffset())
	}
	return nil
}

func malformed(d *json.Decoder, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return Errorf(http.StatusBadRequest, "the body ends before its JSON does")
	}
	return Errorf(http.StatusBadRequest, "the body is not JSON (near byte %d): %v", d.InputOffset(), err)
}

// folding lists the fields whose objects are decoded into structs; elsewhere (in a tool's schema) case matters.
var folding = map[string]bool{fold("messages"): true, fold("stream_options"): true}

func checkObject(d *json.Decoder, depth int, folded bool) error {
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return malformed(d, err)
		}
		key, _ := token.(string) // the decoder lets nothing else stand here
		id := key
		if folded {
			id = fold(key)
		}
		if seen[id] {
			return Invalid(short(key), "the key %q stands twice in one object", short(key))
		}
		seen[id] = true
		if err := checkValue(d, depth, folded && (depth > 1 || folding[id])); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return malformed(d, err)
	}
	return nil
}

func checkValue(d *json.Decoder, depth int, folded bool) error {
	token, err := d.Token()
	if err != nil {
		return malformed(d, err)
	}
	if _, nested := token.(json.Delim); !nested {
		return nil
	}
	if depth >= maxDepth {
		return Errorf(http.StatusBadRequest, "the body nests deeper than %d levels", maxDepth)
	}
	if token == json.Delim('{') {
		return checkObject(d, depth+1, folded)
	}
	for d.More() {
		if err := checkValue(d, depth+1, folded); err != nil {
			return err
		}
	}
	if _, err = d.Token(); err != nil {
		return malformed(d, err)
	}
	return nil
}

// fold maps keys that encoding/json takes for the same field to the same string.
func fold(key string) string {
	return strings.Map(func(r rune) rune {
		for {
			next := unicode.SimpleFold(r)
			if next <= r {
				return next
			}
			r = next
		}
	}, key)
}
