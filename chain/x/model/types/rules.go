package types

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"

	subnettypes "agora/chain/x/subnet/types"
)

// What the module holds every subnet to.
const (
	// LeastWait and MostWait bound the blocks between commit and publication: nobody can answer a publication that he
	// sees with a commit of his own and a publication in the same or the next block, and no commit waits for ever.
	LeastWait = 2
	MostWait  = 50_400
	// MaxModels is how many models a subnet lists; one that may be removed makes room for another.
	MaxModels = 1_024
	// IdleEpochs is how many epochs that paid must have given a model nothing before it may be removed, and IdleTempos how
	// old it must be: a day without pay, as under a pause, removes nobody.
	IdleEpochs = 100
	IdleTempos = 40
	// MaxServed is how many digests a serving market names, MaxCommons how many one message lists.
	MaxServed  = 64
	MaxCommons = 64
	// CommitPart of the fee is burned at the commit: a guess costs something, and who publishes pays no more for it.
	CommitPart = 10
	// MaxSources is how many places a publication names.
	MaxSources = 4
)

// Length of a salt in bytes; long enough that the digest of weights that are public cannot be tried against a hash.
const (
	MinSalt = 16
	MaxSalt = 32
)

const (
	maxName       = 64
	maxField      = 64
	maxParameters = 1 << 50
	maxBytes      = 1 << 50
	billion       = 1_000_000_000
)

// commitDomain keeps a commit's hash from being the hash of anything else.
const commitDomain = "agora/model/commit/v1"

// CommitHash is what an author commits to: SHA-256 over, all integers big-endian,
//
//	domain, chainID, author, digest, salt   each behind its length in 4 bytes
//	netuid in 4 bytes
//
// author binds it to its maker: who copies the hash cannot open it, and who has seen the digest comes too late.
func CommitHash(chainID string, netuid uint32, author, digest string, salt []byte) [32]byte {
	var b []byte
	for _, field := range [][]byte{[]byte(commitDomain), []byte(chainID), []byte(author), []byte(digest), salt} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
		b = append(b, field...)
	}
	b = binary.BigEndian.AppendUint32(b, netuid)
	return sha256.Sum256(b)
}

// CommitFee is the part of fee (rao) that is burned at the commit.
func CommitFee(fee uint64) uint64 { return fee / CommitPart }

// SizeFee is what size bytes cost besides, in rao: a fifth of fee per 10^9 bytes.
//
//	⌊fee · bytes / (5 · 10^9)⌋, at most 2^63
func SizeFee(fee, bytes uint64) uint64 {
	const most = 1 << 63
	hi, lo := bits.Mul64(fee, bytes)
	if hi >= 5*billion {
		return most
	}
	part, _ := bits.Div64(hi, lo, 5*billion)
	return min(part, most)
}

// Before tells whether a was committed before b.
func (m Model) Before(height int64, index uint64) bool {
	return m.Height < height || m.Height == height && m.Index < index
}

// AuthorPart is what of rao that serving the model earned goes to its author; none of a retired one's.
//
//	⌊rao · author_share / 10,000⌋
func (m Model) AuthorPart(rao uint64) uint64 {
	if m.Retired {
		return 0
	}
	hi, lo := bits.Mul64(rao, uint64(min(m.AuthorShare, basisPoints)))
	part, _ := bits.Div64(hi, lo, basisPoints) // hi < 10,000
	return part
}

const basisPoints = 10_000

// Tombstone is what stays of a removed model.
func (m Model) Tombstone() Tombstone {
	return Tombstone{
		Netuid: m.Netuid, Digest: m.Digest, Author: m.Author, Height: m.Height, Index: m.Index,
		AuthorShare: m.AuthorShare, Retired: m.Retired,
	}
}

// checkName accepts [a-z0-9._-]{1,64} that begins and ends with a letter or digit: an author's own name for a model.
func checkName(name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("%w: name %.80q, want 1 to %d of a-z, 0-9, '.', '_' and '-'", ErrInvalid, name, maxName)
	}
	for i := range len(name) {
		c := name[i]
		inner := c == '.' || c == '_' || c == '-'
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && (!inner || i == 0 || i == len(name)-1) {
			return fmt.Errorf("%w: name %q, want a-z, 0-9 and inside also '.', '_' and '-'", ErrInvalid, name)
		}
	}
	return nil
}

// Formats of the files that engines read.
const (
	GGUF        = "gguf"
	Safetensors = "safetensors"
)

// card is what a publication says of its model.
type card struct {
	name, licence, format, template string
	bytes, parameters               uint64
	sources                         []string
	root                            []byte
}

func (c card) check() error {
	if err := checkName(c.name); err != nil {
		return err
	}
	if err := checkLicence(c.licence); err != nil {
		return err
	}
	if c.format != GGUF && c.format != Safetensors {
		return fmt.Errorf("%w: format %.40q, want %s or %s", ErrInvalid, c.format, GGUF, Safetensors)
	}
	if c.bytes == 0 || c.bytes > maxBytes || c.parameters == 0 || c.parameters > maxParameters {
		return fmt.Errorf("%w: %d bytes with %d parameters, want both above 0", ErrInvalid, c.bytes, c.parameters)
	}
	if len(c.root) != 0 && len(c.root) != sha256.Size {
		return fmt.Errorf("%w: root of %d bytes, want none or %d", ErrInvalid, len(c.root), sha256.Size)
	}
	if len(c.sources) > MaxSources {
		return fmt.Errorf("%w: %d sources, want at most %d", ErrInvalid, len(c.sources), MaxSources)
	}
	for _, s := range c.sources {
		if err := subnettypes.CheckURL("source", s); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	if c.template == "" {
		return nil
	}
	return wrap(subnettypes.CheckToken("template", c.template, maxField))
}

// checkLicence accepts the form of an SPDX identifier: letters, digits, '.', '+' and '-'.
func checkLicence(id string) error {
	plain := strings.IndexFunc(id, func(r rune) bool {
		return r != '.' && r != '+' && r != '-' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
	}) < 0
	if id == "" || len(id) > maxField || !plain {
		return fmt.Errorf("%w: licence %.80q, want an SPDX identifier such as MIT or Apache-2.0", ErrInvalid, id)
	}
	return nil
}

// wrap makes an error of the texts' rules one of this module.
func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}
