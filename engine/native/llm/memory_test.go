package llm

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"agora/engine"
	"agora/engine/native/batch"
	"agora/engine/native/model"
	"agora/engine/native/modeltest"
	"agora/engine/native/store"
	"agora/engine/native/tensor"
	"agora/wire/openai"
)

// A program that has loaded a model and answered has no more memory than the file, 30 MB, and the keys and values: weights are there
// once, packed, also where the file stays open for its embeddings. Each model has a process of its own.
func TestMemoryIsTheFileAndThirtyMegabytes(t *testing.T) {
	if path := os.Getenv("AGORA_TEST_MEMORY"); path != "" {
		answerWithinMemory(t, path)
		return
	}
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("the system does not tell what memory a process has")
	}
	paths := map[string]string{}
	for name, untied := range map[string]bool{"tied": false, "output of its own": true} {
		shape := modeltest.Shape{Architecture: "llama", Types: []tensor.Type{tensor.Q41}, Embedding: tensor.Q80, Output: untied, Width: 2048, Seed: 1}
		paths[name] = filepath.Join(t.TempDir(), "model.gguf")
		if err := os.WriteFile(paths[name], modeltest.Model(shape), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getenv("AGORA_NIGHTLY") != "" {
		paths["smollm2-135m"] = smollm(t)
	}
	for name, path := range paths {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), "AGORA_TEST_MEMORY="+path)
		out, err := cmd.CombinedOutput()
		if t.Logf("%s: %s", name, out); err != nil {
			t.Error(name, err)
		}
	}
}

// smollm is the file of a real model, fetched once into the user's cache.
func smollm(t *testing.T) string {
	s, err := store.Open("")
	if err != nil {
		t.Fatal(err)
	}
	entry, err := s.Get(t.Context(), store.Wanted{From: "smollm2-135m"})
	if err != nil {
		t.Fatal(err)
	}
	return entry.Path
}

func answerWithinMemory(t *testing.T, path string) {
	e, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	n := 200
	r := &openai.CompletionRequest{Prompt: "This is the story of a fisherman who could not swim.", MaxTokens: &n}
	used, _, err := e.Complete(context.Background(), r, func(engine.Token) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	status, _ := os.ReadFile("/proc/self/status")
	resident, _ := strconv.Atoi(string(regexp.MustCompile(`VmRSS:\s*(\d+) kB`).FindSubmatch(status)[1]))
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	cache := (used.TotalTokens + model.Page - 1) / model.Page * e.model.PageBytes()
	most := int(info.Size()) + 30e6 + cache
	t.Logf("%.1f MB; the file %.1f, keys and values of %d tokens %.1f", float64(resident)*1024/1e6, float64(info.Size())/1e6, used.TotalTokens, float64(cache)/1e6)
	if resident<<10 > most {
		t.Errorf("that is more than %.1f", float64(most)/1e6)
	}
}

// Whoever makes a model chooses what its keys and values take; who reads an answer again does not end by it.
func TestATextThatNeedsTooMuchMemoryIsNotRead(t *testing.T) {
	e := small(t, Options{})
	ids := modeltest.Text(2*model.Page, 1)
	if scores, err := e.Score(t.Context(), ids); err != nil || len(scores) != len(ids)-1 {
		t.Fatal(len(scores), err)
	}
	e.readable = e.Memory(len(ids)) - 1
	if scores, err := e.Score(t.Context(), ids); !errors.Is(err, batch.ErrTooLarge) || len(scores) > 0 {
		t.Errorf("%d scores, %v", len(scores), err)
	}
}
