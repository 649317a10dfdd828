package chat

import (
	"encoding/binary"
	"fmt"
	"math"

	"agora/engine/native/model"
	"agora/engine/native/tensor"
)

// decoder runs one sequence through a model. It is not safe for concurrent use; the model is only read.
type decoder struct {
	runner *model.Runner
	text   *model.Sequence
}

func newDecoder(m *model.Model) *decoder { return &decoder{m.NewRunner(), m.NewSequence()} }

// read goes on with these tokens and returns the logits of the one after them, one per entry of the vocabulary. They
// stay valid until the next call.
func (d *decoder) read(ids ...int32) ([]float32, error) {
	logits, err := d.runner.Forward(model.Input{Sequence: d.text, Tokens: ids, Logits: 1})
	if err != nil {
		return nil, err
	}
	return logits[0], nil
}

// load packs the weights for the engine that runs all native models.
func load(w *Weights) (*model.Model, error) {
	heads := w.Width / headSize
	from := singles{"token_embd.weight": single("token_embd.weight", w.Embed, w.Width, w.Vocab), "output_norm.weight": single("output_norm.weight", w.Norm, w.Width)}
	for i, l := range w.Layers {
		add := func(name string, x []float32, shape ...int) {
			name = fmt.Sprintf("blk.%d.%s.weight", i, name)
			from[name] = single(name, x, shape...)
		}
		square, wide := w.Width*w.Width, w.Width*w.Hidden
		add("attn_norm", l.AttentionNorm, w.Width)
		add("attn_q", l.QKV[:square], w.Width, w.Width)
		add("attn_k", l.QKV[square:2*square], w.Width, w.Width)
		add("attn_v", l.QKV[2*square:], w.Width, w.Width)
		add("attn_output", l.Out, w.Width, w.Width)
		add("ffn_norm", l.MLPNorm, w.Width)
		add("ffn_gate", l.GateUp[:wide], w.Width, w.Hidden)
		add("ffn_up", l.GateUp[wide:], w.Width, w.Hidden)
		add("ffn_down", l.Down, w.Hidden, w.Width)
	}
	return model.Load(model.Config{
		Architecture: "llama", Layers: len(w.Layers), Width: w.Width, Hidden: w.Hidden, Heads: heads, KVHeads: heads, Head: headSize, Rotary: headSize,
		Context: w.Context, Epsilon: 1e-5, RopeBase: 10000, RopeFactor: 1,
	}, from)
}

type singles map[string]tensor.Tensor

func (s singles) Tensor(name string) (tensor.Tensor, bool) {
	t, ok := s[name]
	return t, ok
}

// single is a float32 tensor of these numbers.
func single(name string, x []float32, shape ...int) tensor.Tensor {
	t := tensor.Tensor{Name: name, Type: tensor.F32, Shape: shape, Data: make([]byte, 0, 4*len(x))}
	for _, v := range x {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(v))
	}
	return t
}
