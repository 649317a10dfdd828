package receipt

import (
	"crypto/ed25519"
	"runtime"
	"sync"
	"time"
)

// Signer signs receipts with one key: together, where several answers end at the same moment, since a signature is a third of what an
// answer costs beside its model. Safe for concurrent use.
type Signer struct {
	key  ed25519.PrivateKey
	mu   sync.Mutex
	last time.Time // when the last receipt came
	open *bunch    // that others may join; nil where there is none
}

// NewSigner signs with that key.
func NewSigner(key ed25519.PrivateKey) *Signer { return &Signer{key: key} }

// bunch are receipts that are signed together by the goroutine that brings the first.
type bunch struct {
	leaves []hash
	seals  [][]byte
	signed sync.WaitGroup
}

// Sign returns the signed receipt as text, as Sign does. Together says that its reader takes one that is signed together with others.
func (s *Signer) Sign(r *Receipt, together bool) (string, error) {
	if !together {
		return Sign(r, s.key)
	}
	b, err := r.Append(make([]byte, 0, MaxEncoded+MaxSeal))
	if err != nil {
		return "", err
	}
	return spell(append(b, s.seal(b)...)), nil
}

func (s *Signer) seal(encoding []byte) []byte {
	if s.seldom() {
		return sign(s.key, encoding)
	}
	b, i := s.join(leafOf(encoding))
	if i > 0 {
		b.signed.Wait()
		return b.seals[i]
	}
	s.gather(b)
	if len(b.leaves) == 1 {
		return sign(s.key, encoding)
	}
	b.seals = sealAll(s.key, b.leaves)
	b.signed.Done()
	return b.seals[0]
}

// apart is the time between two receipts above which nobody waits for a third: where answers end so seldom, others that can run are at
// something longer.
const apart = time.Millisecond

// seldom says whether the receipt before this one is longer ago than apart.
func (s *Signer) seldom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.last
	s.last = time.Now()
	return s.last.Sub(before) > apart
}

// join adds a leaf to the open bunch, or opens one with it.
func (s *Signer) join(leaf hash) (b *bunch, i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = &bunch{leaves: make([]hash, 0, 4)}
		s.open.signed.Add(1)
	}
	b, i = s.open, len(s.open.leaves)
	if b.leaves = append(b.leaves, leaf); len(b.leaves) == MaxTogether {
		s.open = nil
	}
	return b, i
}

// maxYields bounds how often a bunch lets others run.
const maxYields = 4

// gather lets whoever can run now come and join, as long as that brings somebody, and closes the bunch.
func (s *Signer) gather(b *bunch) {
	for n, yields := 1, 0; yields < maxYields; yields++ {
		runtime.Gosched()
		before := n
		if n = s.count(b); n == before {
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == b {
		s.open = nil
	}
}

func (s *Signer) count(b *bunch) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(b.leaves)
}
