package receipt

import (
	"crypto/ed25519"
	"crypto/sha256"
	"math/bits"
)

// A receipt's seal follows its encoding. It is the signature of that encoding, or of several receipts together, which are the
// leaves of a tree (RFC 6962, section 2.1):
//
//	leaf = SHA-256(0 ‖ encoding)
//	node = SHA-256(1 ‖ left ‖ right)
//	signed = "agora/receipts/v1", a zero byte ‖ root
//
// Then the receipt's way from its leaf to the root stands before the signature: for each node above it a byte that says on which
// side the other half is, and the hash of that half.
const domainTogether = "agora/receipts/v1\x00"

// Sides of the other half.
const (
	right = 0
	left  = 1
)

const (
	MaxTogether = 1 << maxWay // receipts with one signature
	maxWay      = 5           // nodes above a leaf
	stepBytes   = 1 + sha256.Size
)

type hash = [sha256.Size]byte

func leafOf(encoding []byte) hash {
	b := make([]byte, 1, 1+MaxEncoded)
	return sha256.Sum256(append(b, encoding...))
}

func nodeOf(l, r *hash) hash {
	var b [1 + 2*sha256.Size]byte
	b[0] = 1
	copy(b[1:], l[:])
	copy(b[1+sha256.Size:], r[:])
	return sha256.Sum256(b[:])
}

func rootText(root *hash) []byte { return append([]byte(domainTogether), root[:]...) }

// sealAll are the seals of 2 to MaxTogether receipts that are signed together.
func sealAll(key ed25519.PrivateKey, leaves []hash) [][]byte {
	seals := make([][]byte, len(leaves))
	for i := range seals {
		seals[i] = make([]byte, 0, MaxSeal)
	}
	root := climb(leaves, seals)
	signature := sign(key, rootText(&root))
	for i := range seals {
		seals[i] = append(seals[i], signature...)
	}
	return seals
}

// climb is the node over leaves, and appends to the way of each what leads there.
func climb(leaves []hash, ways [][]byte) hash {
	if len(leaves) == 1 {
		return leaves[0]
	}
	half := 1 << (bits.Len(uint(len(leaves)-1)) - 1) // the largest power of two that is less
	l, r := climb(leaves[:half], ways[:half]), climb(leaves[half:], ways[half:])
	for i := range ways {
		if i < half {
			ways[i] = append(append(ways[i], right), r[:]...)
		} else {
			ways[i] = append(append(ways[i], left), l[:]...)
		}
	}
	return nodeOf(&l, &r)
}

// open is the text that the seal of an encoding signs, and the signature. False is what is no seal.
func open(encoding, seal []byte) (text, signature []byte, ok bool) {
	way := len(seal) - ed25519.SignatureSize
	switch {
	case way < 0 || way > maxWay*stepBytes || way%stepBytes != 0:
		return nil, nil, false
	case way == 0:
		return encoding, seal, true
	}
	at := leafOf(encoding)
	for step := seal[:way]; len(step) > 0; step = step[stepBytes:] {
		other := hash(step[1:stepBytes])
		switch step[0] {
		case right:
			at = nodeOf(&at, &other)
		case left:
			at = nodeOf(&other, &at)
		default:
			return nil, nil, false
		}
	}
	return rootText(&at), seal[way:], true
}
