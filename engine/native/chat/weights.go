package chat

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// headSize is the width of every attention head.
const headSize = 32

// Shape is the size of a llama-shaped decoder: RMSNorm, rotary positions, SwiGLU, embedding tied to the output.
type Shape struct {
	Vocab   int // tokens
	Width   int // of the residual stream; a multiple of 32
	Layers  int
	Hidden  int // of the gated feed-forward part; a multiple of 32
	Context int // tokens that question and answer may have together
}

// Check bounds a shape, so that no file can ask for more memory than a small model needs.
func (s Shape) Check() error {
	switch {
	case s.Vocab <= int(specials) || s.Vocab > maxVocab:
		return fmt.Errorf("vocabulary of %d tokens is outside %d to %d", s.Vocab, specials+1, maxVocab)
	case s.Width < headSize || s.Width > 1024 || s.Width%headSize != 0:
		return fmt.Errorf("width %d is no multiple of %d up to 1024", s.Width, headSize)
	case s.Hidden < 32 || s.Hidden > 4096 || s.Hidden%32 != 0:
		return fmt.Errorf("hidden width %d is no multiple of 32 up to 4096", s.Hidden)
	case s.Layers < 1 || s.Layers > 32:
		return fmt.Errorf("%d layers are outside 1 to 32", s.Layers)
	case s.Context < 16 || s.Context > 4096:
		return fmt.Errorf("context of %d tokens is outside 16 to 4096", s.Context)
	}
	return nil
}

// Parameters is the number of weights.
func (s Shape) Parameters() int {
	layer := 2*s.Width + 4*s.Width*s.Width + 3*s.Width*s.Hidden
	return s.Vocab*s.Width + s.Layers*layer + s.Width
}

// Weights are the parameters of a model. A matrix is a list of rows, one row per output.
type Weights struct {
	Shape
	Embed  []float32 // Vocab × Width
	Layers []LayerWeights
	Norm   []float32 // Width
}

// LayerWeights are the parameters of one layer.
type LayerWeights struct {
	AttentionNorm []float32 // Width
	QKV           []float32 // 3·Width × Width: queries, keys, values
	Out           []float32 // Width × Width
	MLPNorm       []float32 // Width
	GateUp        []float32 // 2·Hidden × Width: gates, then values
	Down          []float32 // Width × Hidden
}

// NewWeights makes room for a model of shape s, all zero.
func NewWeights(s Shape) *Weights {
	f := func(n int) []float32 { return make([]float32, n) }
	w := &Weights{Shape: s, Embed: f(s.Vocab * s.Width), Norm: f(s.Width)}
	for range s.Layers {
		w.Layers = append(w.Layers, LayerWeights{
			f(s.Width), f(3 * s.Width * s.Width), f(s.Width * s.Width),
			f(s.Width), f(2 * s.Hidden * s.Width), f(s.Width * s.Hidden),
		})
	}
	return w
}

// Tensors lists all parameters in the order of the file.
func (w *Weights) Tensors() [][]float32 {
	t := [][]float32{w.Embed}
	for _, l := range w.Layers {
		t = append(t, l.AttentionNorm, l.QKV, l.Out, l.MLPNorm, l.GateUp, l.Down)
	}
	return append(t, w.Norm)
}

// A weights file is: magic, five sizes as little-endian uint32, the vocabulary's SHA-256, the tensors as
// little-endian IEEE half floats, SHA-256 of everything before.
const (
	magic      = "agora chat 1\n"
	headerSize = len(magic) + 5*4 + sha256.Size
)

// Errors of a weights file that cannot be used.
var (
	ErrDamaged = errors.New("weights file is damaged")
	ErrForeign = errors.New("weights file belongs to another vocabulary")
)

// Marshal writes the weights as a file; they are rounded to half precision.
func (w *Weights) Marshal(v *Vocabulary) []byte {
	b := make([]byte, 0, headerSize+2*w.Parameters()+sha256.Size)
	b = append(b, magic...)
	for _, n := range []int{w.Vocab, w.Width, len(w.Layers), w.Hidden, w.Context} {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	b = append(b, v.digest[:]...)
	for _, t := range w.Tensors() {
		for _, x := range t {
			b = binary.LittleEndian.AppendUint16(b, toHalf(x))
		}
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// Unmarshal reads a weights file that Marshal wrote for this vocabulary.
func Unmarshal(file []byte, v *Vocabulary) (*Weights, error) {
	if len(file) < headerSize+sha256.Size || !bytes.HasPrefix(file, []byte(magic)) {
		return nil, fmt.Errorf("%w: it has %d bytes and does not begin as one", ErrDamaged, len(file))
	}
	body, sum := file[:len(file)-sha256.Size], file[len(file)-sha256.Size:]
	if got := sha256.Sum256(body); !bytes.Equal(got[:], sum) {
		return nil, fmt.Errorf("%w: its digest is %x, it should be %x", ErrDamaged, got, sum)
	}
	s := shapeOf(body[len(magic):])
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if !bytes.Equal(body[headerSize-sha256.Size:headerSize], v.digest[:]) || s.Vocab != v.Size() {
		return nil, ErrForeign
	}
	if want := headerSize + 2*s.Parameters(); len(body) != want {
		return nil, fmt.Errorf("%w: its shape needs %d bytes, it has %d", ErrDamaged, want, len(body))
	}
	return readTensors(NewWeights(s), body[headerSize:])
}

func shapeOf(b []byte) Shape {
	n := func(i int) int { return int(binary.LittleEndian.Uint32(b[4*i:]) & math.MaxInt32) }
	return Shape{n(0), n(1), n(2), n(3), n(4)}
}

func readTensors(w *Weights, b []byte) (*Weights, error) {
	for _, t := range w.Tensors() {
		for i := range t {
			h := binary.LittleEndian.Uint16(b)
			if h>>10&31 == 31 {
				return nil, fmt.Errorf("%w: a weight is not finite", ErrDamaged)
			}
			t[i], b = fromHalf(h), b[2:]
		}
	}
	return w, nil
}

// fromHalf widens a finite half float; exact.
func fromHalf(h uint16) float32 {
	sign, exp, frac := uint32(h&0x8000)<<16, uint32(h>>10&31), uint32(h&1023)
	if exp == 0 { // subnormal: frac · 2⁻²⁴
		return math.Float32frombits(math.Float32bits(float32(frac)/(1<<24)) | sign)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

// toHalf rounds to the nearest half float, halves away from zero; what is too large becomes the largest finite one.
func toHalf(f float32) uint16 {
	const largest = 0x7bff
	b := math.Float32bits(f)
	sign, exp, frac := uint16(b>>16)&0x8000, int(b>>23&255)-112, b&0x7fffff
	switch {
	case exp >= 31:
		return sign | largest
	case exp < -10:
		return sign
	case exp <= 0: // subnormal
		return sign | uint16(((frac|0x800000)>>(13-exp)+1)>>1)
	}
	return sign | uint16(min(largest, uint32(exp)<<10|frac>>13+frac>>12&1))
}
