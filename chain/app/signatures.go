package app

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"github.com/cosmos/gogoproto/proto"

	"github.com/cosmos/cosmos-sdk/crypto/keys/ed25519"
	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	cryptotypes "github.com/cosmos/cosmos-sdk/crypto/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/x/auth/ante"
)

// signatures remembers which signatures this node has found to be good, so that a transaction that was checked on its way
// into the queue costs no second verification in its block. What is remembered is a hash of key, signed bytes and signature,
// and whether they fit is a function of these alone: a block has the same result on a node that remembers nothing. A full
// generation of hashes takes the place of the one before, so at most 2 · perGeneration of them are held, some 2 MiB.
type signatures struct {
	mu       sync.Mutex
	now, old map[[sha256.Size]byte]struct{}
}

const perGeneration = 16_384

// verify tells whether key has signed msg.
func (s *signatures) verify(key cryptotypes.PubKey, msg, signature []byte) bool {
	id := identify(key, msg, signature)
	if s.has(id) {
		return true
	}
	good := key.VerifySignature(msg, signature)
	if good {
		s.add(id)
	}
	return good
}

// identify hashes the three with their lengths.
func identify(key cryptotypes.PubKey, msg, signature []byte) [sha256.Size]byte {
	b := make([]byte, 0, 512)
	for _, part := range [][]byte{[]byte(key.Type()), key.Bytes(), signature, msg} {
		b = append(binary.BigEndian.AppendUint64(b, uint64(len(part))), part...)
	}
	return sha256.Sum256(b)
}

func (s *signatures) has(id [sha256.Size]byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, now := s.now[id]
	_, old := s.old[id]
	return now || old
}

func (s *signatures) add(id [sha256.Size]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == nil || len(s.now) == perGeneration {
		s.now, s.old = make(map[[sha256.Size]byte]struct{}, perGeneration), s.now
	}
	s.now[id] = struct{}{}
}

// rememberingAccounts are accounts whose single keys remember what they verified. It is for the decorator that verifies
// signatures, which reads accounts and never writes them.
type rememberingAccounts struct {
	ante.AccountKeeper
	seen *signatures
}

func (a rememberingAccounts) GetAccount(ctx context.Context, address sdk.AccAddress) sdk.AccountI {
	account := a.AccountKeeper.GetAccount(ctx, address)
	if account == nil {
		return nil
	}
	return rememberingAccount{account, a.seen}
}

type rememberingAccount struct {
	sdk.AccountI
	seen *signatures
}

func (a rememberingAccount) GetPubKey() cryptotypes.PubKey {
	switch key := a.AccountI.GetPubKey().(type) {
	case *secp256k1.PubKey, *ed25519.PubKey:
		return rememberingKey{key, a.seen}
	default: // several keys in one verify each by themselves
		return key
	}
}

// rememberingKey is a key in all but the second verification. On the wire it is the key itself.
type rememberingKey struct {
	cryptotypes.PubKey
	seen *signatures
}

func (k rememberingKey) VerifySignature(msg, signature []byte) bool {
	return k.seen.verify(k.PubKey, msg, signature)
}

// XXX_MessageName names the key's own message.
func (k rememberingKey) XXX_MessageName() string { return proto.MessageName(k.PubKey) }

// Marshal encodes the key's own message.
func (k rememberingKey) Marshal() ([]byte, error) { return proto.Marshal(k.PubKey) }
