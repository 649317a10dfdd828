package sample

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"strconv"
)

// Seed starts the noise of one answer.
type Seed [32]byte

// domain keeps these hashes apart from all others.
const domain = "agora/native/sample/v1"

// SeedOf is the seed of choice i (from 0) of a request that names a seed: SHA-256(domain, i, seed in decimal). Nothing
// else of the request enters, so the same seed gives the same tokens streamed or whole.
func SeedOf(choice int, seed int64) Seed {
	return hash(choice, []byte(strconv.FormatInt(seed, 10)))
}

// SeedFor is the seed of choice i of a request without one: SHA-256(domain, i, nonce, request hash).
func SeedFor(choice int, nonce [16]byte, request [32]byte) Seed {
	return hash(choice, append(nonce[:], request[:]...))
}

func hash(choice int, rest []byte) Seed {
	text := append([]byte(domain), 0)
	text = binary.BigEndian.AppendUint32(text, uint32(choice))
	return sha256.Sum256(append(text, rest...))
}

// noise is AES-256 in counter mode keyed by the seed: token t at position p reads the t-th 32-bit word (little endian) of
// the key stream that starts at counter p·2^64. AES is a pseudorandom permutation, so nobody can choose a seed whose
// noise favours him other than by trying, and machines have instructions for it.
type noise struct {
	block cipher.Block
	words []byte // of this position, 4 bytes a token
}

func newNoise(seed Seed) *noise {
	block, err := aes.NewCipher(seed[:])
	if err != nil {
		panic(err) // the key has 32 bytes
	}
	return &noise{block: block}
}

// at draws the words of a position for n tokens.
func (z *noise) at(position, n int) {
	var counter [aes.BlockSize]byte
	binary.BigEndian.PutUint64(counter[:8], uint64(position))
	if cap(z.words) < 4*n {
		z.words = make([]byte, 4*n)
	}
	z.words = z.words[:4*n]
	clear(z.words)
	cipher.NewCTR(z.block, counter[:]).XORKeyStream(z.words, z.words)
}

func (z *noise) word(id int32) uint32 { return binary.LittleEndian.Uint32(z.words[4*id:]) }

// reach is more than the noise of two tokens can differ by: −ln(−ln u) is at least −3.14 and at most 22.88 for
// u = (w + ½)·2^−32, w from 0 to 2^32 − 1.
const reach = 26.2

// gumbel is −ln(−ln u), u = (w + ½)·2^−32.
func (z *noise) gumbel(id int32) float64 {
	return -logf(-logf((float64(z.word(id)) + 0.5) * 0x1p-32))
}

// atMost bounds gumbel from above without a logarithm. With y = 1 − u, −ln(1−y) ≥ y, so gumbel ≤ −ln y; and y ≥ 2^−(n+1)
// where n leading bits of 2^32 − 1 − w are zero.
func (z *noise) atMost(id int32) float64 {
	n := bits.LeadingZeros32(^z.word(id))
	return float64(n+1) * 0.6931471805599454
}
