package wire

import (
	"bytes"
	"crypto/ed25519"
	"fmt"

	"github.com/mr-tron/base58"
)

// idPrefix stands before the 32 key bytes in a libp2p peer id: identity multihash (0x00) of 36 bytes,
// holding the protobuf key {type: ed25519, data: 32 bytes}.
var idPrefix = []byte{0x00, 0x24, 0x08, 0x01, 0x12, 0x20}

// maxPeerID bounds the text that ParsePeerID looks at; a real one has 52 characters.
const maxPeerID = 64

// PeerID spells an ed25519 key as libp2p does ("12D3KooW…", 52 characters).
func PeerID(key ed25519.PublicKey) string {
	return base58.Encode(append(bytes.Clone(idPrefix), key...))
}

// ParsePeerID reads what PeerID wrote. Ids of other kinds of keys are refused.
func ParsePeerID(id string) (ed25519.PublicKey, error) {
	if len(id) > maxPeerID {
		return nil, fmt.Errorf("wire: peer id has %d characters, want 52", len(id))
	}
	raw, err := base58.Decode(id)
	if err != nil {
		return nil, fmt.Errorf("wire: peer id %q: %w", id, err)
	}
	key, ok := bytes.CutPrefix(raw, idPrefix)
	if !ok || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("wire: peer id %q is not an ed25519 key (12D3KooW…)", id)
	}
	return ed25519.PublicKey(key), nil
}
