package receipt

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"slices"
	"testing"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/curve/scalar"
)

// checked are the tables of keys that checkBoth saw lately.
var checked = map[[ed25519.PublicKeySize]byte]*table{}

// checkBoth holds a table to crypto/ed25519, and returns what both say.
func checkBoth(t testing.TB, key, text, signature []byte) bool {
	t.Helper()
	want := ed25519.Verify(key, text, signature)
	made, ok := checked[[ed25519.PublicKeySize]byte(key)]
	if !ok {
		made = newTable([ed25519.PublicKeySize]byte(key))
		if len(checked) > 100 {
			clear(checked)
		}
		checked[[ed25519.PublicKeySize]byte(key)] = made
	}
	if got := made != nil && made.verify(t, key, text, signature); got != want {
		t.Fatalf("key %x, text %x, signature %x: %t, crypto/ed25519 says %t", key, text, signature, got, want)
	}
	return want
}

// beside are claims that were checked last, and turn tells in which lane the next is.
var (
	beside []*claim
	turn   int
)

// verify checks one signature with a table: by itself, and where there are lanes beside others in one of them.
func (t *table) verify(tb testing.TB, key, text, signature []byte) bool {
	tb.Helper()
	alone := claim{key: key, text: text, signature: bytes.Clone(signature), table: t}
	if !alone.read() {
		return false
	}
	sumUp([]*claim{&alone})
	compare([]*claim{&alone})
	if hasLanes() && len(beside) > 0 {
		c := alone
		c.sum, c.good = extended{}, false
		list := slices.Insert(slices.Clone(beside), turn%(1+len(beside)), &c)
		turn++
		sumUp(list)
		compare(list)
		if c.good != alone.good || c.sum == (extended{}) {
			tb.Fatalf("key %x, text %x, signature %x: %t by itself, %t in a lane", key, text, signature, alone.good, c.good)
		}
	}
	beside = append(beside[max(0, len(beside)-6):], &alone)
	return alone.good
}

func encode(p *curve.EdwardsPoint) []byte {
	var c curve.CompressedEdwardsY
	c.SetEdwardsPoint(p)
	return c[:]
}

// smallOrder are all encodings of the eight points of small order that crypto/ed25519 reads: y up to 2^255 − 1 with either sign.
func smallOrder(t *testing.T) (list [][]byte) {
	for _, text := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p, for 0
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p + 1
	} {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		negative := bytes.Clone(b)
		negative[31] |= 0x80
		list = append(list, b, negative)
	}
	for _, b := range list {
		encoded := curve.CompressedEdwardsY(b)
		if p, err := curve.NewEdwardsPoint().SetCompressedY(&encoded); err != nil || !p.IsSmallOrder() {
			t.Fatalf("%x is no point of small order: %v", b, err)
		}
	}
	return list
}

func scalarOf(wide []byte) *scalar.Scalar {
	sum := sha512.Sum512(wide)
	s, err := scalar.NewFromBytesModOrderWide(sum[:])
	if err != nil {
		panic(err)
	}
	return s
}

func bytesOf(s *scalar.Scalar) []byte {
	b := make([]byte, scalar.ScalarSize)
	if err := s.ToBytes(b); err != nil {
		panic(err)
	}
	return b
}

// challenge is k of a signature.
func challenge(r, key, text []byte) *scalar.Scalar {
	return scalarOf(bytes.Join([][]byte{r, key, text}, nil))
}

// A key of small order signs whatever cancels out: both accept the same of it, and neither accepts an R in another spelling.
func TestKeysOfSmallOrderAreJudgedAsByTheChain(t *testing.T) {
	points := smallOrder(t)
	accepted, refused := 0, 0
	for _, key := range points {
		for _, r := range points {
			for n := range byte(16) {
				for _, s := range [][]byte{make([]byte, 32), bytesOf(scalarOf([]byte{n}))} {
					if checkBoth(t, key, []byte{n}, append(bytes.Clone(r), s...)) {
						accepted++
					} else {
						refused++
					}
				}
			}
		}
	}
	if accepted < 100 || refused < 100 {
		t.Errorf("%d accepted, %d refused", accepted, refused)
	}
}

