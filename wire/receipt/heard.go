package receipt

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"sync"
)

// maxHeard bounds what is kept of an answer until its receipt is checked, in bytes.
const maxHeard = 4 << 20

// rooms are for what is heard; what has grown larger than maxRoom is not kept.
var rooms = sync.Pool{New: func() any { b := make([]byte, 0, 2<<10); return &b }}

const maxRoom = 8 << 10 // bytes

// Heard is an answer as its voice heard it, kept until its receipt can be checked: while the answer is on its way, a part
// costs no more than its copy. The zero value is ready.
type Heard struct {
	parts  *[]byte // each behind its length in 4 bytes; nil where there are none
	whole  bool
	tokens string
	over   bool
}

// Chunk keeps a chunk of a stream: a JSON object, as openai.Stream gives it.
func (h *Heard) Chunk(data []byte) {
	if h.parts == nil && !h.over {
		h.parts = rooms.Get().(*[]byte)
	}
	if h.over = h.over || len(*h.parts)+len(data) > maxHeard; h.over {
		h.Free()
		return
	}
	*h.parts = append(binary.BigEndian.AppendUint32(*h.parts, uint32(len(data))), data...)
}

// Free gives the memory back. Nothing more is to be heard or checked.
func (h *Heard) Free() {
	if h.parts != nil && cap(*h.parts) <= maxRoom {
		*h.parts = (*h.parts)[:0]
		rooms.Put(h.parts)
	}
	h.parts = nil
}

// Whole keeps a whole answer, a JSON object, and its tokens as TokensHeader gives them.
func (h *Heard) Whole(data []byte, tokens string) {
	h.Chunk(data)
	h.whole, h.tokens = true, tokens
}

// Comment keeps the comment that carries the tokens, and says whether it is that one: it is not for the consumer.
func (h *Heard) Comment(text []byte) bool {
	tokens, ok := bytes.CutPrefix(text, []byte(TokensComment))
	if ok && len(tokens) <= 8*MaxTokens {
		h.tokens = string(tokens)
	}
	return ok
}

// Answer is what a receipt covers.
type Answer struct {
	Receipt Receipt
	Choices []Choice
	Tokens  [][]int32 // of each choice; nil where the server did not tell them
}

// Unchecked is an answer with what its server signed for it and what its voice knows of it: Bound's answer and tokens are taken
// from what was heard.
type Unchecked struct {
	Heard  *Heard
	Signed string
	Key    ed25519.PublicKey
	Bound  Bound

	Answer *Answer // nil where Err is not
	Err    error   // ErrAnswer, ErrMalformed, ErrSignature or ErrBinding
}

var errUnsigned = fmt.Errorf("%w: the server signed nothing", ErrMalformed)

// Check opens the receipts of answers and holds them to what was heard. Several at once take less time than each by itself, and
// come to the same.
func Check(list []*Unchecked) {
	claims, of := make([]claim, 0, len(list)), make([]*Unchecked, 0, len(list))
	for _, u := range list {
		if u.Signed == "" {
			u.Err = errUnsigned
			continue
		}
		r, c, err := read(u.Signed, u.Key)
		if u.Err = err; err == nil {
			u.Answer = &Answer{Receipt: r}
			claims, of = append(claims, c), append(of, u)
		}
	}
	verify(claims)
	for i, u := range of {
		if u.Err = ErrSignature; claims[i].good {
			u.Err = u.Answer.hold(u.Heard, &u.Bound)
		}
		if u.Err != nil {
			u.Answer = nil
		}
	}
}

// Check checks one answer.
func (h *Heard) Check(signed string, key ed25519.PublicKey, b Bound) (*Answer, error) {
	u := &Unchecked{Heard: h, Signed: signed, Key: key, Bound: b}
	Check([]*Unchecked{u})
	return u.Answer, u.Err
}

// hold reads what was heard, and holds the receipt to it.
func (a *Answer) hold(h *Heard, b *Bound) (err error) {
	if a.Choices, err = h.choices(); err != nil {
		return err
	}
	if h.tokens != "" {
		if a.Tokens, err = ParseTokens(h.tokens); err != nil {
			return err
		}
	}
	if a.Tokens != nil && len(a.Tokens) != len(a.Choices) {
		return fmt.Errorf("%w: tokens of %d choices for %d", ErrAnswer, len(a.Tokens), len(a.Choices))
	}
	b.Answer, b.Tokens = AnswerHash(a.Choices), TokensHash(a.Tokens)
	return a.Receipt.Check(b)
}

func (h *Heard) choices() ([]Choice, error) {
	if h.over {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrAnswer, maxHeard)
	}
	r := Reader{stays: true, known: true}
	for rest := h.all(); len(rest) > 0; {
		end := 4 + binary.BigEndian.Uint32(rest)
		var err error
		if h.whole {
			err = r.Whole(rest[4:end])
		} else {
			err = r.Chunk(rest[4:end])
		}
		if err != nil {
			return nil, err
		}
		rest = rest[end:]
	}
	return r.Choices()
}

// all are the parts behind one another.
func (h *Heard) all() []byte {
	if h.parts == nil {
		return nil
	}
	return *h.parts
}
