package model

import (
	"math"
	"testing"

	"agora/engine/native/gguf"
	"agora/engine/native/modeltest"
)

// The first token meets every weight of every matrix once, and itself; each later one looks back at one more.
func TestWorkIsCountedFromTheShape(t *testing.T) {
	for _, shape := range modeltest.Shapes {
		f, err := gguf.Parse(modeltest.Model(shape))
		if err != nil {
			t.Fatal(err)
		}
		m, err := FromGGUF(f)
		if err != nil {
			t.Fatal(err)
		}
		weights := 0
		for _, one := range f.Tensors() {
			if len(one.Shape) == 2 && !(one.Name == "token_embd.weight" && shape.Output) { // a row of it is read, where the output has its own
				weights += one.Elements()
			}
		}
		back := uint64(2 * m.Layers * (perQuery*m.Heads + perKey*m.KVHeads) * m.Head)
		if got, want := m.Work(1), uint64(weights)+back; got != want {
			t.Errorf("%s: %d for a token, want %d", shape.Architecture, got, want)
		}
		if got, want := m.Work(4), 4*m.Work(1)+back*(1+2+3); got != want {
			t.Errorf("%s: %d for four tokens, want %d", shape.Architecture, got, want)
		}
		for _, n := range []int{1, Page, Page + 1} {
			s := m.NewSequence()
			if _, err := m.NewRunner().Forward(Input{Sequence: s, Tokens: modeltest.Text(n, 1)}); err != nil {
				t.Fatal(err)
			}
			if got := m.Memory(n); got != uint64(s.Bytes()) {
				t.Errorf("%s: %d bytes for %d tokens, want %d", shape.Architecture, got, n, s.Bytes())
			}
		}
		if m.Work(0) != 0 || m.Work(-1) != 0 || m.Work(m.Context+1) != m.Work(m.Context) {
			t.Errorf("%s: beyond the context", shape.Architecture)
		}
	}
	huge := &Model{Config: Config{Layers: maxLayers, Width: maxWidth, Hidden: maxHidden, Heads: maxHeads, KVHeads: maxHeads, Head: maxHead, Context: maxContext}, Vocab: maxVocab}
	if got := huge.Work(maxContext); got != math.MaxUint64 {
		t.Errorf("%d, want the most there is", got)
	}
}
