package receipt

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"

	"agora/wire/walk"
)

// RequestHash is SHA-256(nonce ‖ body), the body as the server received it.
func RequestHash(nonce [16]byte, body []byte) [32]byte {
	h := sha256.New()
	h.Write(nonce[:])
	h.Write(body)
	var sum [32]byte
	h.Sum(sum[:0])
	return sum
}

// Choice is what a consumer gets of one of a request's n answers, log-probabilities left out.
type Choice struct {
	Content   string
	Reasoning string // what servers give as reasoning_content
	Calls     []Call
	Finish    string // finish_reason
}

// Call is a function that the model wants called.
type Call struct {
	ID        string
	Name      string
	Arguments string // JSON, as a text
}

// AnswerHash is SHA-256 over the choices in the order of their index as one JSON text without white space:
//
//	[{"content":…,"finish_reason":…,"index":0,"reasoning":…,"tool_calls":[{"arguments":…,"id":…,"name":…}]}]
//
// Texts that are missing are empty ones, strings are escaped as RFC 8785 has them, and a byte that is no UTF-8 stands as
// U+FFFD. So a streamed answer and a whole one have the same hash.
func AnswerHash(choices []Choice) [32]byte {
	b := texts.Get().(*[]byte)
	defer texts.Put(b)
	text := appendAnswer((*b)[:0], choices)
	if cap(text) <= maxText {
		*b = text
	}
	return sha256.Sum256(text)
}

// texts are buffers for what is hashed; what has grown larger than maxText is not kept.
var texts = sync.Pool{New: func() any { return new([]byte) }}

const maxText = 64 << 10 // bytes

// AnswerText is the text that AnswerHash is of.
func AnswerText(choices []Choice) []byte { return appendAnswer(nil, choices) }

func appendAnswer(b []byte, choices []Choice) []byte {
	size := 256 * max(1, len(choices))
	for _, c := range choices {
		size += len(c.Content) + len(c.Reasoning)
	}
	b = append(slices.Grow(b, size), '[')
	for i, c := range choices {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendChoice(b, i, &c)
	}
	return append(b, ']')
}

// ParseAnswer reads what AnswerText wrote, and nothing else. The error is ErrAnswer.
func ParseAnswer(text []byte) ([]Choice, error) {
	var list []struct {
		Content   string                                 `json:"content"`
		Finish    string                                 `json:"finish_reason"`
		Reasoning string                                 `json:"reasoning"`
		Calls     []struct{ Arguments, ID, Name string } `json:"tool_calls"`
	}
	if err := json.Unmarshal(text, &list); err != nil || len(list) > MaxChoices {
		return nil, fmt.Errorf("%w: not the text of one", ErrAnswer)
	}
	choices := make([]Choice, len(list))
	for i, c := range list {
		choices[i] = Choice{Content: c.Content, Reasoning: c.Reasoning, Finish: c.Finish}
		for _, call := range c.Calls {
			choices[i].Calls = append(choices[i].Calls, Call{ID: call.ID, Name: call.Name, Arguments: call.Arguments})
		}
	}
	if !bytes.Equal(AnswerText(choices), text) {
		return nil, fmt.Errorf("%w: not written as the layout has it", ErrAnswer)
	}
	return choices, nil
}

func appendChoice(b []byte, index int, c *Choice) []byte {
	b = appendString(append(b, `{"content":`...), c.Content)
	b = appendString(append(b, `,"finish_reason":`...), c.Finish)
	b = strconv.AppendInt(append(b, `,"index":`...), int64(index), 10)
	b = appendString(append(b, `,"reasoning":`...), c.Reasoning)
	b = append(b, `,"tool_calls":[`...)
	for i, call := range c.Calls {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(b, `{"arguments":`...), call.Arguments)
		b = appendString(append(b, `,"id":`...), call.ID)
		b = appendString(append(b, `,"name":`...), call.Name)
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

// appendString writes a JSON string as RFC 8785, 3.2.2.2: only what must be escaped is.
func appendString(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = string([]rune(s)) // each byte that is no UTF-8 is U+FFFD
	}
	b = append(b, '"')
	done := 0
	for i := walk.Plain([]byte(s), 0); i < len(s); i = walk.Plain([]byte(s), i+1) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			b = appendEscape(append(b, s[done:i]...), c)
			done = i + 1
		}
	}
	return append(append(b, s[done:]...), '"')
}

func appendEscape(b []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, `\b`...)
	case '\t':
		return append(b, `\t`...)
	case '\n':
		return append(b, `\n`...)
	case '\f':
		return append(b, `\f`...)
	case '\r':
		return append(b, `\r`...)
	}
	return append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// TokensHash is SHA-256 over the numbers of the tokens that each choice was put together from, end tokens included: the
// domain, and for each choice its length and its tokens in 4 bytes each, big endian.
func TokensHash(choices [][]int32) [32]byte {
	b := []byte("agora/receipt/tokens/v1\x00")
	for _, ids := range choices {
		b = binary.BigEndian.AppendUint32(b, uint32(len(ids)))
		for _, id := range ids {
			b = binary.BigEndian.AppendUint32(b, uint32(id))
		}
	}
	return sha256.Sum256(b)
}
