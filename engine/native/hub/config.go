package hub

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"agora/engine/native/model"
	"agora/engine/native/tensor"
)

// config is config.json as far as it changes what a model computes.
type config struct {
	Type       string   `json:"model_type"`
	Width      int      `json:"hidden_size"`
	Hidden     int      `json:"intermediate_size"`
	Layers     int      `json:"num_hidden_layers"`
	Heads      int      `json:"num_attention_heads"`
	KVHeads    int      `json:"num_key_value_heads"`
	Head       int      `json:"head_dim"`
	Context    int      `json:"max_position_embeddings"`
	Epsilon    float64  `json:"rms_norm_eps"`
	Theta      float64  `json:"rope_theta"`
	Local      float64  `json:"rope_local_base_freq"`
	Scaling    *scaling `json:"rope_scaling"`
	Window     *int     `json:"sliding_window"`
	UseWindow  *bool    `json:"use_sliding_window"`
	Pattern    int      `json:"sliding_window_pattern"`
	Query      float64  `json:"query_pre_attn_scalar"`
	Tied       bool     `json:"tie_word_embeddings"`
	BOS        any      `json:"bos_token_id"`
	EOS        any      `json:"eos_token_id"`
	Activation string   `json:"hidden_act"`
}

type scaling struct {
	Type     string  `json:"rope_type"`
	Old      string  `json:"type"`
	Factor   float64 `json:"factor"`
	Low      float64 `json:"low_freq_factor"`
	High     float64 `json:"high_freq_factor"`
	Original float64 `json:"original_max_position_embeddings"`
}

func (s *scaling) kind() string {
	if s == nil {
		return ""
	}
	if s.Type != "" {
		return s.Type
	}
	return s.Old
}

var architectures = map[string]string{"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "gemma3_text": "gemma3"}

// shape is the model's, or an error that names what is not supported.
func (c *config) shape() (model.Config, error) {
	arch, ok := architectures[c.Type]
	m := model.Config{
		Architecture: arch, Layers: c.Layers, Width: c.Width, Hidden: c.Hidden, Heads: c.Heads, KVHeads: c.KVHeads, Head: c.Head,
		Context: c.Context, Epsilon: float32(c.Epsilon), RopeBase: c.Theta, RopeFactor: 1,
	}
	if !ok {
		return m, fmt.Errorf("%w: model type %q; llama, mistral, qwen2, qwen3 and gemma3_text are", model.ErrUnsupported, c.Type)
	}
	if m.KVHeads == 0 {
		m.KVHeads = m.Heads
	}
	if m.Head == 0 && m.Heads > 0 {
		m.Head = m.Width / m.Heads
	}
	if m.RopeBase == 0 {
		m.RopeBase = 10000
	}
	m.Rotary = m.Head
	switch c.Scaling.kind() {
	case "", "default", "llama3":
	case "linear":
		m.RopeFactor = c.Scaling.Factor
	default:
		return m, fmt.Errorf("%w: rope scaling %q", model.ErrUnsupported, c.Scaling.kind())
	}
	windowed := c.Window != nil && (c.UseWindow == nil || *c.UseWindow)
	if arch == "gemma3" {
		m.GELU, m.ScaleEmbed, m.RopeLocal, m.Pattern = true, true, c.Local, c.Pattern
		if m.RopeLocal == 0 {
			m.RopeLocal = 10000
		}
		if m.Pattern == 0 {
			m.Pattern = 6
		}
		if windowed {
			m.Window = *c.Window
		}
		if c.Query != 0 && c.Query != float64(m.Head) {
			return m, fmt.Errorf("%w: attention scaled by %v, not the head's %d", model.ErrUnsupported, c.Query, m.Head)
		}
		return m, nil
	}
	if windowed && *c.Window < m.Context {
		return m, fmt.Errorf("%w: a window of %d in every layer", model.ErrUnsupported, *c.Window)
	}
	if c.Activation != "" && c.Activation != "silu" {
		return m, fmt.Errorf("%w: activation %q", model.ErrUnsupported, c.Activation)
	}
	return m, nil
}

var tables = map[string]string{"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}

var parts = map[string]string{
	"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
	"self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
	"mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "post_attention_layernorm": "ffn_norm",
}

// gemmaParts differ from the others': there are norms after each part too.
var gemmaParts = map[string]string{
	"post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm", "post_feedforward_layernorm": "post_ffw_norm",
}

// rename is the name that GGUF gives a tensor.
func rename(name, arch string) (string, bool) {
	if to, ok := tables[name]; ok {
		return to, true
	}
	rest, ok := strings.CutPrefix(name, "model.layers.")
	layer, rest, found := strings.Cut(rest, ".")
	n, err := strconv.Atoi(layer)
	if !ok || !found || err != nil || n < 0 {
		return "", false
	}
	dot := strings.LastIndexByte(rest, '.')
	if dot < 0 {
		return "", false
	}
	to, ok := parts[rest[:dot]]
	if special, has := gemmaParts[rest[:dot]]; has && arch == "gemma3" {
		to, ok = special, true
	}
	return fmt.Sprintf("blk.%d.%s%s", n, to, rest[dot:]), ok
}

// ropeFactors adds what Llama 3.1 and later divide their rotary turns by: nothing for short waves, the factor for long
// ones, and a line between the two in between.
func (f *Folder) ropeFactors(c *config) {
	if c.Scaling.kind() != "llama3" {
		return
	}
	s, n := c.Scaling, f.Config.Rotary
	x := make([]float32, n/2)
	for i := range x {
		wave := 2 * math.Pi * model.RopeWave(f.Config.RopeBase, i, n)
		smooth := (s.Original/wave - s.Low) / (s.High - s.Low)
		switch {
		case wave < s.Original/s.High:
			x[i] = 1
		case wave > s.Original/s.Low:
			x[i] = float32(s.Factor)
		default:
			x[i] = float32(1 / (float64((1-smooth)/s.Factor) + smooth))
		}
	}
	f.tensors["rope_freqs.weight"] = single("rope_freqs.weight", x)
}

// single is a float32 tensor of these numbers.
func single(name string, x []float32) tensor.Tensor {
	t := tensor.Tensor{Name: name, Type: tensor.F32, Shape: []int{len(x)}}
	for _, v := range x {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(v))
	}
	return t
}