// A key with a part of small order is where a rule with the cofactor accepts all that is signed, and one without an eighth.
func TestKeysOfMixedOrderAreJudgedAsByTheChain(t *testing.T) {
	a := scalarOf([]byte("a"))
	for i, torsion := range smallOrder(t) {
		encoded := curve.CompressedEdwardsY(torsion)
		part, err := curve.NewEdwardsPoint().SetCompressedY(&encoded)
		if err != nil {
			t.Fatal(err)
		}
		var A curve.EdwardsPoint
		A.MulBasepoint(curve.ED25519_BASEPOINT_TABLE, a)
		key := encode(A.Add(&A, part))
		accepted := 0
		for n := range byte(64) {
			nonce := scalarOf([]byte{byte(i), n})
			var R curve.EdwardsPoint
			R.MulBasepoint(curve.ED25519_BASEPOINT_TABLE, nonce)
			clean := encode(&R)
			mixed := encode(R.Add(&R, part))
			for _, r := range [][]byte{clean, mixed} {
				k := challenge(r, key, []byte{n})
				s := bytesOf(k.Add(k.Mul(k, a), nonce))
				if checkBoth(t, key, []byte{n}, append(bytes.Clone(r), s...)) {
					accepted++
				}
			}
		}
		if part.IsIdentity() != (accepted == 128) || accepted == 0 {
			t.Errorf("of a key with %x, %d of 128 signatures were accepted", torsion, accepted)
		}
	}
}

// An S that is not less than the order is another spelling of one that is.
func TestOtherSpellingsOfSAreRefused(t *testing.T) {
	k, text := key(3), []byte("text")
	order := []byte{0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 31: 0x10}
	signature := ed25519.Sign(k, text)
	if !checkBoth(t, public(k), text, signature) {
		t.Fatal("the signature itself is refused")
	}
	for range 15 { // S + L, S + 2L, …, as long as it fits
		carry := 0
		for i, b := range order {
			carry += int(b) + int(signature[32+i])
			signature[32+i], carry = byte(carry), carry>>8
		}
		if checkBoth(t, public(k), text, signature) {
			t.Errorf("S is %x", signature[32:])
		}
	}
	if checkBoth(t, public(k), text, append(make([]byte, 32), order...)) || checkBoth(t, public(k), text, signature[:63]) || checkBoth(t, public(k), text, append(signature, 0)) {
		t.Error("accepted")
	}
	if checkBoth(t, smallOrder(t)[2], text, append(bytes.Clone(smallOrder(t)[2]), order...)) { // 0·B = L·B
		t.Error("L is accepted for 0")
	}
}

// What is no point signs nothing.
func TestKeysThatAreNoPointSignNothing(t *testing.T) {
	points, others := 0, 0
	for n := range byte(64) {
		sum := sha512.Sum512([]byte{n})
		if checkBoth(t, sum[:32], []byte{n}, append(sum[:32:32], make([]byte, 32)...)) {
			t.Errorf("%x signs", sum[:32])
		}
		if newTable([32]byte(sum[:32])) != nil {
			points++
		} else {
			others++
		}
	}
	if points == 0 || others == 0 {
		t.Errorf("%d points, %d that are none", points, others)
	}
}

func TestAKeyThatComesOftenIsJudgedAsBefore(t *testing.T) {
	busy := tables{made: map[[32]byte]*table{}, seen: map[[32]byte]int{}}
	first := [32]byte(public(key(1)))
	for i := 1; i < 2*often; i++ {
		if made := busy.of(first) != nil; made != (i >= often) {
			t.Fatalf("at signature %d a table: %t", i, made)
		}
	}
	for n := range maxTables + 50 {
		var seed [ed25519.SeedSize]byte
		seed[0], seed[1] = byte(n), byte(n>>8)
		for range often {
			busy.of([32]byte(public(ed25519.NewKeyFromSeed(seed[:]))))
		}
	}
	if len(busy.made) != maxTables {
		t.Errorf("%d tables, want %d", len(busy.made), maxTables)
	}
	for n := range 2 * maxSeen {
		busy.of([32]byte{byte(n), byte(n >> 8), 0xff})
	}
	if len(busy.seen) > maxSeen || len(busy.made) > maxTables {
		t.Errorf("%d keys are counted, %d have tables", len(busy.seen), len(busy.made))
	}
	r, k := example(), key(9)
	signed := signedText(t, &r, k)
	for i := range 2 * often {
		if _, err := Open(signed, public(k)); err != nil {
			t.Fatalf("the receipt does not count at check %d: %v", i, err)
		}
		if _, err := Open(signed, public(key(8))); err != ErrSignature {
			t.Fatalf("another's key: %v at check %d", err, i)
		}
	}
}

