package wallet

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

const (
	version     = 1
	kind        = "agora hot key"
	kdfArgon2id = "argon2id"
	kdfNone     = "none"
	saltSize    = 16
)

// HotKey is a key file that was read and checked, but not yet unlocked.
type HotKey struct {
	header
	secret
}

// header is readable without a passphrase; the lock covers it, so that changing it is noticed.
type header struct {
	Version   int               `json:"version"`
	Kind      string            `json:"kind"`
	PublicKey ed25519.PublicKey `json:"public_key"`
	KDF       string            `json:"kdf"` // "argon2id" or "none"
	Params    *Params           `json:"kdf_params,omitempty"`
	Salt      []byte            `json:"salt,omitempty"`
}

// secret is the key's 32-byte seed: sealed with XChaCha20-Poly1305 under the derived key, or bare where kdf is "none".
type secret struct {
	Nonce  []byte `json:"nonce,omitempty"`
	Sealed []byte `json:"ciphertext,omitempty"`
	Seed   []byte `json:"seed,omitempty"`
}

// Create makes a new hot key and keeps it at path, locked with the passphrase, which must not be empty. It fails with
// ErrExists where there is a file already.
func Create(path string, passphrase []byte, p Params) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	if err := Save(path, key, passphrase, p); err != nil {
		return nil, err
	}
	return key, nil
}

// CreateOpen makes a new hot key and keeps it at path without a passphrase: whoever can read the file has the key.
func CreateOpen(path string) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	if err := SaveOpen(path, key); err != nil {
		return nil, err
	}
	return key, nil
}

// Save keeps a key that exists already, as Create does.
func Save(path string, key ed25519.PrivateKey, passphrase []byte, p Params) error {
	if len(passphrase) == 0 {
		return errors.New("wallet: the passphrase is empty; keep the key open instead if it must start unattended")
	}
	if err := p.check(); err != nil {
		return fmt.Errorf("wallet: %w", err)
	}
	k, err := lock(key, passphrase, p)
	if err != nil {
		return err
	}
	return k.write(path)
}

// SaveOpen keeps a key that exists already, as CreateOpen does.
func SaveOpen(path string, key ed25519.PrivateKey) error {
	if len(key) != ed25519.PrivateKeySize {
		return fmt.Errorf("wallet: hot key has %d bytes, want %d", len(key), ed25519.PrivateKeySize)
	}
	k := &HotKey{
		header: header{Version: version, Kind: kind, PublicKey: publicOf(key), KDF: kdfNone},
		secret: secret{Seed: key.Seed()},
	}
	return k.write(path)
}

// Open reads a key file and unlocks it; an open file needs no passphrase.
func Open(path string, passphrase []byte) (ed25519.PrivateKey, error) {
	k, err := Load(path)
	if err != nil {
		return nil, err
	}
	return k.Unlock(passphrase)
}

// Load reads a key file and checks all that can be checked without its passphrase. It refuses a file that others can
// read (ErrReadable) and one that is not whole (ErrDamaged).
func Load(path string) (*HotKey, error) {
	content, err := read(path)
	if err != nil {
		return nil, err
	}
	k, err := parse(content)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	return k, nil
}

// Public is the key's public half.
func (k *HotKey) Public() ed25519.PublicKey { return k.PublicKey }

// Locked says whether the file needs a passphrase.
func (k *HotKey) Locked() bool { return k.KDF != kdfNone }

// Unlock returns the private key. A wrong passphrase and a changed file look the same: ErrPassphrase.
func (k *HotKey) Unlock(passphrase []byte) (ed25519.PrivateKey, error) {
	seed := k.Seed
	if k.Locked() {
		if len(passphrase) == 0 {
			return nil, ErrLocked
		}
		aead, err := k.aead(passphrase)
		if err != nil {
			return nil, err
		}
		if seed, err = aead.Open(nil, k.Nonce, k.Sealed, k.header.bytes()); err != nil {
			return nil, ErrPassphrase
		}
	}
	key := ed25519.NewKeyFromSeed(seed)
	if !publicOf(key).Equal(k.PublicKey) {
		return nil, fmt.Errorf("%w: its public key does not belong to its seed", ErrDamaged)
	}
	return key, nil
}

