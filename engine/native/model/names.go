package model

import "fmt"

// Reads lists the tensors that a model of this shape reads, by the names of GGUF, in canonical order: the tables, then
// layer by layer. The value says whether a model may lack it.
func (c *Config) Reads() (names []string, optional map[string]bool) {
	names = []string{"token_embd.weight", "output_norm.weight", "output.weight", "rope_freqs.weight"}
	parts := []string{
		"attn_norm.weight", "attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_output.weight",
		"ffn_norm.weight", "ffn_gate.weight", "ffn_up.weight", "ffn_down.weight",
	}
	switch c.Architecture {
	case "qwen2":
		parts = append(parts, "attn_q.bias", "attn_k.bias", "attn_v.bias")
	case "qwen3":
		parts = append(parts, "attn_q_norm.weight", "attn_k_norm.weight")
	case "gemma3":
		parts = append(parts, "attn_q_norm.weight", "attn_k_norm.weight", "post_attention_norm.weight", "post_ffw_norm.weight")
	}
	for i := range c.Layers {
		for _, p := range parts {
			names = append(names, fmt.Sprintf("blk.%d.%s", i, p))
		}
	}
	return names, map[string]bool{"output.weight": true, "rope_freqs.weight": true}
}