// FuzzVerify holds tables to crypto/ed25519 for keys and signatures of any kind, and signatures to be the same.
func FuzzVerify(f *testing.F) {
	f.Add([]byte("seed"), []byte("text"), []byte{}, []byte{})
	f.Add([]byte("seed"), []byte("text"), []byte{1}, []byte{0, 0x80})
	f.Fuzz(func(t *testing.T, seed, text, key, change []byte) {
		sum := sha512.Sum512(seed)
		k := ed25519.NewKeyFromSeed(sum[:32])
		signature := sign(k, text)
		if !bytes.Equal(signature, ed25519.Sign(k, text)) || !checkBoth(t, public(k), text, signature) {
			t.Fatalf("the signature of %x under %x is %x", text, sum[:32], signature)
		}
		for i, c := range change {
			signature[i%len(signature)] ^= c
		}
		checkBoth(t, public(k), text, signature)
		var other [ed25519.PublicKeySize]byte
		copy(other[:], key)
		checkBoth(t, other[:], text, signature)
	})
}

// What several share spoils none of them: each is good or not as by itself, whatever stands beside it.
func TestSignaturesCheckedTogetherAreJudgedOneByOne(t *testing.T) {
	for range often { // so that some keys have tables
		for n := range byte(3) {
			busy.of([32]byte(public(key(n))))
		}
	}
	small := smallOrder(t)[2]
	for range often {
		busy.of([32]byte(small))
	}
	var claims []claim
	for n := range byte(120) {
		k, text := key(n%5), []byte{n}
		c := claim{key: public(k), text: text, signature: ed25519.Sign(k, text)}
		switch n % 8 {
		case 1:
			c.signature[n%64] ^= 1 + n
		case 3:
			c.signature = c.signature[:n%65]
		case 5:
			c.key = small
			copy(c.signature, small)
			copy(c.signature[32:], make([]byte, 32))
		case 7:
			c.key = c.key[:n%33]
		}
		claims = append(claims, c)
	}
	verify(claims)
	good, tables := 0, 0
	for i, c := range claims {
		if want := len(c.key) == ed25519.PublicKeySize && ed25519.Verify(c.key, c.text, c.signature); c.good != want {
			t.Errorf("signature %d: %t, by itself %t", i, c.good, want)
		}
		if c.good {
			good++
		}
		if c.sum != (extended{}) {
			tables++
		}
	}
	if good < 50 || good > 100 || tables < 50 {
		t.Errorf("%d of %d are good, %d by tables", good, len(claims), tables)
	}
	verify(nil)
}

// Multiples sum up to what the library says, for the numbers at which digits carry and for points of every order.
func TestMultiplesAddUp(t *testing.T) {
	var numbers []*edwards25519.Scalar
	for _, bits := range []int{0, 1, 2, 4, 5, 7, 8, 14, 15, 16, 125, 250, 251, 252} {
		b := make([]byte, 32)
		b[bits/8] = 1 << (bits % 8)
		s, err := edwards25519.NewScalar().SetCanonicalBytes(b)
		if err != nil {
			t.Fatal(err)
		}
		one, zero := edwards25519.NewScalar().MultiplyAdd(s, s, s), edwards25519.NewScalar()
		numbers = append(numbers, zero, s, edwards25519.NewScalar().Negate(s), one, edwards25519.NewScalar().Subtract(s, one))
	}
	points := []*edwards25519.Point{edwards25519.NewGeneratorPoint()}
	for _, encoded := range smallOrder(t) {
		p, err := new(edwards25519.Point).SetBytes(encoded)
		if err != nil {
			t.Fatal(err)
		}
		points = append(points, p, new(edwards25519.Point).Add(p, points[0]))
	}
	for _, p := range points {
		for _, shape := range [][2]int{{keyWidth, keyApart}, {baseWidth, 1}, {4, 2}} {
			m := newMultiples(p, shape[0], shape[1])
			for _, n := range numbers {
				var sum extended
				sum.zero()
				m.addTo(&sum, n.Bytes())
				var over field.Element
				got, want := sum.encode(over.Invert(&sum.z)), new(edwards25519.Point).ScalarMultSlow(n, p).Bytes()
				if !bytes.Equal(got[:], want) {
					t.Fatalf("%x times %x is %x, want %x", n.Bytes(), p.Bytes(), got, want)
				}
			}
		}
	}
}
