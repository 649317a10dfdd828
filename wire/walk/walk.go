package walk

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// maxDepth bounds objects and arrays inside each other.
const maxDepth = 128

// Error says where a text is no JSON, or not of the kind that is wanted.
type Error struct {
	What string
	At   int // byte
}

func (e *Error) Error() string { return fmt.Sprintf("%s at byte %d", e.What, e.At) }

// Object walks over the members of a text that is one object, in their order, the same name again included: each gets a name,
// decoded, and its value's text. Both are parts of the text, or valid as long as it is. The error is *Error, or that of each.
func Object(text []byte, each func(key, value []byte) error) error {
	return (&scanner{b: text}).object(each)
}

// Members is Object for a text that was walked over before as a value, or in one: strings are looked into no more.
func Members(text []byte, each func(key, value []byte) error) error {
	return (&scanner{b: text, known: true}).object(each)
}

func (s *scanner) object(each func(key, value []byte) error) error {
	s.space()
	if s.next() != '{' {
		return s.bad(NoObject)
	}
	s.i++
	if err := s.members(1, each); err != nil {
		return err
	}
	return s.over("the JSON object")
}

// Array walks over the values of a text that is one array. The error is *Error, or that of each.
func Array(text []byte, each func(value []byte) error) error {
	return (&scanner{b: text}).array(each)
}

// Values is Array for a text that was walked over before as a value, or in one: strings are looked into no more.
func Values(text []byte, each func(value []byte) error) error {
	return (&scanner{b: text, known: true}).array(each)
}

func (s *scanner) array(each func(value []byte) error) error {
	s.space()
	if s.next() != '[' {
		return s.bad("a JSON array expected")
	}
	s.i++
	if err := s.items(1, each); err != nil {
		return err
	}
	return s.over("the JSON array")
}

// Visitor sees what is nested in a text, in the order in which it stands there.
type Visitor interface {
	// Open is told that an object or an array begins; depth is 1 for the outermost.
	Open(depth int, object bool) error
	// Key is told of a member's name in the object that is open.
	Key(key []byte) error
	// Close is told that what was opened last ends.
	Close()
}

// Visit walks over a text that is one object and all that is in it. The error is *Error, or that of the visitor.
func Visit(text []byte, v Visitor) error {
	return (&scanner{b: text, visitor: v}).object(nil)
}

const endless = "string without end"

// NoObject is what an Error says of a text that does not begin as an object.
const NoObject = "a JSON object expected"

// IsObject says whether a text is one JSON object.
func IsObject(text []byte) bool { return Object(text, nil) == nil }

// over says what follows the only value of a text.
func (s *scanner) over(what string) error {
	if s.space(); s.i != len(s.b) {
		return s.bad("nothing may follow " + what)
	}
	return nil
}

// Text decodes a string as it stands in JSON, as encoding/json does; ok is false for any other value.
func Text(value []byte) (text []byte, ok bool) {
	if len(value) < 2 || value[0] != '"' {
		return nil, false
	}
	return unquote(value), true
}

// scanner walks over JSON text by RFC 8259.
type scanner struct {
	b       []byte
	i       int
	known   bool    // it is JSON
	visitor Visitor // nil where nobody looks
}

// open and close tell the visitor, if there is one.
func (s *scanner) open(depth int, object bool) error {
	if s.visitor == nil {
		return nil
	}
	return s.visitor.Open(depth, object)
}

func (s *scanner) close() {
	if s.visitor != nil {
		s.visitor.Close()
	}
}

// members walks over an object whose '{' has been read. Where each is nil, keys are only checked.
func (s *scanner) members(depth int, each func(key, value []byte) error) error {
	if err := s.open(depth, true); err != nil {
		return err
	}
	defer s.close()
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
		if s.visitor != nil {
			if err := s.visitor.Key(unquote(key)); err != nil {
				return err
			}
		}
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

// items walks over an array whose '[' has been read. Where each is nil, values are only checked.
func (s *scanner) items(depth int, each func(value []byte) error) error {
	if err := s.open(depth, false); err != nil {
		return err
	}
	defer s.close()
	if s.space(); s.next() == ']' {
		s.i++
		return nil
	}
	for {
		s.space()
		from := s.i
		if err := s.value(depth); err != nil {
			return err
		}
		if each != nil {
			if err := each(s.b[from:s.i]); err != nil {
				return err
			}
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
		return s.items(depth+1, nil)
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
	if s.known {
		return s.jump()
	}
	for i := Plain(s.b, s.i+1); i < len(s.b); i = Plain(s.b, i+1) {
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
	return s.bad(endless)
}

// jump walks over a string whose syntax is known, to the first quote that no backslash escapes.
func (s *scanner) jump() error {
	const short = 16 // bytes of most names and values
	if i := Plain(s.b[:min(len(s.b), s.i+1+short)], s.i+1); i < len(s.b) && s.b[i] == '"' {
		s.i = i + 1
		return nil
	}
	for i := s.i + 1; ; {
		n := bytes.IndexByte(s.b[i:], '"')
		if n < 0 {
			s.i = len(s.b)
			return s.bad(endless)
		}
		i += n + 1
		slashes := i - 2
		for s.b[slashes] == '\\' {
			slashes--
		}
		if (i-slashes)%2 == 0 {
			s.i = i
			return nil
		}
	}
}

// Plain is the first place from i on that may hold a quote, a backslash or a control character. It looks at eight bytes
// at once: for a byte x without its high bit, x−0x20 borrows from bit 7 if x < 0x20, and (x⊕q)−1 does if x = q. Borrows
// run upward only, so the lowest mark is right; who calls looks at the byte itself.
func Plain(b []byte, i int) int {
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

func (s *scanner) bad(what string) error { return &Error{what, s.i} }

// plainEscapes are the escapes of one letter, and what they stand for.
var plainEscapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unquote decodes a string whose syntax has been checked.
func unquote(raw []byte) []byte {
	inner := raw[1 : len(raw)-1]
	if isName(inner) {
		return inner
	}
	i := bytes.IndexByte(inner, '\\')
	if !utf8.Valid(inner) {
		return decoded(raw)
	}
	if i < 0 {
		return inner
	}
	out := make([]byte, 0, len(inner))
	for ; i >= 0; i = bytes.IndexByte(inner, '\\') {
		c := plainEscapes[inner[i+1]]
		if c == 0 { // of a number: pairs of them are one letter, and some are none
			return decoded(raw)
		}
		out = append(append(out, inner[:i]...), c)
		inner = inner[i+2:]
	}
	return append(out, inner...)
}

// isName says that a string is short and stands as it is, as most names do.
func isName(inner []byte) bool {
	if len(inner) > 20 {
		return false
	}
	for _, c := range inner {
		if c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func decoded(raw []byte) []byte {
	var out string
	_ = json.Unmarshal(raw, &out) // its syntax has been checked
	return []byte(out)
}
