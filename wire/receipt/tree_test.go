package receipt

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/merkle"
)

// several are receipts that differ in their nonce.
func several(n int) []Receipt {
	list := make([]Receipt, n)
	for i := range list {
		list[i] = example()
		list[i].Nonce[15] = byte(i)
	}
	return list
}

func encodings(t testing.TB, list []Receipt) [][]byte {
	t.Helper()
	all := make([][]byte, len(list))
	for i := range list {
		b, err := list[i].Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = b
	}
	return all
}

// sealedTogether are the seals of receipts that are signed together.
func sealedTogether(t testing.TB, k ed25519.PrivateKey, list []Receipt) [][]byte {
	t.Helper()
	var leaves []hash
	for _, b := range encodings(t, list) {
		leaves = append(leaves, leafOf(b))
	}
	return sealAll(k, leaves)
}

func signedTogether(t testing.TB, k ed25519.PrivateKey, list []Receipt) []string {
	t.Helper()
	var all []string
	for i, seal := range sealedTogether(t, k, list) {
		all = append(all, spell(append(encodings(t, list[i:i+1])[0], seal...)))
	}
	return all
}

// isSealed says whether a seal is key(1)'s, whatever it is that it seals.
func isSealed(encoding, seal []byte) bool {
	text, signature, ok := open(encoding, seal)
	return ok && ed25519.Verify(public(key(1)), text, signature)
}

func TestReceiptsSignedTogetherAreReadAgain(t *testing.T) {
	for n := 2; n <= MaxTogether; n++ {
		list := several(n)
		for i, signed := range signedTogether(t, key(1), list) {
			if got, err := Open(signed, public(key(1))); err != nil || got != list[i] {
				t.Errorf("%d of %d: %+v, %v", i, n, got, err)
			}
			if _, err := Open(signed, public(key(2))); !errors.Is(err, ErrSignature) {
				t.Errorf("%d of %d, by another key: %v", i, n, err)
			}
		}
	}
}

// The tree is RFC 6962's, as CometBFT computes it too.
func TestTheTreeIsRFC6962s(t *testing.T) {
	for n := 2; n <= MaxTogether; n++ {
		all := encodings(t, several(n))
		root, proofs := merkle.ProofsFromByteSlices(all)
		for i, seal := range sealedTogether(t, key(1), several(n)) {
			text, _, ok := open(all[i], seal)
			if !ok || !bytes.Equal(text, append([]byte(domainTogether), root...)) {
				t.Fatalf("%d of %d leads to %x, want %x", i, n, text, root)
			}
			var aunts [][]byte
			for step := seal[:len(seal)-ed25519.SignatureSize]; len(step) > 0; step = step[stepBytes:] {
				aunts = append(aunts, step[1:stepBytes])
			}
			if !slices.EqualFunc(aunts, proofs[i].Aunts, bytes.Equal) {
				t.Errorf("%d of %d goes by %x, want %x", i, n, aunts, proofs[i].Aunts)
			}
		}
	}
}

// What is signed together with others is signed for itself alone: no other receipt has its place, and no bit of it can be changed.
func TestASealIsOneReceipts(t *testing.T) {
	list := several(5)
	all, seals := encodings(t, list), sealedTogether(t, key(1), list)
	refused := func(what string, encoding, seal []byte) {
		t.Helper()
		signed := spell(append(slices.Clone(encoding), seal...))
		if r, err := Open(signed, public(key(1))); !errors.Is(err, ErrSignature) && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", what, r, err)
		}
		if isSealed(encoding, seal) {
			t.Errorf("%s: sealed", what)
		}
	}
	for i, seal := range seals {
		if !isSealed(all[i], seal) {
			t.Errorf("%d is not sealed", i)
		}
		for j := range seals {
			if i != j {
				refused("another's seal", all[i], seals[j])
			}
		}
		for bit := range 8 * len(seal) {
			changed := bytes.Clone(seal)
			changed[bit/8] ^= 1 << (bit % 8)
			refused(fmt.Sprint("bit ", bit), all[i], changed)
		}
		for n := range seal {
			refused("cut behind", all[i], seal[:n])
			if n > 0 {
				refused("cut before", all[i], seal[n:])
			}
		}
		long := slices.Concat(bytes.Repeat(seal[:stepBytes], maxWay+1), seal[len(seal)-ed25519.SignatureSize:])
		refused("a longer way", all[i], long[:min(len(long), MaxEncoded+MaxSeal-len(all[i]))])
		refused("the signature of the root without a way", all[i], seal[len(seal)-ed25519.SignatureSize:])
		refused("a signature of its own behind a way", all[i], append(slices.Clone(seal[:stepBytes]), sign(key(1), all[i])...))
	}
	// A node is no leaf, whatever it says.
	other := leafOf(all[4])
	node := append(append([]byte{}, seals[4][1:stepBytes]...), other[:]...)
	refused("a node", node, seals[4][stepBytes:])
}

// signatures are the signatures in signed receipts, each once.
func signatures(t *testing.T, signed []string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, text := range signed {
		b, err := encoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		all[string(b[len(b)-ed25519.SignatureSize:])] = true
	}
	return all
}

