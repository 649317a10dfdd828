package receipt

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// domain separates these signatures from all others of a hot key.
const domain = "agora/receipt/v1\x00"

// Bounds of the texts in a receipt, in bytes.
const (
	MaxChainID = 48
	MaxEngine  = 32
	MaxVersion = 32
)

// ErrMalformed says that bytes are no receipt of this version.
var ErrMalformed = errors.New("receipt: malformed")

// Receipt is what is signed. A receipt belongs to one nonce, so to one request of one voice in one tempo.
type Receipt struct {
	ChainID    string   // 1 to MaxChainID bytes
	Netuid     uint32   // the subnet
	UID        uint32   // the server's seat
	Registered uint64   // block at which the seat was taken: a seat that changed hands is another server
	Voice      [32]byte // hot key of the validator that asked
	Nonce      [16]byte // 8 bytes of the tempo's seed, 8 random ones of the voice
	Request    [32]byte // RequestHash of the nonce and the body as received
	Answer     [32]byte // AnswerHash of the choices
	Tokens     [32]byte // TokensHash of the chosen tokens
	Digest     [32]byte // of the model; zero where the engine does not tell
	Engine     string   // at most MaxEngine bytes
	Version    string   // of the engine, at most MaxVersion bytes
	Prompt     uint32   // tokens read
	Completion uint32   // tokens chosen, over all choices
}

// Append appends the canonical encoding to b. The error names a text that is too long or missing.
func (r *Receipt) Append(b []byte) ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	b = append(b, domain...)
	b = appendText(b, r.ChainID)
	b = binary.BigEndian.AppendUint32(b, r.Netuid)
	b = binary.BigEndian.AppendUint32(b, r.UID)
	b = binary.BigEndian.AppendUint64(b, r.Registered)
	b = append(b, r.Voice[:]...)
	b = append(b, r.Nonce[:]...)
	b = append(b, r.Request[:]...)
	b = append(b, r.Answer[:]...)
	b = append(b, r.Tokens[:]...)
	b = append(b, r.Digest[:]...)
	b = appendText(b, r.Engine)
	b = appendText(b, r.Version)
	b = binary.BigEndian.AppendUint32(b, r.Prompt)
	return binary.BigEndian.AppendUint32(b, r.Completion), nil
}

func (r *Receipt) check() error {
	switch {
	case r.ChainID == "" || len(r.ChainID) > MaxChainID:
		return fmt.Errorf("%w: the chain id has %d bytes, want 1 to %d", ErrMalformed, len(r.ChainID), MaxChainID)
	case len(r.Engine) > MaxEngine:
		return fmt.Errorf("%w: the engine's name has %d bytes, want at most %d", ErrMalformed, len(r.Engine), MaxEngine)
	case len(r.Version) > MaxVersion:
		return fmt.Errorf("%w: the engine's version has %d bytes, want at most %d", ErrMalformed, len(r.Version), MaxVersion)
	}
	return nil
}

func appendText(b []byte, s string) []byte { return append(append(b, byte(len(s))), s...) }

// Parse reads a canonical encoding and nothing after it. There is one encoding of each receipt.
func Parse(b []byte) (Receipt, error) {
	r, rest, err := parse(b)
	if err == nil && len(rest) > 0 {
		err = ErrMalformed
	}
	return r, err
}

// parse reads a canonical encoding and returns what is after it.
func parse(b []byte) (r Receipt, rest []byte, err error) {
	p := parser{rest: b}
	p.expect(domain)
	r.ChainID = p.text(MaxChainID)
	r.Netuid = p.uint32()
	r.UID = p.uint32()
	r.Registered = uint64(p.uint32())<<32 | uint64(p.uint32())
	for _, field := range [][]byte{r.Voice[:], r.Nonce[:], r.Request[:], r.Answer[:], r.Tokens[:], r.Digest[:]} {
		copy(field, p.take(len(field)))
	}
	r.Engine = p.text(MaxEngine)
	r.Version = p.text(MaxVersion)
	r.Prompt = p.uint32()
	r.Completion = p.uint32()
	if p.failed {
		return Receipt{}, nil, ErrMalformed
	}
	return r, p.rest, r.check()
}

// parser takes fields from the front. After a failure it gives zeros.
type parser struct {
	rest   []byte
	failed bool
}

func (p *parser) take(n int) []byte {
	if p.failed || len(p.rest) < n {
		p.failed = true
		return make([]byte, n)
	}
	field := p.rest[:n]
	p.rest = p.rest[n:]
	return field
}

func (p *parser) expect(s string) {
	if string(p.take(len(s))) != s {
		p.failed = true
	}
}

func (p *parser) uint32() uint32 { return binary.BigEndian.Uint32(p.take(4)) }

func (p *parser) text(most int) string {
	n := int(p.take(1)[0])
	if n > most {
		p.failed = true
		return ""
	}
	return string(p.take(n))
}
