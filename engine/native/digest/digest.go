// Package digest names a model by what it computes: its shape, the tensors that it reads and its tokenizer, wherever in a
// file they lie and whatever else the file says.
package digest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"agora/engine/native/gguf"
	"agora/engine/native/model"
	"agora/engine/native/tensor"
	"agora/engine/native/token"
)

// ErrForeign says that a file holds a tensor that its architecture does not read. Such a file could carry dead weight to
// look larger than it is.
var ErrForeign = errors.New("a tensor that this architecture does not read")

// Identity is what a model is.
type Identity struct {
	Digest     [32]byte
	Parameters int64 // weights, a tied or bit-equal output matrix once
}

// String is "sha256:" and the digest in hexadecimal.
func (i Identity) String() string { return fmt.Sprintf("sha256:%x", i.Digest) }

// domain separates these hashes from all others.
const domain = "agora/model/v1"

// Of reads the whole file once. The digest is SHA-256 over, each number in 8 bytes little endian and each text after its
// length: the domain; the shape; the tensors in the order of Config.Reads, each as name, type, sides and bytes; the
// tokenizer's table.
func Of(f *gguf.File) (Identity, error) {
	c, err := model.ConfigOf(f)
	if err != nil {
		return Identity{}, err
	}
	t, err := token.FromGGUF(f)
	if err != nil {
		return Identity{}, err
	}
	return Sum(c, f.Tensors(), &t.Table)
}

// Sum is Of for a model in parts.
func Sum(c model.Config, tensors []tensor.Tensor, table *token.Table) (Identity, error) {
	sum := sha256.New()
	h := writer{bufio.NewWriterSize(sum, 1<<15)}
	h.text(domain)
	h.shape(&c)
	byName := map[string]tensor.Tensor{}
	for _, t := range tensors {
		byName[t.Name] = t
	}
	names, optional := c.Reads()
	known := map[string]bool{}
	var id Identity
	for _, name := range names {
		known[name] = true
		t, ok := byName[name]
		if !ok {
			if optional[name] {
				continue
			}
			return id, fmt.Errorf("%w: %s is missing", model.ErrDamaged, name)
		}
		h.tensor(t)
		if name != "output.weight" || !same(t, byName["token_embd.weight"]) {
			id.Parameters += int64(t.Elements())
		}
	}
	for _, t := range tensors {
		if !known[t.Name] {
			return id, fmt.Errorf("%w: %s", ErrForeign, t.Name)
		}
	}
	h.table(table)
	if err := h.Flush(); err != nil {
		return id, err
	}
	sum.Sum(id.Digest[:0])
	return id, nil
}

func same(a, b tensor.Tensor) bool { return a.Type == b.Type && bytes.Equal(a.Data, b.Data) }

// writer gathers what is small: a vocabulary is a million numbers.
type writer struct{ *bufio.Writer }

func (w writer) bits(n uint64) {
	w.Write(binary.LittleEndian.AppendUint64(w.AvailableBuffer(), n))
}

// number writes −1 as 2⁶⁴−1, also where an int has 32 bits.
func (w writer) number(n int) { w.bits(uint64(int64(n))) }

func (w writer) text(s string) {
	w.number(len(s))
	w.WriteString(s)
}

func (w writer) flag(b bool) {
	n := 0
	if b {
		n = 1
	}
	w.number(n)
}

// shape writes everything of a Config that changes what is computed, in the order of its fields.
func (w writer) shape(c *model.Config) {
	w.text(c.Architecture)
	for _, n := range []int{c.Layers, c.Width, c.Hidden, c.Heads, c.KVHeads, c.Head, c.Rotary, c.Context} {
		w.number(n)
	}
	w.bits(uint64(math.Float32bits(c.Epsilon)))
	for _, x := range []float64{c.RopeBase, c.RopeLocal, c.RopeFactor} {
		w.bits(math.Float64bits(x))
	}
	w.number(c.Window)
	w.number(c.Pattern)
	for _, b := range []bool{c.Adjacent, c.GELU, c.ScaleEmbed} {
		w.flag(b)
	}
}

func (w writer) tensor(t tensor.Tensor) {
	w.text(t.Name)
	w.bits(uint64(t.Type))
	w.number(len(t.Shape))
	for _, d := range t.Shape {
		w.number(d)
	}
	w.number(len(t.Data))
	w.Write(t.Data)
}

func (w writer) table(t *token.Table) {
	w.text(t.Model)
	w.text(t.Cut)
	w.number(len(t.Tokens))
	for i, s := range t.Tokens {
		w.text(s)
		w.number(int(t.Kinds[i]))
		if len(t.Scores) > 0 {
			w.bits(uint64(math.Float32bits(t.Scores[i])))
		}
	}
	w.number(len(t.Merges))
	for _, m := range t.Merges {
		w.text(m)
	}
	for _, id := range []int32{t.BOS, t.EOS, t.Unk} {
		w.number(int(id))
	}
	w.flag(t.AddBOS)
	w.flag(t.Prefix)
}
