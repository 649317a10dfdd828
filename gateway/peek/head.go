package peek

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/bits"
	"net/http"
	"strings"
	"unicode/utf8"

	"agora/wire/openai"
)

// Bounds of what a request's body may look like, beside its size.
const (
	maxDepth = 128 // objects and arrays inside each other
	maxKeys  = 64  // keys of the top-level object; OpenAI's own requests have about 40
	maxName  = 256 // bytes of a model's name
)

// Head is what must be known of a request's body to route it.
type Head struct {
	Model    string
	Stream   bool
	Provider json.RawMessage // how a miner shall be chosen; nil where it is not said
	Models   json.RawMessage // models to fall back to
	Session  string          // requests of one session go to one miner while that is well
	fields   []field
	end      int // the closing brace
}

// Request reads the top level of a JSON body and checks the syntax of the rest. input is the field that must be there.
// Keys that differ in case only count as duplicates, since many decoders take one for the other: a body must not mean
// one thing here and another at the miner. Errors are *openai.Error.
func Request(body []byte, input string) (Head, error) {
	s := scanner{b: body}
	if !utf8.Valid(body) {
		return Head{}, openai.Errorf(http.StatusBadRequest, "the body is not valid UTF-8")
	}
	fields, err := s.top()
	if err != nil {
		return Head{}, err
	}
	h, err := readHead(fields, input)
	h.end = bytes.LastIndexByte(body, '}')
	return h, err
}

