package receipt

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// Headers of a request to a server and of its answer. A stream's receipt comes in the trailer, a whole answer's in the
// header; its tokens come in a comment before the stream's end, or in the header.
const (
	NonceHeader  = "X-Agora-Nonce"    // 32 hexadecimal digits
	TakesHeader  = "X-Agora-Receipts" // Together, where the reader takes a receipt that is signed together with others
	Header       = "X-Agora-Receipt"  // between server and voice: a signed receipt; to a consumer: its name
	TokensHeader = "X-Agora-Tokens"

	Together = "together"

	// TokensComment begins the comment of a stream that carries the tokens.
	TokensComment = "agora-tokens "
)

// TraceParent is the header traceparent (W3C Trace Context) of a request at its server: the nonce is the id of its trace. So a
// server's traces and its voice's can be laid side by side, and a server learns nothing that it does not know.
func TraceParent(nonce [16]byte) string {
	b := make([]byte, 0, 55)
	b = append(hex.AppendEncode(append(b, "00-"...), nonce[:]), '-')
	return string(append(hex.AppendEncode(b, nonce[8:]), "-01"...))
}

// Lengths of a signed receipt, in bytes.
const (
	MaxEncoded = len(domain) + 3 + MaxChainID + MaxEngine + MaxVersion + 4 + 4 + 8 + 16 + 5*32 + 4 + 4
	MaxSeal    = maxWay*stepBytes + ed25519.SignatureSize
	MaxSigned  = ((MaxEncoded+MaxSeal)*8 + 5) / 6 // as text
)

// Reasons for which a receipt does not count.
var (
	ErrSignature = errors.New("receipt: the signature is not the server's")
	ErrBinding   = errors.New("receipt: it belongs to something else")
)

// encoding is base64 with one spelling of each text.
var encoding = base64.RawURLEncoding.Strict()

// Sign returns the signed receipt as text: base64url of its encoding and its signature (Ed25519, RFC 8032).
func Sign(r *Receipt, key ed25519.PrivateKey) (string, error) {
	b, err := r.Append(make([]byte, 0, MaxEncoded+ed25519.SignatureSize))
	if err != nil {
		return "", err
	}
	return spell(append(b, sign(key, b)...)), nil
}

// spell is a receipt with its seal as it travels.
func spell(b []byte) string {
	var text [MaxSigned]byte
	return string(encoding.AppendEncode(text[:0], b))
}

// Open reads a signed receipt and checks that key signed it. The errors are ErrMalformed and ErrSignature.
func Open(signed string, key ed25519.PublicKey) (Receipt, error) {
	r, c, err := read(signed, key)
	if err != nil {
		return Receipt{}, err
	}
	one := []claim{c}
	if verify(one); !one[0].good {
		return Receipt{}, ErrSignature
	}
	return r, nil
}

// read reads a signed receipt and what is to be checked of it. The error is ErrMalformed.
func read(signed string, key ed25519.PublicKey) (r Receipt, c claim, err error) {
	if len(signed) > MaxSigned {
		return r, c, fmt.Errorf("%w: it has %d bytes, want at most %d", ErrMalformed, len(signed), MaxSigned)
	}
	b, err := encoding.DecodeString(signed)
	if err != nil {
		return r, c, fmt.Errorf("%w: not base64 of a signed receipt", ErrMalformed)
	}
	r, seal, err := parse(b)
	if err != nil {
		return r, c, err
	}
	text, signature, ok := open(b[:len(b)-len(seal)], seal)
	if !ok {
		return r, c, fmt.Errorf("%w: neither a signature nor a way to one", ErrMalformed)
	}
	return r, claim{key: key, text: text, signature: signature}, nil
}

// Bound is what the voice knows about an answer before it has read the receipt.
type Bound struct {
	ChainID    string
	Netuid     uint32
	UID        uint32
	Registered uint64
	Voice      [32]byte
	Nonce      [16]byte
	Request    [32]byte
	Answer     [32]byte
	Tokens     [32]byte
	Digest     [32]byte
	Engine     string
	Versions   []string // that the subnet takes; none takes any
}

// Check says whether the receipt is the one for this answer. The error is ErrBinding and names the field.
func (r *Receipt) Check(b *Bound) error {
	for _, field := range []struct {
		name string
		same bool
	}{
		{"chain", r.ChainID == b.ChainID},
		{"subnet", r.Netuid == b.Netuid},
		{"seat", r.UID == b.UID},
		{"registration", r.Registered == b.Registered},
		{"voice", r.Voice == b.Voice},
		{"nonce", r.Nonce == b.Nonce},
		{"request", r.Request == b.Request},
		{"answer", r.Answer == b.Answer},
		{"tokens", r.Tokens == b.Tokens},
		{"model", r.Digest == b.Digest},
		{"engine", r.Engine == b.Engine},
		{"engine's version", len(b.Versions) == 0 || slices.Contains(b.Versions, r.Version)},
	} {
		if !field.same {
			return fmt.Errorf("%w: another %s", ErrBinding, field.name)
		}
	}
	return nil
}

// MaxTokens is how many tokens of an answer, over all its choices, travel beside its receipt. An answer with more is not
// audited.
const MaxTokens = 1 << 15

// AppendTokens writes the tokens of an answer as text: base64url of, for each choice, its length and its tokens as
// unsigned varints.
func AppendTokens(choices [][]int32) string {
	var b []byte
	for _, ids := range choices {
		b = binary.AppendUvarint(b, uint64(len(ids)))
		for _, id := range ids {
			b = binary.AppendUvarint(b, uint64(uint32(id)))
		}
	}
	return encoding.EncodeToString(b)
}

// ParseTokens reads what AppendTokens wrote: 1 to MaxChoices choices, at most MaxTokens tokens. The error is ErrMalformed.
func ParseTokens(text string) ([][]int32, error) {
	b, err := encoding.DecodeString(text)
	if err != nil || len(b) > 5*MaxTokens {
		return nil, fmt.Errorf("%w: tokens", ErrMalformed)
	}
	var choices [][]int32
	room := MaxTokens
	for len(b) > 0 {
		n, width := binary.Uvarint(b)
		if width <= 0 || n > uint64(room) || n > uint64(len(b)) || len(choices) == MaxChoices {
			return nil, fmt.Errorf("%w: tokens", ErrMalformed)
		}
		b, room = b[width:], room-int(n)
		ids := make([]int32, n)
		for i := range ids {
			id, width := binary.Uvarint(b)
			if width <= 0 || id > 1<<31-1 {
				return nil, fmt.Errorf("%w: tokens", ErrMalformed)
			}
			ids[i], b = int32(id), b[width:]
		}
		choices = append(choices, ids)
	}
	if len(choices) == 0 {
		return nil, fmt.Errorf("%w: no tokens", ErrMalformed)
	}
	return choices, nil
}