// signAtOnce are receipts that goroutines sign at the same time.
func signAtOnce(t *testing.T, s *Signer, list []Receipt, together bool) []string {
	t.Helper()
	signed := make([]string, len(list))
	var wg sync.WaitGroup
	for i := range list {
		wg.Go(func() {
			text, err := s.Sign(&list[i], together)
			if err != nil {
				t.Error(err)
			}
			signed[i] = text
		})
	}
	wg.Wait()
	for i, text := range signed {
		if got, err := Open(text, public(key(1))); err != nil || got != list[i] {
			t.Errorf("%d: %+v, %v", i, got, err)
		}
	}
	return signed
}

func TestReceiptsOfOneMomentShareASignature(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // all are there before the first has signed
	s, list := NewSigner(key(1)), several(100)
	if n := len(signatures(t, signAtOnce(t, s, list, true))); n > 50 {
		t.Errorf("%d signatures of 100 receipts, want some five", n)
	}
	if n := len(signatures(t, signAtOnce(t, s, list, false))); n != 100 {
		t.Errorf("%d signatures of 100 receipts for a reader who takes no others, want 100", n)
	}
	for i := range 10 { // one after the other, longer apart than a moment
		time.Sleep(2 * apart)
		text, err := s.Sign(&list[i], true)
		if alone := signedText(t, &list[i], key(1)); err != nil || text != alone {
			t.Errorf("%d: %q, %v, want %q", i, text, err, alone)
		}
	}
}

func TestManySignAtOnce(t *testing.T) {
	s := NewSigner(key(1))
	for range 20 {
		signAtOnce(t, s, several(77), true)
	}
	bad := example()
	bad.ChainID = ""
	if _, err := s.Sign(&bad, true); !errors.Is(err, ErrMalformed) {
		t.Errorf("a receipt without a chain: %v", err)
	}
}

// One signature of several is judged once, and what differs in a byte by itself.
func TestClaimsOfOneSignatureAreJudgedOnce(t *testing.T) {
	list := several(32)
	var claims []claim
	var want []bool
	for i, signed := range signedTogether(t, key(1), list) {
		_, c, err := read(signed, public(key(1)))
		if err != nil {
			t.Fatal(err)
		}
		if i%4 == 3 {
			c.signature = bytes.Clone(c.signature)
			c.signature[i]++
		}
		if i%8 == 2 {
			c.key = public(key(2))
		}
		claims, want = append(claims, c), append(want, i%4 != 3 && i%8 != 2)
	}
	for range often + 1 { // with a table and without one
		verify(claims)
		for i := range claims {
			if claims[i].good != want[i] {
				t.Errorf("claim %d: %v, want %v", i, claims[i].good, want[i])
			}
		}
		for i := range claims {
			claims[i] = claim{key: claims[i].key, text: claims[i].text, signature: claims[i].signature}
		}
	}
}

// together is testdata/together.json: all bytes in hexadecimal digits.
type together struct {
	Seed    string   `json:"seed"` // of the server's Ed25519 key, RFC 8032
	Encoded []string `json:"encoded"`
	Root    string   `json:"root"`
	Signed  []string `json:"signed"` // as they travel
}

func TestVectorsTogether(t *testing.T) {
	made := together{Seed: hex.EncodeToString(key(9).Seed())}
	list := several(5)
	for _, b := range encodings(t, list) {
		made.Encoded = append(made.Encoded, hex.EncodeToString(b))
	}
	made.Signed = signedTogether(t, key(9), list)
	text, _, _ := open(encodings(t, list)[0], sealedTogether(t, key(9), list)[0])
	made.Root = hex.EncodeToString(text[len(domainTogether):])
	holdToFile(t, "testdata/together.json", made)
}

func FuzzSeal(f *testing.F) {
	list := several(5)
	all, seals := encodings(f, list), sealedTogether(f, key(1), list)
	for _, seal := range seals {
		f.Add(seal)
	}
	f.Add(sign(key(1), all[0]))
	f.Fuzz(func(t *testing.T, seal []byte) {
		good := bytes.Equal(seal, seals[0]) || bytes.Equal(seal, sign(key(1), all[0]))
		if isSealed(all[0], seal) != good {
			t.Errorf("%x is taken for a seal: %v", seal, !good)
		}
		_, err := Open(spell(append(bytes.Clone(all[0]), seal[:min(len(seal), MaxSeal+MaxEncoded-len(all[0]))]...)), public(key(1)))
		if len(seal) <= MaxSeal && (err == nil) != good {
			t.Errorf("%x: %v", seal, err)
		}
	})
}

// A receipt's part of what is signed together, from its encoding to what travels.
func BenchmarkSign(b *testing.B) {
	k, all := key(1), encodings(b, several(MaxTogether))
	for _, n := range []int{1, 2, 4, 8, 16, 32} {
		b.Run(fmt.Sprint(n, " together"), func(b *testing.B) {
			leaves := make([]hash, n)
			for i := 0; i < b.N; i += n {
				seals := [][]byte{nil}
				if n == 1 {
					seals[0] = sign(k, all[0])
				} else {
					for j := range leaves {
						leaves[j] = leafOf(all[j])
					}
					seals = sealAll(k, leaves)
				}
				for j, seal := range seals {
					spell(append(all[j][:len(all[j]):len(all[j])], seal...))
				}
			}
		})
	}
}
