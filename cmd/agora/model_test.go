package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"agora/engine/native/modeltest"
	"agora/engine/native/tensor"
)

// model runs `agora model` with a store of its own.
func model(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := modelCommand()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	cmd.SetArgs(append(args, "--store", dir))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	err := cmd.ExecuteContext(ctx)
	return out.String(), err
}

func tinyModel(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	data := modeltest.Model(modeltest.Shape{Architecture: "llama", Types: []tensor.Type{tensor.Q41}, Embedding: tensor.Q80, Output: true, Width: 64, Seed: 1})
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAModelIsGotShownMeasuredAndRemoved(t *testing.T) {
	dir, path := t.TempDir(), tinyModel(t)
	for _, step := range []struct {
		args []string
		want string
	}{
		{[]string{"get", path, "--name", "mine", "--licence", "MIT"}, "agora model serve mine"},
		{[]string{"list"}, "mine"},
		{[]string{"list"}, "agora model get smollm2-135m"},
		{[]string{"list"}, "chat-large"},
		{[]string{"list", "--json"}, `"digest": "sha256:`},
		{[]string{"show", "mine"}, "chatml"},
		{[]string{"show", "mine", "--json"}, `"Licence": "MIT"`},
		{[]string{"show", path}, "chatml"},
		{[]string{"bench", "mine"}, "tokens per second"},
		{[]string{"bench", "mine"}, "digest sha256:"},
		{[]string{"eval", "mine", "--n", "1", "--json"}, `"digest": "sha256:`},
		{[]string{"eval", "mine", "--n", "3"}, "of 3 right"},
		{[]string{"eval", "chat-large", "--n", "30"}, "chat-large: "},
		{[]string{"remove", "mine"}, ""},
	} {
		out, err := model(t, dir, step.args...)
		if err != nil || !strings.Contains(out, step.want) {
			t.Errorf("agora model %s: %v, printed %q; want %q", strings.Join(step.args, " "), err, out, step.want)
		}
	}
	if _, err := model(t, dir, "show", "mine"); err == nil || !strings.Contains(err.Error(), "`agora model get` adds") || !strings.Contains(err.Error(), "chat-large") {
		t.Errorf("a model that is gone: %v", err)
	}
	if _, err := model(t, dir, "eval", "ngram-2"); err == nil || !strings.Contains(err.Error(), "continues texts") {
		t.Errorf("a model that does not answer: %v", err)
	}
}

func TestAModelIsTrainedMeasuredAndServed(t *testing.T) {
	dir := t.TempDir()
	args := []string{"train", "chat-pico", "--dir", dir, "--steps", "3", "--questions", "20", "--json"}
	out, err := model(t, t.TempDir(), args...)
	var list []trained
	if err != nil || json.Unmarshal([]byte(out), &list) != nil || len(list) != 1 || list[0].Parameters > 9000 {
		t.Fatalf("%v, printed %q", err, out)
	}
	shown, err := model(t, t.TempDir(), "show", list[0].File)
	if err != nil || !strings.Contains(shown, list[0].Digest) || !strings.Contains(shown, "mistral-v3") {
		t.Errorf("%v, printed %q", err, shown)
	}
	if _, err := model(t, t.TempDir(), "train", "chat-none", "--dir", dir); err == nil || !strings.Contains(err.Error(), "chat-pico") {
		t.Errorf("a model that nobody knows: %v", err)
	}
}

func TestModelServeIsAnOpenAIServer(t *testing.T) {
	cmd := modelCommand()
	from, to := io.Pipe()
	cmd.SetOut(to)
	cmd.SetArgs([]string{"serve", tinyModel(t), "--listen", "127.0.0.1:0", "--store", t.TempDir()})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- cmd.ExecuteContext(ctx); to.Close() }()
	said := make([]byte, 4096)
	n, err := from.Read(said)
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, from)
	if !strings.Contains(string(said[:n]), "sha256:") {
		t.Errorf("it says %q", said[:n])
	}
	url := regexp.MustCompile(`http://[^/]+/v1`).FindString(string(said[:n]))
	resp, err := http.Post(url+"/chat/completions", "application/json", strings.NewReader(`{"model":"tiny","max_tokens":5,"n":2,"temperature":1,"messages":[{"role":"user","content":"Hi"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Choices []struct{ Index int }
		Usage   struct {
			CompletionTokens int `json:"completion_tokens"`
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != 200 || len(answer.Choices) != 2 || answer.Usage.CompletionTokens < 2 {
		t.Errorf("%s: %+v, %v", resp.Status, answer, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("it ends with %v", err)
	}
}

func TestACopySaysHowFarItIs(t *testing.T) {
	var out bytes.Buffer
	p := &progress{to: &out}
	p.tell("downloading", 42e6, 100e6)
	p.tell("downloading", 43e6, 100e6) // too soon to say it again
	p.end()
	(&progress{to: &out, plain: true}).tell("asking", 3, 60)
	if got, want := out.String(), "downloading  [############..................]  42 %  42.0 MB of 100.0 MB\nasking       [#.............................]   5 %  3 of 60\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
