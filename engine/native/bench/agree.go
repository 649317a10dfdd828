package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"agora/engine/native/gguf"
	"agora/engine/native/model"
	"agora/engine/native/modeltest"
	"agora/engine/native/tensor"
	"agora/engine/native/token"
)

// texts to cut with both tokenizers.
const texts = 10_000

// tokenised compares how both cut fresh texts. Control tokens typed as text, which stay text here, are left out.
func tokenised(path string) error {
	f, err := gguf.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	tok, err := token.FromGGUF(f)
	if err != nil {
		return err
	}
	other, err := start(path)
	if err != nil {
		return err
	}
	defer other.stop()
	seed := rand.Uint64()
	r, alike := rand.New(rand.NewPCG(seed, 0)), 0
	for range texts / 500 {
		batch := make([]string, 500)
		for i := range batch {
			batch[i] = text(r)
		}
		var theirs struct{ Texts [][]int32 }
		if err := other.in.Encode(map[string]any{"texts": batch}); err != nil {
			return err
		}
		if err := other.read(&theirs); err != nil {
			return err
		}
		for i, want := range theirs.Texts {
			if got := tok.Encode(batch[i]); slices.Equal(got, want) {
				alike++
			} else {
				fmt.Printf("%q: %v here, %v there\n", batch[i], got, want)
			}
		}
	}
	fmt.Printf("tokenisation: %d of %d random texts alike (seed %d)\n", alike, texts, seed)
	hold(path, "texts cut otherwise", float64(texts-alike))
	return nil
}

var atoms = strings.Fields("the of and in Hello WORLD don't I'LL we've naïve Straße Ελληνικά русский 日本語 한국어 हिन्दी العربية ไทย 😀 👩‍👩‍👧 é é ½ Ⅷ ² ٣ 1 22 333 2026 3.14 1,000 " +
	"func(x) { } != == -> /* */ <br> &amp; https://a.b/c?d=e#f foo_bar fooBar $x @y #z % ^ ~ ` \\ | \" ' — … “q” «g» \u200b \u00ad a\u0301 ﬁ")

// text is a random one of up to 24 pieces: words, numbers, code, scripts, emoji, blanks.
func text(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(24) {
		switch r.IntN(8) {
		case 0:
			b.WriteString([]string{" ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", " \n ", "\u00a0", "\u3000"}[r.IntN(10)])
		case 1:
			for range 1 + r.IntN(6) {
				b.WriteByte(byte(' ' + r.IntN(95)))
			}
		case 2:
			if c := rune(r.IntN(0x2fff)); c >= ' ' {
				b.WriteRune(c)
			}
		default:
			b.WriteString(atoms[r.IntN(len(atoms))])
		}
		if r.IntN(2) == 0 {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// random compares log-probabilities for models of random weights: all architectures, all formats.
func random() error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var shapes []modeltest.Shape
	for _, architecture := range []string{"llama", "qwen2", "qwen3", "gemma3"} {
		shapes = append(shapes, modeltest.Shape{Architecture: architecture, Types: []tensor.Type{tensor.F32}, Embedding: tensor.F32, Output: true, Width: 256, Seed: 1})
	}
	for _, kind := range []tensor.Type{tensor.F16, tensor.BF16, tensor.Q40, tensor.Q41, tensor.Q50, tensor.Q80, tensor.Q4K, tensor.Q6K} {
		shapes = append(shapes, modeltest.Shape{Architecture: "llama", Types: []tensor.Type{kind}, Embedding: kind, Output: true, Width: 256, Seed: 1})
	}
	fmt.Print("random weights, mean difference of log-probabilities to llama.cpp:")
	for _, s := range shapes {
		path := filepath.Join(dir, "random.gguf")
		if err := os.WriteFile(path, modeltest.Model(s), 0o600); err != nil {
			return err
		}
		d, err := differs(path)
		if err != nil {
			return fmt.Errorf("%s of %s: %w", s.Architecture, s.Types[0], err)
		}
		fmt.Printf(" %s %s %.4f", s.Architecture, s.Types[0], d)
	}
	fmt.Println()
	return nil
}

// differs is the mean difference for the token that llama.cpp writes after each of forty texts; it leaves those out that are no whole
// character.
func differs(path string) (float64, error) {
	other, err := start(path)
	if err != nil {
		return 0, err
	}
	defer other.stop()
	m, err := model.Open(path)
	if err != nil {
		return 0, err
	}
	defer m.Close()
	var d difference
	for i := range 40 {
		prompt := modeltest.Text(10+2*i, uint64(i))
		answer, err := other.probabilities(prompt, 1)
		if err != nil {
			return 0, err
		}
		ours, err := logprobs(m, prompt, answer.Tokens)
		if err != nil {
			return 0, err
		}
		d.add(ours, answer.Logprobs)
	}
	return d.mean(), nil
}
