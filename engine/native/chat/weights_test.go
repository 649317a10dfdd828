package chat

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"agora/engine/native/kernel"
	"agora/engine/native/model"
)

// tinyWeights is a model of random weights, not a useful one; the same on every machine.
func tinyWeights(v *Vocabulary) *Weights {
	w := NewWeights(Shape{Vocab: v.Size(), Width: 64, Layers: 2, Hidden: 96, Context: 64})
	r := rand.New(rand.NewPCG(1, 2))
	for _, t := range w.Tensors() {
		for i := range t {
			t[i] = fromHalf(toHalf(float32(r.Uint64()>>40)/(1<<23) - 1))
		}
	}
	return w
}

func TestWeightsComeBackFromTheirFile(t *testing.T) {
	v := testVocabulary(t)
	w := tinyWeights(v)
	got, err := Unmarshal(w.Marshal(v), v)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range w.Tensors() {
		for j := range want {
			if got.Tensors()[i][j] != want[j] {
				t.Fatalf("tensor %d, weight %d: %v became %v", i, j, want[j], got.Tensors()[i][j])
			}
		}
	}
}

func TestEveryHalfComesBackFromItsFloat(t *testing.T) {
	for h := range uint16(math.MaxUint16) {
		if h>>10&31 == 31 {
			continue
		}
		if got := toHalf(fromHalf(h)); got != h {
			t.Fatalf("%#04x is %v, which rounds to %#04x", h, fromHalf(h), got)
		}
	}
	for f, want := range map[float32]uint16{65519: 0x7bff, 1e30: 0x7bff, 1e-30: 0, 1 + 1.0/2048: 0x3c01, 5.9604645e-08: 1} {
		if got := toHalf(f); got != want {
			t.Errorf("%v rounds to %#04x, want %#04x", f, got, want)
		}
	}
}

func TestOneFlippedBitIsFound(t *testing.T) {
	v := testVocabulary(t)
	file := tinyWeights(v).Marshal(v)
	for _, at := range []int{0, len(magic), headerSize - 1, headerSize + 99, len(file) - 1} {
		bad := bytes.Clone(file)
		bad[at] ^= 4
		if _, err := Unmarshal(bad, v); !errors.Is(err, ErrDamaged) {
			t.Errorf("bit flipped in byte %d: %v", at, err)
		}
	}
	if _, err := Unmarshal(file[:len(file)-5], v); !errors.Is(err, ErrDamaged) {
		t.Errorf("file cut short: %v", err)
	}
}

func TestWeightsOfAnotherVocabularyAreRefused(t *testing.T) {
	v := testVocabulary(t)
	file, err := files.ReadFile("weights/vocab.txt")
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewVocabulary(bytes.Replace(file, []byte(`" stone"`), []byte(`" stones"`), 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Unmarshal(tinyWeights(v).Marshal(v), other); !errors.Is(err, ErrForeign) {
		t.Errorf("got %v", err)
	}
}

// FuzzUnmarshal seals whatever it is given with a right digest, so that the shape and the tensors are reached.
func FuzzUnmarshal(f *testing.F) {
	v := testVocabulary(f)
	file := tinyWeights(v).Marshal(v)
	body := file[:len(file)-sha256.Size]
	f.Add(body)
	f.Add(body[:headerSize])
	huge := bytes.Clone(body)
	binary.LittleEndian.PutUint32(huge[len(magic)+4:], 1<<31)
	f.Add(huge)
	f.Fuzz(func(t *testing.T, body []byte) {
		sum := sha256.Sum256(body)
		w, err := Unmarshal(append(bytes.Clone(body), sum[:]...), v)
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrForeign) {
				t.Fatalf("error without a kind: %v", err)
			}
			return
		}
		m, err := load(w)
		if err != nil {
			if !errors.Is(err, kernel.ErrWeights) && !errors.Is(err, model.ErrDamaged) {
				t.Fatalf("error without a kind: %v", err)
			}
			return
		}
		if _, err := newDecoder(m).read(User); err != nil && !errors.Is(err, model.ErrNotFinite) {
			t.Fatal(err)
		}
	})
}
