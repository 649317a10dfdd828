package client

import (
	"crypto/ed25519"
	"fmt"

	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	sdked25519 "github.com/cosmos/cosmos-sdk/crypto/keys/ed25519"
	cryptotypes "github.com/cosmos/cosmos-sdk/crypto/types"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"
)

// Signer is a key that can sign transactions.
type Signer interface {
	PubKey() cryptotypes.PubKey
	Sign(message []byte) ([]byte, error)
}

// HotSigner signs with a program's hot key. Its transactions carry no fee; the chain takes only weights and model cards of it.
func HotSigner(key ed25519.PrivateKey) Signer { return hotSigner(key) }

type hotSigner ed25519.PrivateKey

func (s hotSigner) PubKey() cryptotypes.PubKey {
	return &sdked25519.PubKey{Key: ed25519.PrivateKey(s).Public().(ed25519.PublicKey)}
}

func (s hotSigner) Sign(message []byte) ([]byte, error) {
	return ed25519.Sign(ed25519.PrivateKey(s), message), nil
}

// ColdSigner signs with a private key that is in memory, secp256k1 as a rule.
func ColdSigner(key cryptotypes.PrivKey) Signer { return key }

// KeyringSigner signs with the key that the keyring knows as name.
func KeyringSigner(ring keyring.Keyring, name string) (Signer, error) {
	record, err := ring.Key(name)
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", name, err)
	}
	pub, err := record.GetPubKey()
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", name, err)
	}
	return ringSigner{ring, name, pub}, nil
}

type ringSigner struct {
	ring keyring.Keyring
	name string
	pub  cryptotypes.PubKey
}

func (s ringSigner) PubKey() cryptotypes.PubKey { return s.pub }

func (s ringSigner) Sign(message []byte) ([]byte, error) {
	signature, _, err := s.ring.Sign(s.name, message, signing.SignMode_SIGN_MODE_DIRECT)
	return signature, err
}

// free says whether a key's transactions carry no fee: those of hot keys.
func free(key cryptotypes.PubKey) bool {
	_, hot := key.(*sdked25519.PubKey)
	return hot
}
