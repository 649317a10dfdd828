package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"agora/wire/walk"
)

// maxDepth bounds how deeply arrays and objects of a request may nest.
const maxDepth = 64

// ReadBody reads a request's body of at most limit bytes. A larger one gives a 413, one that does not come whole a 408.
func ReadBody(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) || int64(len(body)) > limit {
		return nil, Errorf(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes; send a shorter request", limit)
	}
	if err != nil {
		return nil, Errorf(http.StatusRequestTimeout, "the body did not arrive whole: %v", err)
	}
	return body, nil
}

// DecodeChat reads and validates the body of POST /v1/chat/completions. Fields it does not know are ignored;
// a key that stands twice is refused, since two readers could take different ones. Every error is an *Error.
func DecodeChat(body []byte) (*ChatRequest, error) { return DecodeChatFor(0, body) }

// DecodeChatFor is DecodeChat for a model that can do no more than that, 0 where that is not known: it refuses what the model
// cannot do, whether the rest of the request is valid or not.
func DecodeChatFor(can Ability, body []byte) (*ChatRequest, error) {
	req := new(ChatRequest)
	if err := decodeFor(can, body, req); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	return req, nil
}

// DecodeCompletion reads and validates the body of POST /v1/completions, by the same rules as DecodeChat.
func DecodeCompletion(body []byte) (*CompletionRequest, error) { return DecodeCompletionFor(0, body) }

// DecodeCompletionFor is DecodeCompletion for a model that can do no more than that, as DecodeChatFor.
func DecodeCompletionFor(can Ability, body []byte) (*CompletionRequest, error) {
	req := new(CompletionRequest)
	if err := decodeFor(can, body, req); err != nil {
		return nil, err
	}
	if err := req.Validate(); err != nil {
		return nil, err
	}
	return req, nil
}

// Decode reads the body of a request into a struct, by the rules of DecodeChat.
func Decode(body []byte, into any) error { return decodeFor(0, body, into) }

func decodeFor(can Ability, body []byte, into any) error {
	if err := CheckJSON(body); err != nil {
		return err
	}
	if can != 0 {
		if refusal := askOf(body, walk.Members).Refusal(can); refusal != nil {
			return refusal
		}
	}
	if r, ok := into.(*ChatRequest); ok && plainChat(body, r) {
		return nil
	}
	err := json.Unmarshal(body, into)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && strings.HasPrefix(wrong.Value, "number") {
		err = json.Unmarshal(wholeNumbers(body), into)
	}
	return misfit("", err)
}

// Fit reads a part of a request that is JSON into a value. at is the part's place in the request, for the *Error where it is
// something else than is wanted there.
func Fit(at string, part []byte, into any) error {
	if len(part) == 0 { // it is not given
		return nil
	}
	return misfit(at, json.Unmarshal(part, into))
}

// misfit says in words that a value is of another kind than is wanted.
func misfit(at string, err error) error {
	var refusal *Error
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal):
		return refusal
	case errors.As(err, &wrong):
		at = strings.Trim(at+"."+wrong.Field, ".")
		return Invalid(at, "%s must be %s, not %s", at, spoken(wrong.Type.Kind().String()), wrong.Value)
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
	c := checkers.Get().(*checker)
	defer c.give()
	err := walk.Visit(body, c)
	fault := (*walk.Error)(nil)
	switch {
	case !errors.As(err, &fault):
		return err
	case fault.At >= len(body):
		return Errorf(http.StatusBadRequest, "the body ends before its JSON does")
	case fault.What == walk.NoObject && json.Valid(body):
		return Errorf(http.StatusBadRequest, "the body must be a JSON object")
	}
	return Errorf(http.StatusBadRequest, "the body is not JSON: %s", fault)
}

// checker looks for keys that stand twice, and for what nests too deeply.
type checker struct{ open []level }

var checkers = sync.Pool{New: func() any { return &checker{open: make([]level, 0, 8)} }}

// give lets another text be checked.
func (c *checker) give() {
	for len(c.open) > 0 {
		c.Close()
	}
	checkers.Put(c)
}

// level is an object or an array that is open.
type level struct {
	folded bool     // keys that differ only in case are the same
	inner  bool     // likewise in what is nested here
	few    [][]byte // keys that stood here, parts of the text
	many   map[string]bool
}

// Open implements walk.Visitor.
func (c *checker) Open(depth int, _ bool) error {
	if depth > maxDepth {
		return Errorf(http.StatusBadRequest, "the body nests deeper than %d levels", maxDepth)
	}
	folded := depth == 1
	if depth > 1 {
		folded = c.open[len(c.open)-1].inner
	}
	if len(c.open) == cap(c.open) {
		c.open = slices.Grow(c.open, 1)
	}
	c.open = c.open[:len(c.open)+1]
	l := &c.open[len(c.open)-1] // what it has is left from another that was as deep, and empty
	l.folded, l.inner = folded, folded
	return nil
}

// Key implements walk.Visitor.
func (c *checker) Key(key []byte) error {
	l := &c.open[len(c.open)-1]
	if l.folded { // whose objects are decoded into structs; elsewhere (in a tool's schema) case matters
		l.inner = len(c.open) > 1 || is(key, "messages") || is(key, "stream_options")
	}
	if l.has(key) {
		return Invalid(short(string(key)), "the key %q stands twice in one object", short(string(key)))
	}
	return nil
}

// Close implements walk.Visitor.
func (c *checker) Close() {
	l := &c.open[len(c.open)-1]
	clear(l.few)
	l.few, l.many = l.few[:0], nil
	c.open = c.open[:len(c.open)-1]
}

// has says whether a key stood here before, and remembers it.
func (l *level) has(key []byte) bool {
	const few = 16
	if l.many == nil {
		if slices.ContainsFunc(l.few, func(one []byte) bool { return l.same(one, key) }) {
			return true
		}
		if len(l.few) < few {
			l.few = append(l.few, key)
			return false
		}
		l.many = make(map[string]bool, 2*few)
		for _, one := range l.few {
			l.many[l.id(one)] = true
		}
	}
	id := l.id(key)
	if l.many[id] {
		return true
	}
	l.many[id] = true
	return false
}

// same says whether two keys are one here.
func (l *level) same(a, b []byte) bool {
	return bytes.Equal(a, b) || l.folded && bytes.EqualFold(a, b)
}

// id is a key as it is told from others here.
func (l *level) id(key []byte) string {
	if l.folded {
		return fold(string(key))
	}
	return string(key)
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
