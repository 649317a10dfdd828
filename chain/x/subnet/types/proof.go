package types

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
)

// proofDomain keeps a proof from being any other signature of the same key.
const proofDomain = "agora/subnet/hot-key/v1"

// ProofBytes is what a hot key signs to be registered, or rotated to, by owner in netuid until block expiry:
// the domain, chainID and owner each behind its length as 4 bytes, then netuid in 4 bytes and expiry in 8, big-endian.
func ProofBytes(chainID string, netuid uint32, owner string, expiry int64) []byte {
	var b []byte
	for _, text := range []string{proofDomain, chainID, owner} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
		b = append(b, text...)
	}
	b = binary.BigEndian.AppendUint32(b, netuid)
	return binary.BigEndian.AppendUint64(b, uint64(expiry))
}

// SignProof returns the hot key's agreement, 64 bytes.
func SignProof(key ed25519.PrivateKey, chainID string, netuid uint32, owner string, expiry int64) []byte {
	return ed25519.Sign(key, ProofBytes(chainID, netuid, owner, expiry))
}

// VerifyProof checks that hotKey (32 bytes) signed for owner in netuid on chainID until expiry. It does not check expiry
// against a height. The error is ErrProof.
func VerifyProof(hotKey, proof []byte, chainID string, netuid uint32, owner string, expiry int64) error {
	if len(hotKey) != ed25519.PublicKeySize || len(proof) != ed25519.SignatureSize {
		return fmt.Errorf("%w: hot key of %d bytes and proof of %d, want %d and %d",
			ErrProof, len(hotKey), len(proof), ed25519.PublicKeySize, ed25519.SignatureSize)
	}
	if !ed25519.Verify(hotKey, ProofBytes(chainID, netuid, owner, expiry), proof) {
		return fmt.Errorf("%w: proof is not by %x for chain %q, netuid %d, owner %s, expiry %d",
			ErrProof, hotKey, chainID, netuid, owner, expiry)
	}
	return nil
}

// Claim is an owner's claim to a hot key: the key, its signature, and the last block at which that is good.
type Claim struct {
	HotKey []byte
	Proof  []byte
	Expiry int64
}
