package gateway

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A secret is "agora-", then 32 random bytes and their CRC-32 (a typing error is told from an unknown key), in base32.
const (
	keyPrefix  = "agora-"
	secretSize = 32
	keyLength  = len(keyPrefix) + 58
)

var keyText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Reasons for which a key is not accepted.
var (
	ErrKeyMistyped = errors.New("this is not a key of a gateway: one begins with agora- and has 64 characters; check that it was copied whole")
	ErrKeyUnknown  = errors.New("the key is not known here")
	ErrKeyRevoked  = errors.New("the key was revoked")
	ErrKeyExpired  = errors.New("the key has expired")
	ErrNoSuchKey   = errors.New("gateway: no key with this id")
)

// Key is what is kept of a key: never its secret.
type Key struct {
	ID      string    `json:"id"` // 8 hex digits of the hash; safe to print and log
	Name    string    `json:"name"`
	Hash    string    `json:"sha256"` // of the secret, 64 hex digits
	Created time.Time `json:"created"`
	Revoked time.Time `json:"revoked,omitzero"`
	Limits  Limits    `json:"limits,omitzero"`
}

// Keys holds the bearer keys of one gateway in a file, or of several in a database that they share. It may be used
// concurrently, also by several processes: a change by one is seen by the others within freshness.
type Keys struct {
	store keyStore
	clock clock
	known atomic.Pointer[keysRead] // replaced whole
	mu    sync.Mutex               // over what is read and then known
}

// keysRead is what was read of the keys.
type keysRead struct {
	byHash  map[[sha256.Size]byte]*holder
	state   any       // of the store
	checked time.Time // when it was looked at last
}

// holder is a key in use, with what it has used of its limits.
type holder struct {
	Key
	hash  [sha256.Size]byte
	bytes atomic.Int64 // of bodies being served

	mu       sync.Mutex // guards what follows
	open     int        // requests now
	requests bucket
	tokens   bucket
}

// OpenKeys reads the keys at path, which need not exist yet.
func OpenKeys(path string) (*Keys, error) {
	return openKeysOf(fileKeys{path})
}

func openKeysOf(store keyStore) (*Keys, error) {
	k := &Keys{store: store}
	if err := k.reload(); err != nil {
		return nil, err
	}
	return k, nil
}

// Create makes a key and returns its secret, which is kept nowhere: print it once.
func (k *Keys) Create(name string, limits Limits) (secret string, key Key, err error) {
	secret = newSecret()
	key = describe(secret, name, limits)
	err = k.edit(func(list []Key) ([]Key, error) { return append(list, key), nil })
	return secret, key, err
}

// Import stores a key whose secret is already known elsewhere, as a local network's demo key is. It changes nothing if
// the key is there.
func (k *Keys) Import(secret, name string, limits Limits) (Key, error) {
	if err := checkSecret(secret); err != nil {
		return Key{}, err
	}
	key := describe(secret, name, limits)
	err := k.edit(func(list []Key) ([]Key, error) {
		for _, have := range list {
			if have.Hash == key.Hash {
				key = have
				return list, nil
			}
		}
		return append(list, key), nil
	})
	return key, err
}

// Revoke ends a key's use. ErrNoSuchKey if there is none with this id; revoking twice is no error.
func (k *Keys) Revoke(id string) error {
	return k.change(id, func(key *Key) {
		if key.Revoked.IsZero() {
			key.Revoked = time.Now().UTC().Truncate(time.Second)
		}
	})
}

// Limit changes what a key may do, and returns the key as it is then. What it has used of its limits per minute is
// forgotten; of its budgets nothing is. ErrNoSuchKey if there is none with this id.
func (k *Keys) Limit(id string, change func(*Limits)) (changed Key, err error) {
	err = k.change(id, func(key *Key) {
		change(&key.Limits)
		changed = *key
	})
	return changed, err
}

// change edits the key with this id.
func (k *Keys) change(id string, edit func(*Key)) error {
	return k.edit(func(list []Key) ([]Key, error) {
		for i := range list {
			if list[i].ID == id {
				edit(&list[i])
				return list, nil
			}
		}
		return nil, fmt.Errorf("%w: %q", ErrNoSuchKey, id)
	})
}

// List returns all keys, oldest first, revoked ones included.
func (k *Keys) List() ([]Key, error) {
	list, err := k.store.read()
	slices.SortStableFunc(list, func(a, b Key) int { return a.Created.Compare(b.Created) })
	return list, err
}

