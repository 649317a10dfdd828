package hub

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agora/engine/native/gguf"
	"agora/engine/native/model"
	"agora/engine/native/modeltest"
	"agora/engine/native/tensor"
	"agora/engine/native/token"
)

// published writes a GGUF model as the folder that it would have come from.
func published(t testing.TB, f *gguf.File, modelType string) string {
	t.Helper()
	c, err := model.ConfigOf(f)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := token.FromGGUF(f)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writeJSON := func(name string, v any) {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		write(name, b)
	}
	_, untied := f.Tensor("output.weight")
	writeJSON("config.json", map[string]any{
		"model_type": modelType, "hidden_size": c.Width, "intermediate_size": c.Hidden, "num_hidden_layers": c.Layers, "num_attention_heads": c.Heads,
		"num_key_value_heads": c.KVHeads, "head_dim": c.Head, "max_position_embeddings": c.Context, "rms_norm_eps": 1e-5, "rope_theta": c.RopeBase,
		"tie_word_embeddings": !untied, "bos_token_id": 1, "eos_token_id": []int{2}, "sliding_window": nullable(c.Window),
	})
	vocab, added := map[string]int32{}, []map[string]any{}
	for i, s := range tok.Tokens {
		if tok.Kinds[i] == token.Control {
			added = append(added, map[string]any{"id": i, "content": s, "special": true})
		} else {
			vocab[s] = int32(i)
		}
	}
	var merges [][]string
	for _, m := range tok.Merges {
		merges = append(merges, strings.Split(m, " "))
	}
	writeJSON("tokenizer.json", map[string]any{
		"model": map[string]any{"type": "BPE", "vocab": vocab, "merges": merges}, "added_tokens": added,
		"pre_tokenizer": map[string]any{"type": "ByteLevel", "use_regex": true},
	})
	write("model.safetensors", safetensorsOf(t, f, c))
	return dir
}

func nullable(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

// safetensorsOf is the same tensors under their first names, with rotary pairs half a head apart and Gemma's norms less one.
func safetensorsOf(t testing.TB, f *gguf.File, c model.Config) []byte {
	t.Helper()
	directory, body := map[string]any{}, []byte{}
	names := map[string]string{}
	for from, to := range tables {
		names[to] = from
	}
	for from, to := range parts {
		names[to] = from
	}
	if c.Architecture == "gemma3" {
		for from, to := range gemmaParts {
			names[to] = from
		}
	}
	for _, x := range f.Tensors() {
		name, data := names[x.Name], x.Data
		if rest, ok := strings.CutPrefix(x.Name, "blk."); ok {
			p := strings.Split(rest, ".")
			name = "model.layers." + p[0] + "." + names[p[1]] + "." + p[2]
			if c.Adjacent && (p[1] == "attn_q" || p[1] == "attn_k") {
				data = unpaired(x, c.Head)
			}
		}
		if len(x.Shape) == 1 && c.Architecture == "gemma3" {
			y := x.Floats()
			for i := range y {
				y[i]--
			}
			data = modeltest.Floats("", y, len(y)).Data
		}
		shape := slices.Clone(x.Shape)
		slices.Reverse(shape)
		directory[name] = map[string]any{"dtype": x.Type.String(), "shape": shape, "data_offsets": []int{len(body), len(body) + len(data)}}
		body = append(body, data...)
	}
	head, err := json.Marshal(directory)
	if err != nil {
		t.Fatal(err)
	}
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head...), body...)
}

func unpaired(x tensor.Tensor, head int) []byte {
	var out []byte
	for r := range x.Shape[1] {
		h, j := r/head*head, r%head
		from := 2 * j
		if j >= head/2 {
			from = 2*(j-head/2) + 1
		}
		out = append(out, x.Row(h+from)...)
	}
	return out
}

func logits(t *testing.T, m *model.Model) []float32 {
	t.Helper()
	var tokens []int32
	for i := range int32(40) {
		tokens = append(tokens, i*7%280)
	}
	l, err := m.NewRunner().Forward(model.Input{Sequence: m.NewSequence(), Tokens: tokens, Logits: 1})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(l[0])
}

