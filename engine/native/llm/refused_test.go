package llm

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agora/engine/native/modeltest"
	"agora/engine/native/tensor"
)

// Whatever is given for a model: one sentence that names it once, says what is wrong, and what to do.
func TestFilesThatAreNoModelSayWhatToDo(t *testing.T) {
	good := modeltest.Model(modeltest.Shape{Architecture: "llama", Types: []tensor.Type{tensor.Q41}, Embedding: tensor.Q80, Width: 64, Seed: 1})
	dir := t.TempDir()
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"empty":     {nil, "get it again"},
		"foreign":   {[]byte("\x7fELF and so on, a program"), "folders of config.json"},
		"text":      {[]byte("<html>not found</html>"), "which is what is read"},
		"version 2": {append([]byte("GGUF\x02\x00\x00\x00"), good[8:]...), "GGUF file of version 3"},
		"truncated": {good[:len(good)-1000], "get it again"},
		"damaged":   {bytes.Replace(good, []byte("llama.block_count"), []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 1), "layers is 0, want"},
		"lengths":   {bytes.Replace(good, []byte("\x14\x00\x00\x00\x00\x00\x00\x00general.architecture"), []byte("\xff\xff\xff\xff\xff\xff\xff\x7fgeneral.architecture"), 1), "get it again"},
		"new kind":  {bytes.ReplaceAll(good, []byte("llama"), []byte("mamba")), "llama, qwen2, qwen3 and gemma3 are"},
	} {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".gguf")
		if err := os.WriteFile(path, c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path, Options{})
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Count(err.Error(), path) != 1 {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "no config.json in the folder; a model is") || strings.Count(err.Error(), dir) != 1 {
		t.Errorf("a folder without a model: %v", err)
	}
}
