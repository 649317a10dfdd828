package exam

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"

	"agora/mechanism/frontier"
	"agora/task"
)

// Listed is a published model as the chain lists it.
type Listed struct {
	frontier.Model
	Name     string // "author/name"; empty once retired
	Author   string // account address; empty for a model that is nobody's
	Licence  string
	Format   string
	Template string
	Sources  []string
	Root     []byte // of its file's chunks, where the author told it
	Time     int64  // of its publication, Unix seconds
}

// edition is a model as a publication has it: what runs, or does not. Two subnets may list one digest, and what one of them says of it is
// nothing to the other.
type edition struct {
	digest     [32]byte
	parameters uint64
	template   string
}

func (m *Listed) edition() edition { return edition{m.Digest, m.Parameters, m.Template} }

// key is the digest, the parameters in 8 bytes, and the template.
func (e edition) key() []byte {
	return append(binary.BigEndian.AppendUint64(bytes.Clone(e.digest[:]), e.parameters), e.template...)
}

// Server is a neuron whose card, as the tempo began, names a model.
type Server struct {
	UID        uint32
	Registered uint64 // block of its registration
	Digest     [32]byte
	PriceIn    uint64 // rao per million tokens read
	PriceOut   uint64 // and written
}

// Sitting is what the chain says of one tempo of a subnet of open models.
type Sitting struct {
	Epoch   uint64
	Height  int64               // first block of the tempo
	Seed    task.Seed           // nobody chose it
	Items   int                 // that every model is asked
	Models  []Listed            // those that a card names
	Servers []Server            // by uid
	Parts   map[[32]byte]uint32 // of the models that a serving market names, relative to their sum
	Task    string              // digest of the module that draws the items; empty where no module does
	Margin  int64               // by which a newcomer must lead, in millionths; 0 leaves the course's own

	MaxPrice uint64 // above which a server counts for nothing, see capacity.Price; 0 for no bound
}

// drawn is what the tempo's items follow from.
func (t Sitting) drawn() Drawn { return Drawn{t.Seed, t.Task} }

// Chain is where sittings come from.
type Chain interface {
	// Sitting is that of a tempo. The error is ErrNoSitting where the chain tells none.
	Sitting(ctx context.Context, netuid uint32, epoch uint64) (Sitting, error)
}

// ErrNoSitting says that the chain keeps nothing of a tempo: it lies too far back, or the subnet was not open.
var ErrNoSitting = errors.New("exam: the chain has no seed of that tempo")

// Specimen is a model in memory, read from bytes that have its digest.
type Specimen struct {
	Subject
	Parameters uint64 // counted from its tensors
	Close      func() error
}

// Library finds the weights of a model.
type Library interface {
	// Open loads a model whose bytes were checked against its digest. ErrNotHere says that nobody gives the bytes now; ErrFault, that
	// these bytes cannot be run, here or anywhere. Any other error is of ctx or of this machine, and says nothing of the model.
	Open(ctx context.Context, m Listed) (*Specimen, error)
}

// ErrNotHere says that a model's bytes cannot be had now.
var ErrNotHere = errors.New("exam: nobody gives the weights")

// ParseDigest reads a digest as the chain spells it: "sha256:" and 64 hexadecimal digits.
func ParseDigest(text string) (d [32]byte, ok bool) {
	digits, ok := strings.CutPrefix(text, "sha256:")
	b, err := hex.DecodeString(digits)
	if !ok || err != nil || len(b) != len(d) {
		return d, false
	}
	return [32]byte(b), true
}

// SpellDigest writes a digest as the chain does.
func SpellDigest(d [32]byte) string { return "sha256:" + hex.EncodeToString(d[:]) }

// Between is a chain that tells only of tempos that began from block `from` to block `to`; 0 is no bound. The running tempo, whose
// models are the ones to examine, is always told.
func Between(chain Chain, from, to int64) Chain { return &between{chain: chain, from: from, to: to} }

type between struct {
	chain    Chain
	from, to int64
}

func (b *between) Sitting(ctx context.Context, netuid uint32, epoch uint64) (Sitting, error) {
	t, err := b.chain.Sitting(ctx, netuid, epoch)
	if err == nil && len(t.Models) == 0 && (t.Height < b.from || b.to > 0 && t.Height > b.to) {
		return t, ErrNoSitting
	}
	return t, err
}