func TestFolderIsTheModelOfItsGGUF(t *testing.T) {
	for _, c := range []struct {
		architecture, modelType string
		types                   []tensor.Type
	}{
		{"llama", "llama", []tensor.Type{tensor.BF16}},
		{"llama", "mistral", []tensor.Type{tensor.F16, tensor.F32}},
		{"qwen2", "qwen2", []tensor.Type{tensor.BF16}},
		{"qwen3", "qwen3", []tensor.Type{tensor.F32}},
		{"gemma3", "gemma3_text", []tensor.Type{tensor.F32, tensor.BF16}},
	} {
		file, err := gguf.Parse(modeltest.Model(modeltest.Shape{Architecture: c.architecture, Types: c.types, Embedding: tensor.BF16, Output: c.modelType == "mistral", Width: 64, Seed: 11}))
		if err != nil {
			t.Fatal(err)
		}
		m, err := model.FromGGUF(file)
		if err != nil {
			t.Fatal(err)
		}
		folder, err := Open(published(t, file, c.modelType))
		if err != nil {
			t.Fatal(c.modelType, err)
		}
		again, err := model.Load(folder.Config, folder)
		if err != nil {
			t.Fatal(c.modelType, err)
		}
		want, got := logits(t, m), logits(t, again)
		for i := range want {
			if math.Abs(float64(got[i]-want[i])) > 2e-3*max(1, math.Abs(float64(want[i]))) {
				t.Errorf("%s: logit %d is %v, want %v", c.modelType, i, got[i], want[i])
				break
			}
		}
		tok, err := token.FromGGUF(file)
		if err != nil {
			t.Fatal(err)
		}
		text := "the end of the ring, and <|im_end|> 12 thing"
		if !slices.Equal(folder.Tokenizer.Encode(text), tok.Encode(text)) || !folder.Tokenizer.End(2) || folder.Tokenizer.BOS != 1 {
			t.Errorf("%s: another tokenizer", c.modelType)
		}
		if err := folder.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFoldersThatCannotRunAreRefusedByName(t *testing.T) {
	file, err := gguf.Parse(modeltest.Model(modeltest.Shape{Architecture: "qwen3", Types: []tensor.Type{tensor.BF16}, Embedding: tensor.BF16, Width: 64, Seed: 11}))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file, old, with string
		is              error
	}{
		"type":          {"config.json", `"qwen3"`, `"mamba"`, model.ErrUnsupported},
		"rope":          {"config.json", `"rope_theta"`, `"rope_scaling":{"rope_type":"yarn"},"rope_theta"`, model.ErrUnsupported},
		"window":        {"config.json", `"sliding_window":null`, `"sliding_window":128`, model.ErrUnsupported},
		"no head":       {"config.json", `"head_dim":16`, `"head_dim":-2`, model.ErrUnsupported},
		"vast head":     {"config.json", `"head_dim":16`, `"rope_scaling":{"rope_type":"llama3","factor":8},"head_dim":2000000000`, model.ErrUnsupported},
		"no factor":     {"config.json", `"rope_theta"`, `"rope_scaling":{"rope_type":"linear"},"rope_theta"`, model.ErrDamaged},
		"missing layer": {"config.json", `"num_hidden_layers":2`, `"num_hidden_layers":3`, model.ErrDamaged},
		"tokenizer":     {"tokenizer.json", `"BPE"`, `"Unigram"`, token.ErrUnsupported},
		"cut":           {"tokenizer.json", `"ByteLevel"`, `"Whitespace"`, token.ErrUnsupported},
		"far token":     {"tokenizer.json", `"id":2`, `"id":2000000`, token.ErrDamaged},
		"weights":       {"model.safetensors", `"BF16"`, `"FP16"`, nil},
	} {
		dir := published(t, file, "qwen3")
		path := filepath.Join(dir, c.file)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(b), c.old, c.with, 1)
		if changed == string(b) {
			t.Fatalf("%s: nothing to change", name)
		}
		if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		folder, err := Open(dir)
		if err == nil {
			_, err = model.Load(folder.Config, folder)
		}
		if err == nil || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLlama3RopeFactorsRunFromOneToTheFactor(t *testing.T) {
	f := &Folder{Config: model.Config{Rotary: 128, RopeBase: 500000}, tensors: map[string]tensor.Tensor{}}
	f.ropeFactors(&config{Scaling: &scaling{Type: "llama3", Factor: 8, Low: 1, High: 4, Original: 8192}})
	x := f.tensors["rope_freqs.weight"].Floats()
	if len(x) != 64 || x[0] != 1 || x[63] != 8 || !slices.IsSorted(x) {
		t.Errorf("%v", x)
	}
}

// inPieces is a tokenizer.json as SentencePiece's vocabularies are published: blanks are marks, bytes have tokens of their own.
func inPieces(t testing.TB, tokenizer []byte) []byte {
	var file map[string]any
	if err := json.Unmarshal(tokenizer, &file); err != nil {
		t.Fatal(err)
	}
	model := file["model"].(map[string]any)
	vocab, singles := map[string]any{}, 0
	for s, id := range model["vocab"].(map[string]any) {
		if len(s) == 2 && singles < 256 { // characters that byte-level vocabularies have for bytes
			s, singles = fmt.Sprintf("<0x%02X>", singles), singles+1
		}
		vocab[s] = id
	}
	model["vocab"], model["byte_fallback"], model["unk_token"] = vocab, true, "<|im_end|>"
	file["normalizer"] = map[string]any{"type": "Replace", "pattern": map[string]any{"String": " "}, "content": blank}
	file["pre_tokenizer"] = map[string]any{"type": "Metaspace", "replacement": blank, "prepend_scheme": "first", "split": false}
	b, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Whatever a folder's descriptions say: an error, or a model that fits its weights and reads what it wrote.
func FuzzOpen(f *testing.F) {
	file, err := gguf.Parse(modeltest.Model(modeltest.Shape{Architecture: "gemma3", Types: []tensor.Type{tensor.BF16}, Embedding: tensor.BF16, Width: 64, Seed: 11}))
	if err != nil {
		f.Fatal(err)
	}
	dir := published(f, file, "gemma3_text")
	config, tokenizer := filepath.Join(dir, "config.json"), filepath.Join(dir, "tokenizer.json")
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	c, tok := read(config), read(tokenizer)
	llama3 := bytes.Replace(c, []byte(`"rope_theta"`), []byte(`"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":8192},"rope_theta"`), 1)
	f.Add(c, tok)
	f.Add(c, inPieces(f, tok))
	f.Add(llama3, bytes.Replace(tok, []byte(`{"type":"ByteLevel","use_regex":true}`), []byte(`{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"ByteLevel"}]}`), 1))
	f.Fuzz(func(t *testing.T, c, tok []byte) {
		if os.WriteFile(config, c, 0o600) != nil || os.WriteFile(tokenizer, tok, 0o600) != nil {
			t.Fatal("cannot write")
		}
		before := modeltest.Allocated()
		folder, err := Open(dir)
		if err != nil {
			return
		}
		defer folder.Close()
		if m, err := model.Load(folder.Config, folder); err == nil {
			if _, err := m.NewRunner().Forward(model.Input{Sequence: m.NewSequence(), Tokens: []int32{0, 1, 2}, Logits: 1}); err != nil {
				t.Log(err)
			}
		}
		folder.Tokenizer.Decode(folder.Tokenizer.Encode("the end of the ring, and <|im_end|> 12"))
		if spent := modeltest.Allocated() - before; spent > uint64(64*(len(c)+len(tok))+32<<20) {
			t.Errorf("%d bytes allocated for %d", spent, len(c)+len(tok))
		}
	})
}