func readHead(fields []field, input string) (Head, error) {
	var h Head
	model := find(fields, "model")
	if model == nil {
		return h, openai.Invalid("model", "you must provide a model: a subnet's name or a model's, GET /v1/models lists them")
	}
	if err := json.Unmarshal(model, &h.Model); err != nil || model[0] != '"' || h.Model == "" || len(h.Model) > maxName {
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
	if session := find(fields, "session_id"); session != nil && string(session) != "null" {
		if json.Unmarshal(session, &h.Session) != nil || len(h.Session) > maxName {
			return h, openai.Invalid("session_id", "session_id must be a string of at most %d bytes", maxName)
		}
	}
	if key := find(fields, "prompt_cache_key"); h.Session == "" && key != nil {
		_ = json.Unmarshal(key, &h.Session) // one that is no text is for the miner to refuse
	}
	h.fields = fields
	return h, nil
}

// field is one entry of the top-level object; value is its raw text.
type field struct {
	key   string
	value []byte
}

func find(fields []field, key string) []byte {
	for _, f := range fields {
		if f.key == key {
			return f.value
		}
	}
	return nil
}

// scanner walks over JSON text by RFC 8259.
type scanner struct {
	b []byte
	i int
}

// top reads the only value of the body, which must be an object.
func (s *scanner) top() ([]field, error) {
	s.space()
	if s.next() != '{' {
		return nil, s.bad("a JSON object expected")
	}
	s.i++
	fields := make([]field, 0, 16)
	err := s.members(1, func(key string, value []byte) error {
		if err := admit(fields, key); err != nil {
			return err
		}
		fields = append(fields, field{key, value})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if s.space(); s.i != len(s.b) {
		return nil, s.bad("nothing may follow the JSON object")
	}
	return fields, nil
}

func admit(fields []field, key string) error {
	if len(fields) == maxKeys {
		return openai.Errorf(http.StatusBadRequest, "the body has more than %d keys", maxKeys)
	}
	for _, known := range [...]string{"model", "stream", "stream_options", "provider", "models", "session_id"} {
		if key != known && strings.EqualFold(key, known) {
			return openai.Invalid(known, "write the key %q in lower case", known)
		}
	}
	for _, f := range fields {
		if strings.EqualFold(f.key, key) {
			return openai.Invalid(f.key, "the key %q appears twice", f.key)
		}
	}
	return nil
}

// members walks over an object whose '{' has been read. Where each is nil, keys are only checked.
func (s *scanner) members(depth int, each func(key string, value []byte) error) error {
	if s.space(); s.next() == '}' {
		s.i++
		return nil
	}
	for {
		s.space()
		from := s.i
		if err := s.text(); err != nil {
			return err
		}
		key := s.b[from:s.i]
		if s.space(); s.next() != ':' {
			return s.bad("':' expected")
		}
		s.i++
		s.space()
		from = s.i
		if err := s.value(depth); err != nil {
			return err
		}
		if each != nil {
			if err := each(unquote(key), s.b[from:s.i]); err != nil {
				return err
			}
		}
		if more, err := s.more('}'); !more {
			return err
		}
	}
}

// items walks over an array whose '[' has been read.
func (s *scanner) items(depth int) error {
	if s.space(); s.next() == ']' {
		s.i++
		return nil
	}
	for {
		s.space()
		if err := s.value(depth); err != nil {
			return err
		}
		if more, err := s.more(']'); !more {
			return err
		}
	}
}

// more reads the ',' between two entries or the end of the list.
func (s *scanner) more(end byte) (bool, error) {
	s.space()
	switch s.next() {
	case ',':
		s.i++
		return true, nil
	case end:
		s.i++
		return false, nil
	}
	return false, s.bad("',' or '" + string(end) + "' expected")
}

func (s *scanner) value(depth int) error {
	if depth > maxDepth {
		return s.bad("nested too deeply")
	}
	switch c := s.next(); {
	case c == '"':
		return s.text()
	case c == '{':
		s.i++
		return s.members(depth+1, nil)
	case c == '[':
		s.i++
		return s.items(depth + 1)
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		return s.word("null")
	case c == '-' || '0' <= c && c <= '9':
		return s.number()
	}
	return s.bad("a value expected")
}

// text walks over a string, quotes included.
func (s *scanner) text() error {
	if s.next() != '"' {
		return s.bad("'\"' expected")
	}
	for i := plain(s.b, s.i+1); i < len(s.b); i = plain(s.b, i+1) {
		switch c := s.b[i]; {
		case c == '"':
			s.i = i + 1
			return nil
		case c < ' ':
			s.i = i
			return s.bad("control character in a string")
		case c == '\\':
			n := escape(s.b[i+1:])
			if n == 0 {
				s.i = i
				return s.bad("unknown escape in a string")
			}
			i += n
		}
	}
	s.i = len(s.b)
	return s.bad("string without end")
}

// plain is the first place from i on that may hold a quote, a backslash or a control character. It looks at eight bytes
// at once: for a byte x without its high bit, x−0x20 borrows from bit 7 if x < 0x20, and (x⊕q)−1 does if x = q. Borrows
// run upward only, so the lowest mark is right; text() looks at the byte itself.
func plain(b []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		quote, slash := x^(ones*'"'), x^(ones*'\\')
		if marks := ((x - ones*0x20) | (quote - ones) | (slash - ones)) & ^x & highs; marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
	}
	return i
}

// escape is the length of the escape that follows a backslash, 0 if there is none.
func escape(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	switch b[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 1
	case 'u':
		if len(b) > 4 && isHex(b[1]) && isHex(b[2]) && isHex(b[3]) && isHex(b[4]) {
			return 5
		}
	}
	return 0
}

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (s *scanner) number() error {
	if s.next() == '-' {
		s.i++
	}
	if s.next() == '0' {
		s.i++
	} else if !s.digits() {
		return s.bad("digit expected")
	}
	if s.next() == '.' {
		s.i++
		if !s.digits() {
			return s.bad("digit expected")
		}
	}
	if c := s.next(); c != 'e' && c != 'E' {
		return nil
	}
	s.i++
	if c := s.next(); c == '+' || c == '-' {
		s.i++
	}
	if !s.digits() {
		return s.bad("digit expected")
	}
	return nil
}

// digits walks over at least one digit.
func (s *scanner) digits() bool {
	from := s.i
	for isDigit(s.next()) {
		s.i++
	}
	return s.i > from
}

func (s *scanner) word(w string) error {
	if len(s.b)-s.i < len(w) || string(s.b[s.i:s.i+len(w)]) != w {
		return s.bad(w + " expected")
	}
	s.i += len(w)
	return nil
}

// next is the byte at hand, 0 at the end; a 0 byte is nowhere valid in JSON.
func (s *scanner) next() byte {
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

func (s *scanner) bad(what string) error {
	return openai.Errorf(http.StatusBadRequest, "the body is not valid JSON: %s at byte %d", what, s.i)
}

// unquote decodes a string whose syntax has been checked.
func unquote(raw []byte) string {
	inner := raw[1 : len(raw)-1]
	for _, c := range inner {
		if c == '\\' {
			var out string
			if json.Unmarshal(raw, &out) == nil {
				return out
			}
		}
	}
	return string(inner)
}
