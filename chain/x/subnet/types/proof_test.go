package types_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"agora/chain/x/subnet/types"
)

var key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))

func TestAProofIsGoodForWhatItWasMade(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		chain, owner := rapid.String().Draw(t, "chain"), rapid.String().Draw(t, "owner")
		netuid, expiry := rapid.Uint32().Draw(t, "netuid"), rapid.Int64().Draw(t, "expiry")
		proof := types.SignProof(key, chain, netuid, owner, expiry)
		pub := []byte(key.Public().(ed25519.PublicKey))
		if err := types.VerifyProof(pub, proof, chain, netuid, owner, expiry); err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{
			"chain":  types.VerifyProof(pub, proof, chain+"x", netuid, owner, expiry),
			"netuid": types.VerifyProof(pub, proof, chain, netuid+1, owner, expiry),
			"owner":  types.VerifyProof(pub, proof, chain, netuid, owner+"x", expiry),
			"expiry": types.VerifyProof(pub, proof, chain, netuid, owner, expiry+1),
		} {
			if !errors.Is(err, types.ErrProof) {
				t.Fatalf("good for another %s: %v", name, err)
			}
		}
	})
}

func TestNoTwoClaimsHaveTheSameBytes(t *testing.T) {
	a := types.ProofBytes("agora-1", 1, "bob", 5)
	for _, b := range [][]byte{
		types.ProofBytes("agora-1b", 1, "ob", 5),
		types.ProofBytes("agora-", 1, "1bob", 5),
		types.ProofBytes("agora-1", 1<<8, "bob", 5),
	} {
		if bytes.Equal(a, b) {
			t.Fatalf("%x stands for two claims", a)
		}
	}
}

func FuzzVerifyProof(f *testing.F) {
	pub := []byte(key.Public().(ed25519.PublicKey))
	f.Add(pub, types.SignProof(key, "agora-1", 1, "bob", 5), "agora-1", uint32(1), "bob", int64(5))
	f.Add([]byte{}, []byte{}, "", uint32(0), "", int64(0))
	f.Fuzz(func(t *testing.T, hotKey, proof []byte, chain string, netuid uint32, owner string, expiry int64) {
		if err := types.VerifyProof(hotKey, proof, chain, netuid, owner, expiry); err != nil && !errors.Is(err, types.ErrProof) {
			t.Fatalf("another error: %v", err)
		}
		if types.VerifyProof(pub, proof, chain, netuid, owner, expiry) == nil &&
			!bytes.Equal(proof, types.SignProof(key, chain, netuid, owner, expiry)) {
			t.Fatalf("a proof that the key did not make is good: %x", proof)
		}
	})
}
