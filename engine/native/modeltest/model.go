package modeltest

import (
	"fmt"
	"math/rand/v2"

	"agora/engine/native/tensor"
)

// Shape is what a small model is to be.
type Shape struct {
	Architecture string        // llama, qwen2, qwen3, gemma3
	Types        []tensor.Type // of its matrices, in turn
	Embedding    tensor.Type
	Output       bool // a matrix of its own instead of the embeddings
	Width        int
	Seed         uint64
}

// Shapes between them use every architecture and every format.
var Shapes = []Shape{
	{Architecture: "llama", Types: []tensor.Type{tensor.Q41}, Embedding: tensor.Q80, Width: 64, Seed: 1},
	{Architecture: "llama", Types: []tensor.Type{tensor.Q40, tensor.Q80, tensor.Q50}, Embedding: tensor.Q80, Output: true, Width: 128, Seed: 2},
	{Architecture: "llama", Types: []tensor.Type{tensor.Q4K, tensor.Q6K}, Embedding: tensor.Q6K, Width: 256, Seed: 3},
	{Architecture: "llama", Types: []tensor.Type{tensor.F16, tensor.BF16, tensor.F32}, Embedding: tensor.F16, Output: true, Width: 64, Seed: 4},
	{Architecture: "qwen2", Types: []tensor.Type{tensor.Q80}, Embedding: tensor.BF16, Width: 128, Seed: 5},
	{Architecture: "qwen3", Types: []tensor.Type{tensor.Q40, tensor.F16}, Embedding: tensor.Q80, Width: 128, Seed: 6},
	{Architecture: "gemma3", Types: []tensor.Type{tensor.Q50, tensor.Q80, tensor.Q4K}, Embedding: tensor.Q80, Width: 256, Seed: 7},
}

// Text is n tokens of these models.
func Text(n int, seed uint64) []int32 {
	r := rand.New(rand.NewPCG(seed, 0))
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(r.IntN(280))
	}
	return out
}

// Vocabulary of every model here: end, the turn marks, the 256 bytes, and some merges.
const vocab = 3 + 256 + 29

// Model writes a model of two layers (gemma3: seven, so that one has no window) with a byte-level tokenizer.
func Model(s Shape) []byte {
	r := rand.New(rand.NewPCG(s.Seed, 7))
	f := &File{}
	width, hidden, heads, kvHeads, head, layers := s.Width, 2*s.Width, 4, 2, s.Width/4, 2
	if s.Architecture == "gemma3" {
		layers = 7
	}
	s.describe(f, hidden, heads, kvHeads, head, layers)
	Tokenizer(f)
	turn := 0
	matrix := func(name string, cols, rows int) {
		t := s.Types[turn%len(s.Types)]
		turn++
		f.Add(Random(r, name, t, 1/float64(cols)*4, cols, rows))
	}
	vector := func(name string, n int) { f.Add(around(Random(r, name, tensor.F32, 0.1, n), 1)) }
	f.Add(Random(r, "token_embd.weight", s.Embedding, 0.5, width, vocab))
	if s.Output {
		f.Add(Random(r, "output.weight", s.Embedding, 0.5, width, vocab))
	}
	vector("output_norm.weight", width)
	for i := range layers {
		p := fmt.Sprintf("blk.%d.", i)
		q, kv := heads*head, kvHeads*head
		vector(p+"attn_norm.weight", width)
		vector(p+"ffn_norm.weight", width)
		matrix(p+"attn_q.weight", width, q)
		matrix(p+"attn_k.weight", width, kv)
		matrix(p+"attn_v.weight", width, kv)
		matrix(p+"attn_output.weight", q, width)
		matrix(p+"ffn_gate.weight", width, hidden)
		matrix(p+"ffn_up.weight", width, hidden)
		matrix(p+"ffn_down.weight", hidden, width)
		s.extras(p, q, kv, head, vector)
	}
	return f.Bytes()
}

// describe writes the metadata.
func (s Shape) describe(f *File, hidden, heads, kvHeads, head, layers int) {
	f.Set("general.architecture", s.Architecture)
	f.Set("general.name", "random "+s.Architecture)
	for _, v := range []struct {
		key string
		n   int
	}{
		{"block_count", layers},
		{"embedding_length", s.Width},
		{"feed_forward_length", hidden},
		{"attention.head_count", heads},
		{"attention.head_count_kv", kvHeads},
		{"attention.key_length", head},
		{"attention.value_length", head},
		{"context_length", 512},
		{"vocab_size", vocab},
	} {
		f.Set(s.Architecture+"."+v.key, v.n)
	}
	f.Set(s.Architecture+".attention.layer_norm_rms_epsilon", float32(1e-5))
	f.Set(s.Architecture+".rope.freq_base", float32(10000))
	switch s.Architecture {
	case "gemma3":
		f.Set("gemma3.attention.sliding_window", 16)
	case "llama":
		f.Set("llama.rope.dimension_count", head)
	}
}

// extras adds the vectors of a layer that only some architectures have.
func (s Shape) extras(p string, q, kv, head int, vector func(name string, n int)) {
	if s.Architecture == "qwen2" {
		vector(p+"attn_q.bias", q)
		vector(p+"attn_k.bias", kv)
		vector(p+"attn_v.bias", kv)
	}
	if s.Architecture == "qwen3" || s.Architecture == "gemma3" {
		vector(p+"attn_q_norm.weight", head)
		vector(p+"attn_k_norm.weight", head)
	}
	if s.Architecture == "gemma3" {
		vector(p+"post_attention_norm.weight", s.Width)
		vector(p+"post_ffw_norm.weight", s.Width)
	}
}

// around moves the numbers of an F32 tensor to about x.
func around(t tensor.Tensor, x float32) tensor.Tensor {
	out := t.Floats()
	for i := range out {
		out[i] += x
	}
	return Floats(t.Name, out, t.Shape...)
}

// Tokenizer adds the vocabulary: three control tokens, the bytes, and merges of common pairs of letters.
func Tokenizer(f *File) {
	tokens := []string{"<|endoftext|>", "<|im_start|>", "<|im_end|>"}
	kinds := []int32{3, 3, 3}
	next := rune(256)
	for b := range 256 {
		r := rune(b)
		if !(b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae) {
			r, next = next, next+1
		}
		tokens, kinds = append(tokens, string(r)), append(kinds, 1)
	}
	var merges []string
	for _, m := range []string{
		"t h", "i n", "e r", "a n", "r e", "o n", "a t", "e n", "n d", "t i", "e s", "o r", "t e", "o f", "e d", "i s", "i t", "a l", "a r", "s t",
		"t o", "n t", "Ġ th", "Ġ an", "Ġth e", "Ġan d", "in g", "i on", "Ġ of",
	} {
		merges = append(merges, m)
		joined := ""
		for _, c := range m {
			if c != ' ' {
				joined += string(c)
			}
		}
		tokens, kinds = append(tokens, joined), append(kinds, 1)
	}
	f.Set("tokenizer.ggml.model", "gpt2")
	f.Set("tokenizer.ggml.pre", "gpt-2")
	f.Set("tokenizer.ggml.tokens", tokens)
	f.Set("tokenizer.ggml.token_type", kinds)
	f.Set("tokenizer.ggml.merges", merges)
	f.Set("tokenizer.ggml.bos_token_id", 1)
	f.Set("tokenizer.ggml.eos_token_id", 2)
	f.Set("tokenizer.ggml.add_bos_token", false)
	f.Set("tokenizer.chat_template", "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
}
