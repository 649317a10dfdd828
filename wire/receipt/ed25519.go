package receipt

import (
	"crypto/ed25519"
	"crypto/sha512"
	"sync"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/curve/scalar"
	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

const (
	maxTables = 256  // keys with a table, of 40 KB each
	maxSeen   = 4096 // keys that are counted
	often     = 16   // signatures of a key before it gets a table, which takes as long as two checks to make and halves each
)

// busy are the keys of the servers that a voice asks often.
var busy = tables{made: map[[ed25519.PublicKeySize]byte]*table{}, seen: map[[ed25519.PublicKeySize]byte]int{}}

// verify says whether key signed text, by the rule of crypto/ed25519, which is the chain's: R must be the encoding of
// [S]B − [k]A, without a cofactor, and S less than the group's order.
func verify(key ed25519.PublicKey, text, signature []byte) bool {
	if len(key) != ed25519.PublicKeySize {
		return false
	}
	if t := busy.of([ed25519.PublicKeySize]byte(key)); t != nil {
		return t.verify(text, signature)
	}
	return ed25519.Verify(key, text, signature)
}

// sign is ed25519.Sign: the signature of a key and a text is one.
func sign(key ed25519.PrivateKey, text []byte) []byte { return voi.Sign(voi.PrivateKey(key), text) }

// tables are those of keys that came often; where there is no room, one that is there makes way.
type tables struct {
	mu   sync.Mutex
	made map[[ed25519.PublicKeySize]byte]*table
	seen map[[ed25519.PublicKeySize]byte]int // times, of keys without a table
}

// of is a key's table, nil where it has none.
func (t *tables) of(key [ed25519.PublicKeySize]byte) *table {
	t.mu.Lock()
	defer t.mu.Unlock()
	if made := t.made[key]; made != nil {
		return made
	}
	if len(t.seen) >= maxSeen {
		clear(t.seen)
	}
	if t.seen[key]++; t.seen[key] < often {
		return nil
	}
	delete(t.seen, key)
	made := newTable(key)
	if made == nil {
		return nil
	}
	for old := range t.made {
		if len(t.made) < maxTables {
			break
		}
		delete(t.made, old)
	}
	t.made[key] = made
	return made
}

// table is a public key A with multiples of −A.
type table struct {
	key  [ed25519.PublicKeySize]byte
	less *curve.EdwardsBasepointTable
}

// newTable is nil for what is no point: no signature is such a key's.
func newTable(key [ed25519.PublicKeySize]byte) *table {
	point, encoded := curve.NewEdwardsPoint(), curve.CompressedEdwardsY(key)
	if _, err := point.SetCompressedY(&encoded); err != nil {
		return nil
	}
	return &table{key, curve.NewEdwardsBasepointTable(point.Neg(point))}
}

func (t *table) verify(text, signature []byte) bool {
	if len(signature) != ed25519.SignatureSize {
		return false
	}
	var s, k scalar.Scalar
	if _, err := s.SetCanonicalBytes(signature[32:]); err != nil {
		return false
	}
	h := sha512.New()
	h.Write(signature[:32])
	h.Write(t.key[:])
	h.Write(text)
	var sum [sha512.Size]byte
	if _, err := k.SetBytesModOrderWide(h.Sum(sum[:0])); err != nil {
		return false // never: it has 64 bytes
	}
	var sB, kA curve.EdwardsPoint
	sB.MulBasepoint(curve.ED25519_BASEPOINT_TABLE, &s)
	kA.MulBasepoint(t.less, &k)
	var r curve.CompressedEdwardsY
	r.SetEdwardsPoint(sB.Add(&sB, &kA))
	return string(r[:]) == string(signature[:32])
}
