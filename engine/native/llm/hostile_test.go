package llm

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"agora/engine"
	"agora/engine/native/gguf"
	"agora/engine/native/kernel"
	"agora/engine/native/modeltest"
	"agora/engine/native/tensor"
)

// apart is a model's file cut into its directory, which ends with where the last tensor lies, and its weights.
func apart(f testing.TB, s modeltest.Shape) (directory, weights []byte) {
	file := modeltest.Model(s)
	opened, err := gguf.Parse(file)
	if err != nil {
		f.Fatal(err)
	}
	all := opened.Tensors()
	at := bytes.Index(file, all[0].Data)
	weights = file[at:]
	last := binary.LittleEndian.AppendUint64(nil, uint64(bytes.Index(weights, all[len(all)-1].Data)))
	return file[:bytes.LastIndex(file[:at], last)+len(last)], weights
}

func assemble(directory, weights []byte) []byte {
	return append(append(bytes.Clone(directory), make([]byte, -len(directory)&31)...), weights...)
}

// Whatever a file says of itself: an error, or a model that fits its weights and says the same at every level.
func FuzzOpen(f *testing.F) {
	defer kernel.Use(kernel.Level())
	small := modeltest.Shape{Architecture: "llama", Types: []tensor.Type{tensor.Q41}, Embedding: tensor.Q80, Output: true, Width: 64, Seed: 1}
	var weights [][]byte
	for i, architecture := range []string{"llama", "qwen2", "qwen3", "gemma3"} {
		small.Architecture = architecture
		directory, w := apart(f, small)
		weights = append(weights, w)
		if got := assemble(directory, w); !bytes.Equal(got, modeltest.Model(small)) {
			f.Fatal("the parts do not make the file")
		}
		f.Add(byte(i), directory)
	}
	f.Fuzz(func(t *testing.T, which byte, directory []byte) {
		file := assemble(directory, weights[int(which)%len(weights)])
		before := modeltest.Allocated()
		var said []byte
		for i, level := range []string{"portable", kernel.Level()} {
			kernel.Use(level)
			got := sayOf(t, file)
			if i > 0 && !bytes.Equal(got, said) {
				t.Errorf("%s says %q, portable code %q", level, got, said)
			}
			said = got
		}
		if spent := modeltest.Allocated() - before; spent > uint64(64*len(file)+64<<20) {
			t.Errorf("%d bytes allocated for %d", spent, len(file))
		}
	})
}

// sayOf is what a file's model answers, or why it does not.
func sayOf(t *testing.T, file []byte) (said []byte) {
	opened, err := gguf.Parse(file)
	if err != nil {
		return []byte(err.Error())
	}
	e, err := New(opened, Options{Name: "hostile", Context: 64})
	if err != nil {
		return []byte(err.Error())
	}
	defer e.Close()
	_, _, err = e.Chat(t.Context(), request(t, `{"model":"hostile","messages":[{"role":"user","content":"Hi"}],"max_tokens":3,"logprobs":true}`), func(k engine.Token) error {
		said = append(said, k.Bytes...)
		said = binary.LittleEndian.AppendUint64(said, math.Float64bits(k.Logprob))
		return nil
	})
	if err != nil {
		return []byte(err.Error())
	}
	return said
}
