package receipt

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"slices"
	"sync"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

const (
	maxTables = 256  // keys with a table, of 33 KB each
	maxSeen   = 4096 // keys that are counted
	often     = 16   // signatures of a key before it gets a table, which takes as long as three checks to make and takes two thirds off each

	keyWidth, keyApart = 5, 3 // of a table: 17 rows of 16 points in 120 bytes
	baseWidth          = 7    // of the base point: 37 rows of 64, 0.3 MB
)

// busy are the keys of the servers that a voice asks often.
var busy = tables{made: map[[ed25519.PublicKeySize]byte]*table{}, seen: map[[ed25519.PublicKeySize]byte]int{}}

// claim is a signature to be checked.
type claim struct {
	key             ed25519.PublicKey
	text, signature []byte

	table *table   // of the key; nil where it has none
	k, s  [32]byte // numbers, little endian
	sum   extended // [s]B − [k]A, of a key with a table
	good  bool
	first *claim // the same one before; nil where there is none
}

// verify notes which claims are good, by the rule of crypto/ed25519, which is the chain's: R must be the encoding of
// [S]B − [k]A, without a cofactor, and S less than the group's order. Each is judged by itself: what several share is an inversion. A
// signature of several receipts is judged once.
func verify(claims []claim) {
	var summed []*claim
	firsts := make([]*claim, 0, len(claims))
	for i := range claims {
		c := &claims[i]
		if c.first = c.among(firsts); c.first != nil {
			continue
		}
		firsts = append(firsts, c)
		if len(c.key) != ed25519.PublicKeySize {
			continue
		}
		c.table = busy.of([ed25519.PublicKeySize]byte(c.key))
		switch {
		case c.table == nil:
			c.good = ed25519.Verify(c.key, c.text, c.signature)
		case c.read():
			summed = append(summed, c)
		}
	}
	for together := range slices.Chunk(summed, 8) {
		sumUp(together)
	}
	compare(summed)
	for i := range claims {
		if first := claims[i].first; first != nil {
			claims[i].good = first.good
		}
	}
}

// among finds the same claim among others, nil where it is not there.
func (c *claim) among(others []*claim) *claim {
	for _, o := range slices.Backward(others) { // what is signed together comes one behind the other
		if bytes.Equal(o.signature, c.signature) && bytes.Equal(o.text, c.text) && bytes.Equal(o.key, c.key) {
			return o
		}
	}
	return nil
}

// sumUp sums up 1 to 8 claims.
func sumUp(of []*claim) {
	if len(of) > 1 && hasLanes() {
		sumLanes(of)
		return
	}
	for _, c := range of {
		c.sum.zero()
		c.table.less.addTo(&c.sum, c.k[:])
		base().addTo(&c.sum, c.s[:])
	}
}

// compare holds R to the sum of each.
func compare(summed []*claim) {
	over := make([]field.Element, len(summed))
	for i, c := range summed {
		over[i] = c.sum.z
	}
	invert(over)
	for i, c := range summed {
		r := c.sum.encode(&over[i])
		c.good = string(r[:]) == string(c.signature[:32])
	}
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

// table has multiples of −A of a public key A.
type table struct{ less *multiples }

// base has multiples of the base point B.
var base = sync.OnceValue(func() *multiples { return newMultiples(edwards25519.NewGeneratorPoint(), baseWidth, 1) })

// newTable is nil for what is no point: no signature is such a key's.
func newTable(key [ed25519.PublicKeySize]byte) *table {
	var point edwards25519.Point
	if _, err := point.SetBytes(key[:]); err != nil {
		return nil
	}
	return &table{newMultiples(point.Negate(&point), keyWidth, keyApart)}
}

// read reads the numbers of a claim whose key has a table. False is a signature that cannot be one.
func (c *claim) read() bool {
	if len(c.signature) != ed25519.SignatureSize {
		return false
	}
	var s, k edwards25519.Scalar
	if _, err := s.SetCanonicalBytes(c.signature[32:]); err != nil {
		return false
	}
	h := sha512.New()
	h.Write(c.signature[:32])
	h.Write(c.key)
	h.Write(c.text)
	var hash [sha512.Size]byte
	if _, err := k.SetUniformBytes(h.Sum(hash[:0])); err != nil {
		return false // never: it has 64 bytes
	}
	c.k, c.s = [32]byte(k.Bytes()), [32]byte(s.Bytes())
	return true
}
