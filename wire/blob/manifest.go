// Package blob carries large files that are named by what they mean, a model by its digest, from whoever has them to whoever
// wants them: in chunks, each checked as it comes, resumed where it stopped, whichever server went away.
//
//	GET /v1/models/{digest}        the manifest: size, format, and a SHA-256 for each chunk
//	GET /v1/models/{digest}/{n}    chunk n
//
// A file's root is one hash over its manifest. Where the chain says what the root is, a manifest is proved by itself and a
// liar is noticed at his first chunk. Where it does not, the manifest is somebody's word: the chunks are held to it, and the
// whole file is held to its digest in the end.
package blob

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Errors of this package. They say which peer, and what of its answer.
var (
	ErrManifest = errors.New("the manifest is refused")
	ErrLie      = errors.New("the bytes are not those of the manifest")
	ErrNotHere  = errors.New("no such model here")
	ErrNoPeer   = errors.New("nobody who was asked could give it")
	ErrTooLarge = errors.New("the file is larger than what was asked for")
	ErrWrong    = errors.New("the file is not the model that it was said to be")
)

const (
	leastChunk = 1 << 20
	mostChunks = 4_096
	// MostBytes is the largest file: 4,096 chunks of 256 MiB.
	MostBytes = 1 << 40
)

// formats are the endings that a file may have.
var formats = []string{"gguf", "safetensors"}

// rootDomain keeps a root from being the hash of anything else.
const rootDomain = "agora/blob/root/v1"

// Manifest says what a file is made of.
type Manifest struct {
	Digest string   `json:"digest"` // "sha256:<hex>" of what it means
	Format string   `json:"format"` // its ending: gguf or safetensors
	Bytes  int64    `json:"bytes"`
	Hashes []string `json:"hashes"` // SHA-256 of each chunk, hex
}

// ChunkSize is how many bytes the chunks of a file have, the last one perhaps fewer: 1 MiB, doubled until there are at most
// 4,096.
func ChunkSize(bytes int64) int64 {
	size := int64(leastChunk)
	for bytes > size*mostChunks {
		size *= 2
	}
	return size
}

// Chunks is how many chunks the file has.
func (m Manifest) Chunks() int { return int((m.Bytes + ChunkSize(m.Bytes) - 1) / ChunkSize(m.Bytes)) }

// Span is where chunk n lies.
func (m Manifest) Span(n int) (offset, size int64) {
	offset = int64(n) * ChunkSize(m.Bytes)
	return offset, min(ChunkSize(m.Bytes), m.Bytes-offset)
}

// Root is SHA-256 over the domain, the file's size in 8 bytes, big-endian, and the hashes of its chunks in order.
func (m Manifest) Root() [32]byte {
	h := sha256.New()
	io.WriteString(h, rootDomain)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(m.Bytes)))
	for _, sum := range m.Hashes {
		raw, _ := hex.DecodeString(sum) // Check has seen to it
		h.Write(raw)
	}
	return [32]byte(h.Sum(nil))
}

// Check holds a manifest that came from outside to its form and to what was asked for: the digest, and at most most bytes.
// The errors are ErrManifest and ErrTooLarge.
func (m Manifest) Check(digest string, most int64) error {
	if m.Digest != digest {
		return fmt.Errorf("%w: it is of %.80q, not %s", ErrManifest, m.Digest, digest)
	}
	if m.Bytes < 1 || m.Bytes > MostBytes || !slices.Contains(formats, m.Format) {
		return fmt.Errorf("%w: %d bytes of %.20q", ErrManifest, m.Bytes, m.Format)
	}
	if m.Bytes > most {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, m.Bytes, most)
	}
	if len(m.Hashes) != m.Chunks() {
		return fmt.Errorf("%w: %d hashes for %d chunks", ErrManifest, len(m.Hashes), m.Chunks())
	}
	for n, sum := range m.Hashes {
		if raw, err := hex.DecodeString(sum); err != nil || len(raw) != sha256.Size || sum != strings.ToLower(sum) {
			return fmt.Errorf("%w: hash %d is %.70q", ErrManifest, n, sum)
		}
	}
	return nil
}

// holds tells whether chunk is number n.
func (m Manifest) holds(n int, chunk []byte) bool {
	sum := sha256.Sum256(chunk)
	_, size := m.Span(n)
	return int64(len(chunk)) == size && hex.EncodeToString(sum[:]) == m.Hashes[n]
}

// Of reads a file of so many bytes once and says what it is made of.
func Of(file io.ReaderAt, bytes int64, digest, format string) (Manifest, error) {
	m := Manifest{Digest: digest, Format: format, Bytes: bytes}
	for n := range m.Chunks() {
		offset, size := m.Span(n)
		h := sha256.New()
		if read, err := io.Copy(h, io.NewSectionReader(file, offset, size)); err != nil || read != size {
			return m, fmt.Errorf("read chunk %d: %w", n, errors.Join(err, io.ErrUnexpectedEOF))
		}
		m.Hashes = append(m.Hashes, hex.EncodeToString(h.Sum(nil)))
	}
	return m, nil
}
