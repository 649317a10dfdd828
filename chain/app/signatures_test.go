package app

import (
	"bytes"
	"testing"

	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	"github.com/cosmos/cosmos-sdk/crypto/keys/ed25519"
	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	cryptotypes "github.com/cosmos/cosmos-sdk/crypto/types"
)

// countingKey counts its verifications.
type countingKey struct {
	cryptotypes.PubKey
	count *int
}

func (k countingKey) VerifySignature(msg, signature []byte) bool {
	*k.count++
	return k.PubKey.VerifySignature(msg, signature)
}

// TestAGoodSignatureIsVerifiedOnce asks twice for the same and then for everything that differs in one part.
func TestAGoodSignatureIsVerifiedOnce(t *testing.T) {
	for _, private := range []cryptotypes.PrivKey{secp256k1.GenPrivKeyFromSecret([]byte("a")), ed25519.GenPrivKeyFromSecret([]byte("a"))} {
		seen, count := new(signatures), 0
		key, msg := countingKey{private.PubKey(), &count}, []byte("pay 1 to b")
		signature, err := private.Sign(msg)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if !seen.verify(key, msg, signature) || count != 1 {
				t.Fatalf("%s: a good signature was refused, or verified %d times", key.Type(), count)
			}
		}
		longer := append(bytes.Clone(msg), signature[0])
		for i := range signature {
			other := bytes.Clone(signature)
			other[i] ^= 1
			if seen.verify(key, msg, other) {
				t.Errorf("%s: byte %d of the signature does not matter", key.Type(), i)
			}
		}
		if seen.verify(key, longer, signature[1:]) || seen.verify(key, longer, signature) || seen.verify(key, msg[1:], signature) {
			t.Errorf("%s: another message passes", key.Type())
		}
		stranger := secp256k1.GenPrivKeyFromSecret([]byte("b")).PubKey()
		if seen.verify(stranger, msg, signature) {
			t.Errorf("%s: another key passes", key.Type())
		}
		bad := count
		seen.verify(key, longer, signature)
		if count != bad+1 {
			t.Errorf("%s: a bad signature was remembered", key.Type())
		}
	}
}

// TestRememberedSignaturesAreBounded fills three generations.
func TestRememberedSignaturesAreBounded(t *testing.T) {
	s := new(signatures)
	id := func(i int) (id [32]byte) {
		id[0], id[1], id[2] = byte(i), byte(i>>8), byte(i>>16)
		return id
	}
	for i := range 3 * perGeneration {
		s.add(id(i))
	}
	if len(s.now)+len(s.old) > 2*perGeneration {
		t.Errorf("%d are held", len(s.now)+len(s.old))
	}
	if s.has(id(0)) || !s.has(id(2*perGeneration)) || !s.has(id(3*perGeneration-1)) {
		t.Error("not the newest are held")
	}
}

// TestARememberingKeyIsTheKeyOnTheWire compares what a signature's data say of it.
func TestARememberingKeyIsTheKeyOnTheWire(t *testing.T) {
	for _, key := range []cryptotypes.PubKey{secp256k1.GenPrivKeyFromSecret([]byte("a")).PubKey(), ed25519.GenPrivKeyFromSecret([]byte("a")).PubKey()} {
		want, err := codectypes.NewAnyWithValue(key)
		if err != nil {
			t.Fatal(err)
		}
		got, err := codectypes.NewAnyWithValue(rememberingKey{key, new(signatures)})
		if err != nil {
			t.Fatal(err)
		}
		if got.TypeUrl != want.TypeUrl || !bytes.Equal(got.Value, want.Value) {
			t.Errorf("%s %x, want %s %x", got.TypeUrl, got.Value, want.TypeUrl, want.Value)
		}
	}
}