// Close ends what a store of keys has open.
func (k *Keys) Close() error {
	if c, ok := k.store.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// refresh reads the keys again if they changed, looking at most once per freshness. What cannot be read leaves the keys of
// before.
func (k *Keys) refresh() {
	before := k.known.Load()
	now := time.Now()
	if now.Sub(before.checked) < freshness || !k.known.CompareAndSwap(before, &keysRead{before.byHash, before.state, now}) {
		return // not due, or another looks
	}
	if state, err := k.look(); err == nil && state == before.state {
		return
	}
	if err := k.reload(); err != nil {
		slog.Error("cannot read the keys again, the old ones stay in force", "keys", k.store, "err", err)
	}
}

// reload replaces the keys by the store's; those that stay keep what they have used of their limits.
func (k *Keys) reload() error {
	state, err := k.look()
	if err != nil {
		return fmt.Errorf("gateway: keys: %w", err)
	}
	list, err := k.store.read()
	if err != nil {
		return err
	}
	byHash := make(map[[sha256.Size]byte]*holder, len(list))
	k.mu.Lock()
	defer k.mu.Unlock()
	var before map[[sha256.Size]byte]*holder
	if old := k.known.Load(); old != nil {
		before = old.byHash
	}
	for _, key := range list {
		raw, err := hex.DecodeString(key.Hash)
		if err != nil || len(raw) != sha256.Size {
			return fmt.Errorf("gateway: keys in %s: key %q has a damaged hash; restore them or remove the key", k.store, key.ID)
		}
		h := &holder{Key: key, hash: [sha256.Size]byte(raw)}
		if old := before[h.hash]; old != nil && old.Key.same(key) {
			h = old
		}
		byHash[h.hash] = h
	}
	k.known.Store(&keysRead{byHash, state, time.Now()})
	return nil
}

// look tells one version of the keys from another, and hears the store's clock.
func (k *Keys) look() (version any, err error) {
	asked := time.Now()
	version, said, err := k.store.look()
	if err == nil {
		hear(&k.clock.store, said, asked)
	}
	return version, err
}

// BlockAt tells the time of the chain's last block: keys that ended before it are not honoured, whatever this machine's clock says.
func (k *Keys) BlockAt(t time.Time) { hear(&k.clock.chain, t, time.Now()) }

// inForce says why a key is not accepted, nil if it is.
func (k *Keys) inForce(key *Key) error {
	switch {
	case !key.Revoked.IsZero():
		return ErrKeyRevoked
	case !key.Limits.Expires.IsZero() && !k.clock.now().Before(key.Limits.Expires):
		return ErrKeyExpired
	}
	return nil
}

// edit changes the store, and then what is in memory.
func (k *Keys) edit(change func([]Key) ([]Key, error)) error {
	if err := k.store.edit(change); err != nil {
		return err
	}
	return k.reload()
}

// find returns the holder of a secret. The map is asked by the secret's hash, so its timing tells nothing of the
// secret; the comparison after it costs nothing and needs no such argument. Only of one that is not there it is asked whether it is
// mistyped.
func (k *Keys) find(secret string) (*holder, error) {
	if len(secret) != keyLength {
		return nil, ErrKeyMistyped
	}
	k.refresh()
	var text [keyLength]byte
	copy(text[:], secret)
	hash := sha256.Sum256(text[:])
	h := k.known.Load().byHash[hash]
	if h == nil || subtle.ConstantTimeCompare(h.hash[:], hash[:]) != 1 {
		return nil, cmp.Or(checkSecret(secret), ErrKeyUnknown)
	}
	return h, k.inForce(&h.Key)
}

func (k Key) same(other Key) bool { return reflect.DeepEqual(k, other) }

// IDOf is the id of the key with this secret.
func IDOf(secret string) string { return describe(secret, "", Limits{}).ID }

func newSecret() string {
	raw := make([]byte, secretSize, secretSize+4)
	rand.Read(raw) // never fails
	return SecretFrom([secretSize]byte(raw))
}

// SecretFrom spells 32 secret bytes as a key. Only a network that a seed must reproduce derives them; Create draws them.
func SecretFrom(raw [32]byte) string {
	sum := binary.BigEndian.AppendUint32(raw[:], crc32.ChecksumIEEE(raw[:]))
	return keyPrefix + keyText.EncodeToString(sum)
}

func checkSecret(secret string) error {
	text, ok := strings.CutPrefix(secret, keyPrefix)
	if !ok || len(secret) != keyLength {
		return ErrKeyMistyped
	}
	raw, err := keyText.DecodeString(text)
	if err != nil || crc32.ChecksumIEEE(raw[:secretSize]) != binary.BigEndian.Uint32(raw[secretSize:]) {
		return ErrKeyMistyped
	}
	return nil
}

func describe(secret, name string, limits Limits) Key {
	hash := sha256.Sum256([]byte(secret))
	text := hex.EncodeToString(hash[:])
	return Key{ID: text[:8], Name: name, Hash: text, Created: time.Now().UTC().Truncate(time.Second), Limits: limits}
}
