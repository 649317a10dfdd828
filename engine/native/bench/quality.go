package main

import (
	"fmt"
	"math"

	"agora/engine/native/gguf"
	"agora/engine/native/model"
	"agora/engine/native/tensor"
	"agora/engine/native/token"
)

var prompts = []string{
	"The capital of France is", "Once upon a time, there was a small village by the sea where", "To make bread you need flour, water,",
	"def fibonacci(n):\n", "The three laws of thermodynamics say that", "Dear Sir or Madam,\n\nI am writing to",
}

const continued = 40 // tokens after each prompt

// singles gives the matrices of a file as float32, so that nothing is rounded on the way through the model.
type singles struct{ *gguf.File }

func (s singles) Tensor(name string) (tensor.Tensor, bool) {
	t, ok := s.File.Tensor(name)
	if !ok || t.Type == tensor.F32 {
		return t, ok
	}
	out := tensor.Tensor{Name: t.Name, Type: tensor.F32, Shape: t.Shape, Data: make([]byte, 0, 4*t.Elements())}
	for _, v := range t.Floats() {
		b := math.Float32bits(v)
		out.Data = append(out.Data, byte(b), byte(b>>8), byte(b>>16), byte(b>>24))
	}
	return out, true
}

// quality compares the log-probabilities of the tokens that llama.cpp writes: its own, ours, and those of the same weights
// with nothing rounded.
func quality(path string) error {
	f, err := gguf.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	tok, err := token.FromGGUF(f)
	if err != nil {
		return err
	}
	ours, err := model.Open(path)
	if err != nil {
		return err
	}
	defer ours.Close()
	exact, err := model.Load(ours.Config, singles{f})
	if err != nil {
		return err
	}
	other, err := start(path)
	if err != nil {
		return err
	}
	defer other.stop()
	var a, b, c difference
	for _, text := range prompts {
		prompt := tok.Encode(text)
		if tok.AddBOS {
			prompt = append([]int32{tok.BOS}, prompt...)
		}
		answer, err := other.probabilities(prompt, continued)
		if err != nil {
			return err
		}
		x, err := logprobs(ours, prompt, answer.Tokens)
		if err != nil {
			return err
		}
		y, err := logprobs(exact, prompt, answer.Tokens)
		if err != nil {
			return err
		}
		a.add(x, answer.Logprobs)
		b.add(x, y)
		c.add(answer.Logprobs, y)
	}
	fmt.Printf("\nlog-probabilities of %d tokens, mean difference: Agora to llama.cpp %.4f, Agora to float32 %.4f, llama.cpp to float32 %.4f\n", a.n, a.mean(), b.mean(), c.mean())
	hold(path, "log-probabilities to llama.cpp", a.mean())
	hold(path, "log-probabilities to float32, of llama.cpp's", b.mean()/c.mean())
	return nil
}

type difference struct {
	sum float64
	n   int
}

func (d *difference) add(x, y []float64) {
	for i := range x {
		d.sum += math.Abs(x[i] - y[i])
		d.n++
	}
}

func (d *difference) mean() float64 { return d.sum / float64(d.n) }

type answer struct {
	Tokens   []int32
	Logprobs []float64
}

func (l *llama) probabilities(prompt []int32, n int) (answer, error) {
	var a answer
	if err := l.in.Encode(map[string]any{"prompt": prompt, "n": n, "probabilities": true}); err != nil {
		return a, err
	}
	err := l.read(&a)
	return a, err
}

// logprobs are the logarithms of the probabilities that a model gives to tokens after a prompt.
func logprobs(m *model.Model, prompt, tokens []int32) ([]float64, error) {
	all := append(append([]int32(nil), prompt...), tokens...)
	logits, err := m.NewRunner().Forward(model.Input{Sequence: m.NewSequence(), Tokens: all[:len(all)-1], Logits: len(tokens)})
	if err != nil {
		return nil, err
	}
	var out []float64
	for i, l := range logits {
		top, sum := float64(l[0]), 0.0
		for _, v := range l {
			top = max(top, float64(v))
		}
		for _, v := range l {
			sum += math.Exp(float64(v) - top)
		}
		out = append(out, float64(l[tokens[i]])-top-math.Log(sum))
	}
	return out, nil
}