func lock(key ed25519.PrivateKey, passphrase []byte, p Params) (*HotKey, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("wallet: hot key has %d bytes, want %d", len(key), ed25519.PrivateKeySize)
	}
	k := &HotKey{header: header{
		Version: version, Kind: kind, PublicKey: publicOf(key), KDF: kdfArgon2id, Params: &p, Salt: random(saltSize),
	}}
	aead, err := k.aead(passphrase)
	if err != nil {
		return nil, err
	}
	k.Nonce = random(chacha20poly1305.NonceSizeX)
	k.Sealed = aead.Seal(nil, k.Nonce, key.Seed(), k.header.bytes())
	return k, nil
}

type aead interface {
	Seal(dst, nonce, plaintext, additionalData []byte) []byte
	Open(dst, nonce, ciphertext, additionalData []byte) ([]byte, error)
}

func (k *HotKey) aead(passphrase []byte) (aead, error) {
	p := *k.Params
	derived := argon2.IDKey(passphrase, k.Salt, p.Time, p.MemoryKiB, p.Threads, chacha20poly1305.KeySize)
	defer clear(derived)
	a, err := chacha20poly1305.NewX(derived)
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	return a, nil
}

// bytes are what the seal covers besides the seed.
func (h header) bytes() []byte {
	b, err := json.Marshal(h)
	if err != nil {
		panic(err) // numbers, strings and bytes always marshal
	}
	return b
}

func (k *HotKey) write(path string) error {
	content, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return fmt.Errorf("wallet: %w", err)
	}
	return writeNew(path, append(content, '\n'))
}

func parse(content []byte) (*HotKey, error) {
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	k := new(HotKey)
	if err := d.Decode(k); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("something follows the key")
	}
	return k, k.check()
}

func (k *HotKey) check() error {
	switch {
	case k.Kind != kind:
		return fmt.Errorf("kind is %q, want %q", k.Kind, kind)
	case k.Version != version:
		return fmt.Errorf("version is %d, this program reads %d", k.Version, version)
	case len(k.PublicKey) != ed25519.PublicKeySize:
		return fmt.Errorf("public key has %d bytes, want %d", len(k.PublicKey), ed25519.PublicKeySize)
	case k.KDF == kdfNone:
		return k.checkOpen()
	case k.KDF == kdfArgon2id:
		return k.checkLocked()
	}
	return fmt.Errorf("kdf is %q, want %q or %q", k.KDF, kdfArgon2id, kdfNone)
}

func (k *HotKey) checkOpen() error {
	if len(k.Seed) != ed25519.SeedSize || k.Sealed != nil || k.Nonce != nil || k.Salt != nil || k.Params != nil {
		return fmt.Errorf("an open key has a seed of %d bytes and nothing else", ed25519.SeedSize)
	}
	return nil
}

func (k *HotKey) checkLocked() error {
	sealed := ed25519.SeedSize + chacha20poly1305.Overhead
	if k.Seed != nil || len(k.Sealed) != sealed || len(k.Nonce) != chacha20poly1305.NonceSizeX || len(k.Salt) != saltSize {
		return fmt.Errorf("a locked key has a salt, a nonce and a ciphertext of %d, %d and %d bytes", saltSize, chacha20poly1305.NonceSizeX, sealed)
	}
	if k.Params == nil {
		return errors.New("kdf_params is missing")
	}
	return k.Params.check()
}

func publicOf(key ed25519.PrivateKey) ed25519.PublicKey {
	public, _ := key.Public().(ed25519.PublicKey) // always of this type
	return public
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}
