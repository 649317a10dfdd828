package train

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"agora/engine/native/gguf"
	"agora/engine/native/tensor"
)

// chatTemplate is that of Mistral's third version, as its authors publish it, without tools and without a first token.
const chatTemplate = `{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\n\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"] + eos_token}}
    {%- endif %}
{%- endfor %}`

// licence of the models, an SPDX identifier.
const licence = "Apache-2.0"

// file writes the model as GGUF: matrices in Q8_0, the gains of norms in float32.
func (m *model) file(name string, v *Vocabulary) []byte {
	var w gguf.Writer
	w.Set("general.architecture", "llama")
	w.Set("general.name", name)
	w.Set("general.license", strings.ToLower(licence))
	for _, n := range []struct {
		key string
		n   int
	}{
		{"context_length", m.Context},
		{"embedding_length", m.Width},
		{"block_count", m.Layers},
		{"feed_forward_length", m.Hidden},
		{"rope.dimension_count", m.Head},
		{"attention.head_count", m.Heads},
		{"attention.head_count_kv", m.KVHeads},
		{"attention.key_length", m.Head},
		{"attention.value_length", m.Head},
	} {
		w.Set("llama."+n.key, n.n)
	}
	w.Set("llama.attention.layer_norm_rms_epsilon", float32(epsilon))
	w.Set("llama.rope.freq_base", float32(ropeBase))
	v.describe(&w)
	w.Add(m.quantised("token_embd.weight", m.embed.w, m.Width, m.Vocab))
	w.Add(gains("output_norm.weight", m.norm))
	for i, l := range m.layers {
		m.addLayer(&w, fmt.Sprintf("blk.%d.", i), l)
	}
	return w.Bytes()
}

func (v *Vocabulary) describe(w *gguf.Writer) {
	kinds := make([]int32, len(v.Kinds))
	for i, k := range v.Kinds {
		kinds[i] = int32(k)
	}
	w.Set("tokenizer.ggml.model", v.Model)
	w.Set("tokenizer.ggml.pre", v.Cut)
	w.Set("tokenizer.ggml.tokens", v.Tokens)
	w.Set("tokenizer.ggml.token_type", kinds)
	w.Set("tokenizer.ggml.merges", []string{})
	w.Set("tokenizer.ggml.eos_token_id", endToken)
	w.Set("tokenizer.ggml.add_bos_token", false)
	w.Set("tokenizer.chat_template", chatTemplate)
}

func (m *model) addLayer(w *gguf.Writer, prefix string, l layer) {
	d, h, q := m.Width, m.Hidden, m.Width
	kv := m.KVHeads * m.Head
	qkv, gateUp := turned(l.qkv), turned(l.gateUp)
	w.Add(gains(prefix+"attn_norm.weight", l.attentionNorm))
	w.Add(m.quantised(prefix+"attn_q.weight", m.adjacent(qkv[:q*d]), d, q))
	w.Add(m.quantised(prefix+"attn_k.weight", m.adjacent(qkv[q*d:][:kv*d]), d, kv))
	w.Add(m.quantised(prefix+"attn_v.weight", qkv[(q+kv)*d:], d, kv))
	w.Add(m.quantised(prefix+"attn_output.weight", turned(l.out), q, d))
	w.Add(gains(prefix+"ffn_norm.weight", l.mlpNorm))
	w.Add(m.quantised(prefix+"ffn_gate.weight", gateUp[:h*d], d, h))
	w.Add(m.quantised(prefix+"ffn_up.weight", gateUp[h*d:], d, h))
	w.Add(m.quantised(prefix+"ffn_down.weight", turned(l.down), h, d))
}

// turned is a matrix with one row per output.
func turned(p *parameter) []float32 {
	out := make([]float32, len(p.w))
	transpose(out, p.w, p.rows, p.cols)
	return out
}

// adjacent orders the rows of each head so that a rotary pair stands in neighbours, as files of this architecture have it.
func (m *model) adjacent(x []float32) []float32 {
	out, d, half := make([]float32, 0, len(x)), m.Width, m.Head/2
	for head := 0; head < len(x); head += m.Head * d {
		for i := range half {
			out = append(out, x[head+i*d:][:d]...)
			out = append(out, x[head+(half+i)*d:][:d]...)
		}
	}
	return out
}

func gains(name string, p *parameter) tensor.Tensor {
	t := tensor.Tensor{Name: name, Type: tensor.F32, Shape: []int{p.cols}}
	for _, v := range p.w {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(v))
	}
	return t
}

// quantised is x, rows × cols, in blocks of 32 signed bytes and a float16: x ≈ d·q with d = max|x|/127.
func (m *model) quantised(name string, x []float32, cols, rows int) tensor.Tensor {
	t := tensor.Tensor{Name: name, Type: tensor.Q80, Shape: []int{cols, rows}}
	for x = x[:cols*rows]; len(x) > 0; x = x[32:] {
		most := float32(0)
		for _, v := range x[:32] {
			most = max(most, max(v, -v))
		}
		half := tensor.ToHalf(most / 127)
		t.Data = binary.LittleEndian.AppendUint16(t.Data, half)
		d := tensor.Half(half)
		for _, v := range x[:32] {
			q := 0.0
			if d > 0 {
				q = math.Max(-127, math.Min(127, math.RoundToEven(float64(v/d))))
			}
			t.Data = append(t.Data, byte(int8(q)))
		}
	}
	return t
}
