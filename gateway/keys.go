package gateway

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
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
	ErrNoSuchKey   = errors.New("gateway: no key with this id")
)

// Limits bound what one key may do. Zero values take the gateway's defaults.
type Limits struct {
	PerMinute int `json:"per_minute,omitempty"` // requests started per minute, on average
	Burst     int `json:"burst,omitempty"`      // requests that may start at once after a quiet time
	InFlight  int `json:"in_flight,omitempty"`  // requests open at once

	Budget uint64 `json:"budget_rao,omitempty"` // that the operator gives the key; 0 is no bound
}

func (l Limits) or(d Limits) Limits {
	pick := func(a, b int) int {
		if a > 0 {
			return a
		}
		return b
	}
	return Limits{pick(l.PerMinute, d.PerMinute), pick(l.Burst, d.Burst), pick(l.InFlight, d.InFlight), l.Budget}
}

// Key is what is kept of a key: never its secret.
type Key struct {
	ID      string    `json:"id"` // 8 hex digits of the hash; safe to print and log
	Name    string    `json:"name"`
	Hash    string    `json:"sha256"` // of the secret, 64 hex digits
	Created time.Time `json:"created"`
	Revoked time.Time `json:"revoked,omitzero"`
	Limits  Limits    `json:"limits,omitzero"`
}

// Keys holds the bearer keys of one gateway in a file. It may be used concurrently, also by several processes: a change
// by one is seen by the others within freshness.
type Keys struct {
	path string

	mu      sync.RWMutex
	byHash  map[[sha256.Size]byte]*holder
	state   fileState
	checked time.Time
}

// holder is a key in use, with what it has used of its limits.
type holder struct {
	Key
	hash   [sha256.Size]byte
	bucket *rate.Limiter // nil until the first request
	bytes  atomic.Int64  // of bodies being served

	open int // requests now, guarded by mu
	mu   sync.Mutex
}

// OpenKeys reads the keys at path, which need not exist yet.
func OpenKeys(path string) (*Keys, error) {
	k := &Keys{path: path}
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
	return k.edit(func(list []Key) ([]Key, error) {
		for i := range list {
			if list[i].ID != id {
				continue
			}
			if list[i].Revoked.IsZero() {
				list[i].Revoked = time.Now().UTC().Truncate(time.Second)
			}
			return list, nil
		}
		return nil, fmt.Errorf("%w: %q", ErrNoSuchKey, id)
	})
}

// List returns all keys, oldest first, revoked ones included.
func (k *Keys) List() ([]Key, error) { return readKeys(k.path) }

// find returns the holder of a secret. The map is asked by the secret's hash, so its timing tells nothing of the
// secret; the comparison after it costs nothing and needs no such argument.
func (k *Keys) find(secret string) (*holder, error) {
	if err := checkSecret(secret); err != nil {
		return nil, err
	}
	k.refresh()
	hash := sha256.Sum256([]byte(secret))
	k.mu.RLock()
	h := k.byHash[hash]
	k.mu.RUnlock()
	if h == nil || subtle.ConstantTimeCompare(h.hash[:], hash[:]) != 1 {
		return nil, ErrKeyUnknown
	}
	if !h.Revoked.IsZero() {
		return nil, ErrKeyRevoked
	}
	return h, nil
}

// enter counts a request against a key's limits. Where they are reached, wait says when to ask again.
func (h *holder) enter(defaults Limits, now time.Time) (wait time.Duration, ok bool) {
	l := h.Limits.or(defaults)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open >= l.InFlight {
		return time.Second, false
	}
	if h.bucket == nil {
		h.bucket = rate.NewLimiter(rate.Limit(float64(l.PerMinute)/60), l.Burst)
	}
	r := h.bucket.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return wait, false
	}
	h.open++
	return 0, true
}

// quota is what is left of a key's requests: how many it has at most after a quiet time, how many it has now, and when it
// will have all of them again.
func (h *holder) quota(defaults Limits, now time.Time) (limit, remaining int, reset time.Duration) {
	l := h.Limits.or(defaults)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.bucket == nil {
		return l.Burst, l.Burst, 0
	}
	tokens := max(0, h.bucket.TokensAt(now))
	return l.Burst, int(tokens), time.Duration((float64(l.Burst) - tokens) * 60 / float64(l.PerMinute) * float64(time.Second))
}

func (h *holder) leave() {
	h.mu.Lock()
	h.open--
	h.mu.Unlock()
}

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
