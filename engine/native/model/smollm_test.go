package model_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"agora/engine/native/digest"
	"agora/engine/native/gguf"
	"agora/engine/native/kernel"
	"agora/engine/native/model"
	"agora/engine/native/store"
	"agora/engine/native/token"
)

const (
	steps = 200
	// golden is over the logits of 200 greedy tokens, the same at every level of the kernels and on every processor.
	golden = "38deb3899d9d47832624674d015163e293354ae6673866e173b9e037ee3b4d2c"
	prompt = "Once upon a time, in a small village by the sea, there lived a fisherman who had never learned to swim."
)

// smollm is the file of a real model, fetched once into the user's cache.
func smollm(t *testing.T) string {
	t.Helper()
	if os.Getenv("AGORA_NIGHTLY") == "" {
		t.Skip("fetches a model of 98 MB: AGORA_NIGHTLY=1, or make models")
	}
	s, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	e, err := s.Get(t.Context(), store.Wanted{From: "smollm2-135m"})
	if err != nil {
		t.Fatal(err)
	}
	return e.Path
}

func write(h hash.Hash, logits []float32) {
	b := make([]byte, 0, 4*len(logits))
	for _, v := range logits {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	h.Write(b)
}

// told is the hash of the logits of n greedy tokens in each of several texts that run together.
func told(t *testing.T, m *model.Model, ids []int32, n int, together int, pieces int) []string {
	t.Helper()
	r := m.NewRunner()
	inputs, hashes := make([]model.Input, together), make([]hash.Hash, together)
	for i := range inputs {
		hashes[i] = sha256.New()
		inputs[i] = model.Input{Sequence: m.NewSequence(), Tokens: ids, Logits: 1}
		for len(inputs[i].Tokens) > pieces {
			if _, err := r.Forward(model.Input{Sequence: inputs[i].Sequence, Tokens: inputs[i].Tokens[:pieces]}); err != nil {
				t.Fatal(err)
			}
			inputs[i].Tokens = inputs[i].Tokens[pieces:]
		}
	}
	for range n {
		logits, err := r.Forward(inputs...)
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range logits {
			write(hashes[i], l)
			inputs[i].Tokens = []int32{int32(slices.Index(l, slices.Max(l)))}
		}
	}
	var out []string
	for _, h := range hashes {
		out = append(out, fmt.Sprintf("%x", h.Sum(nil)))
	}
	return out
}

func TestSmolLMHasTheGoldenBits(t *testing.T) {
	path := smollm(t)
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	id, err := digest.Of(f)
	if err != nil || id.String() != store.Catalogue[0].Digest || id.Parameters != 134515008 {
		t.Errorf("digest %s of %d parameters, %v", id, id.Parameters, err)
	}
	tok, err := token.FromGGUF(f)
	if err != nil {
		t.Fatal(err)
	}
	ids := tok.Encode(prompt)
	m, err := model.FromGGUF(f)
	if err != nil {
		t.Fatal(err)
	}
	defer kernel.Use(kernel.Level())
	for _, level := range kernel.Levels() {
		kernel.Use(level)
		if got := told(t, m, ids, steps, 1, 1000)[0]; got != golden {
			t.Errorf("%s: %s", level, got)
		}
	}
	if testing.Short() {
		return
	}
	if got := told(t, m, ids, steps, 1, 5)[0]; got != golden {
		t.Errorf("prompt read five tokens at a time: %s", got)
	}
	for i, got := range told(t, m, ids, steps, 8, 7) {
		if got != golden {
			t.Errorf("text %d of eight: %s", i, got)
		}
	}
}

// The same test, compiled for other processors and other levels of this one: 200 tokens at every level that each has.
func TestSmolLMHasTheGoldenBitsOnOtherProcessors(t *testing.T) {
	smollm(t)
	for _, p := range processors {
		t.Run(p.name, func(t *testing.T) {
			run := p.build(t, "test", "-c", "agora/engine/native/model")
			out := output(t, append(run, "-test.v", "-test.short", "-test.timeout", "1h", "-test.run", "^TestSmolLMHasTheGoldenBits$"))
			if !strings.Contains(string(out), "--- PASS: TestSmolLMHasTheGoldenBits") {
				t.Errorf("%s", out)
			}
		})
	}
}
